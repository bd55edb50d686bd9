"""Renewals of signature certificates at a counter, and the keys that cards made for them."""

import sqlalchemy as sa
from alembic import op

from kiban.shared.database import Blob, Instant

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "successors",
        sa.Column("persona", sa.String(31), primary_key=True),
        sa.Column("private_key", Blob, nullable=False),
    )
    op.create_table(
        "renewals",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("renewal", Blob, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("done_at", Instant),
    )
