"""
Notices (お知らせ): what an office tells the citizen about an application.

Made of the receipts that the portal reads from each office: received, waiting, granted, refused, returned, withdrawn,
completed.  The office signed the receipt; the portal's gateway verified that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice to one person."""

    id: int
    application: str
    office: str
    event: str
    at: datetime
    message: Mapping[str, str]
    seen_at: datetime | None
