"""The office's own feed of changes gives way to announcements; it follows other offices' records."""

import sqlalchemy as sa
from alembic import op

from kiban.shared.database import Instant

revision, down_revision, branch_labels, depends_on = "0002", "0001", None, None
_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.drop_table("office_changes")
    op.create_table(
        "office_subscriptions",
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("item", sa.String(63), nullable=False),
        sa.Column("until", Instant, nullable=False),
        sa.Column("renew_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("person", "item"),
    )
    op.create_table(
        "office_feeds",
        sa.Column("feed", sa.String(20), primary_key=True),
        sa.Column("after", _NUMBER, nullable=False),
    )
    op.create_table(
        "office_followed",
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("item", sa.String(63), nullable=False),
        sa.Column("provider", sa.String(63), nullable=False),
        sa.Column("number", _NUMBER, nullable=False),
        sa.Column("exchange", sa.String(32)),
        sa.PrimaryKeyConstraint("person", "item", "provider"),
    )
