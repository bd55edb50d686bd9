"""The mandates of which a counter told."""

import sqlalchemy as sa
from alembic import op

from kiban.shared.database import Instant, JSONDocument

revision, down_revision, branch_labels, depends_on = "0002", "0001", None, None


def upgrade() -> None:
    op.create_table(
        "counter_mandates",
        sa.Column("number", sa.String(32), primary_key=True),
        sa.Column("principal", sa.String(64), nullable=False),
        sa.Column("proxy", sa.String(64), nullable=False),
        sa.Column("basis", sa.String(16), nullable=False),
        sa.Column("items", JSONDocument, nullable=False),
        sa.Column("affairs", JSONDocument, nullable=False),
        sa.Column("until", Instant, nullable=False),
        sa.Column("told_at", Instant, nullable=False),
        sa.Column("ended_at", Instant),
    )
