"""The change office's first schema."""

import sqlalchemy as sa
from alembic import op

from kiban.shared.database import Instant
from kiban.shared.outbox import outbox_table

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "change_feeds",
        sa.Column("subscriber", sa.String(63), primary_key=True),
        sa.Column("feed", sa.String(32), nullable=False),
        sa.Column("last", sa.Integer, nullable=False),
    )
    op.create_table(
        "change_subscriptions",
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("subscriber", sa.String(63), nullable=False),
        sa.Column("item", sa.String(63), nullable=False),
        sa.Column("tag", sa.String(32), nullable=False),
        sa.Column("until", Instant, nullable=False),
        sa.PrimaryKeyConstraint("person", "subscriber"),
    )
    op.create_table(
        "change_announcements",
        sa.Column("announcer", sa.String(63), nullable=False),
        sa.Column("announcement", sa.String(32), nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("announcer", "announcement"),
    )
    op.create_table(
        "change_notices",
        sa.Column("subscriber", sa.String(63), nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("tag", sa.String(32), nullable=False),
        sa.Column("item", sa.String(63), nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("subscriber", "place"),
    )
    outbox_table(sa.MetaData(), "change_outbox").create(op.get_bind())
