"""The moving site's tables, as they were at first."""

import sqlalchemy as sa
from alembic import op

from kiban.shared.database import Blob, Instant

revision, down_revision, branch_labels, depends_on = "0001", None, None, None


def upgrade() -> None:
    op.create_table(
        "mover_visits",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("kept", Blob, nullable=False),
        sa.Column("until", Instant, nullable=False),
    )
