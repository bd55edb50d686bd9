"""The bank's tables, as they were at first."""

import sqlalchemy as sa
from alembic import op

from kiban.shared.database import Blob, Instant

revision, down_revision, branch_labels, depends_on = "0001", None, None, None


def upgrade() -> None:
    op.create_table(
        "bank_customers",
        sa.Column("sub", sa.String(255), primary_key=True),
        sa.Column("name", sa.String(200)),
        sa.Column("address", sa.String(400)),
        sa.Column("since", Instant, nullable=False),
        sa.Column("given_at", Instant, nullable=False),
    )
    op.create_table(
        "bank_attempts",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("attempt", Blob, nullable=False),
        sa.Column("until", Instant, nullable=False),
    )
    op.create_table(
        "bank_sessions",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("sub", sa.String(255), nullable=False),
        sa.Column("until", Instant, nullable=False),
    )
