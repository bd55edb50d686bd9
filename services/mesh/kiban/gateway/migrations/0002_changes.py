"""
What a gateway keeps of changes elsewhere: whom a tag is about, and the feed that its agency reads.

Also an index of the exchanges whose leaves are still to be found in the log's tree.
"""

import sqlalchemy as sa
from alembic import op

from kiban.shared.database import Instant

revision = "0002"
down_revision = "0001"
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "subscriptions",
        sa.Column("tag", sa.String(32), primary_key=True),
        sa.Column("item", sa.String(63), nullable=False),
        sa.Column("person", sa.String(64), nullable=False),
    )
    op.create_table(
        "changes",
        sa.Column("number", NUMBER, primary_key=True),
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("item", sa.String(63), nullable=False),
        sa.Column("announcer", sa.String(63)),
        sa.Column("at", Instant, nullable=False),
    )
    op.create_table(
        "announcements",
        sa.Column("announcer", sa.String(63), nullable=False),
        sa.Column("announcement", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("announcer", "announcement"),
    )
    open_ = (
        sa.text("proven = false")
        if op.get_bind().dialect.name == "postgresql"
        else sa.text("proven = 0")
    )
    op.create_index(
        "exchanges_unproven", "exchanges", ["number"], postgresql_where=open_, sqlite_where=open_
    )
