"""The counter's table, as it was at first."""

import sqlalchemy as sa
from alembic import op

from kiban.shared.database import Instant

revision, down_revision, branch_labels, depends_on = "0001", None, None, None


def upgrade() -> None:
    op.create_table(
        "counter_sessions",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("until", Instant, nullable=False),
    )
