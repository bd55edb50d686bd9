"""A gateway's first schema."""

import sqlalchemy as sa
from alembic import op

from kiban.shared.database import Instant, JSONDocument

revision = "0001"
down_revision = None
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "consents",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("code", sa.LargeBinary(), nullable=False),
        sa.Column("record", JSONDocument(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "cursors",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("next", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "deliveries",
        sa.Column("consent", sa.String(length=32), nullable=False),
        sa.Column("party", sa.String(length=63), nullable=False),
        sa.UniqueConstraint("consent", "party", name="deliveries_once"),
    )
    op.create_table(
        "entries",
        sa.Column("position", NUMBER, autoincrement=False, nullable=False),
        sa.Column("exchange", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("leaf", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index("ix_entries_exchange", "entries", ["exchange"], unique=False)
    op.create_table(
        "exchange_people",
        sa.Column("exchange", NUMBER, nullable=False),
        sa.Column("code", sa.LargeBinary(), nullable=False),
    )
    op.create_index("exchange_people_by_code", "exchange_people", ["code"], unique=False)
    op.create_table(
        "exchanges",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("exchange", sa.String(length=32), nullable=False),
        sa.Column("side", sa.String(length=10), nullable=False),
        sa.Column("counterpart", sa.String(length=63), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("affair", sa.String(length=63), nullable=True),
        sa.Column("item", sa.String(length=63), nullable=True),
        sa.Column("basis", sa.String(length=63), nullable=False),
        sa.Column("leaf", sa.String(length=64), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("result", sa.String(length=63), nullable=False),
        sa.Column("reply", sa.Text(), nullable=True),
        sa.Column("proven", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("exchange", "side", name="exchanges_once"),
    )
    op.create_table(
        "findings",
        sa.Column("exchange", sa.String(length=32), nullable=False),
        sa.Column("what", sa.String(length=20), nullable=False),
        sa.Column("by", JSONDocument(), nullable=False),
        sa.UniqueConstraint("exchange", "what", name="findings_once"),
    )
    op.create_table(
        "keyring",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "lines",
        sa.Column("position", NUMBER, nullable=False),
        sa.Column("code", sa.LargeBinary(), nullable=False),
        sa.Column("line", JSONDocument(), nullable=False),
        sa.UniqueConstraint("position", "code", name="lines_once"),
    )
    op.create_index("lines_by_code", "lines", ["code"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("topic", sa.String(length=100), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("body", JSONDocument(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", Instant(), nullable=False),
        sa.Column("done_at", Instant(), nullable=True),
        sa.Column("dead_at", Instant(), nullable=True),
        sa.Column("last_problem", sa.String(length=200), nullable=True),
        sa.Column("traceparent", sa.String(length=55), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("topic", "key", name="outbox_once"),
    )
    op.create_index(
        "outbox_due",
        "outbox",
        ["next_at"],
        unique=False,
        postgresql_where=sa.text("done_at IS NULL AND dead_at IS NULL"),
        sqlite_where=sa.text("done_at IS NULL AND dead_at IS NULL"),
    )
    op.create_table(
        "people",
        sa.Column("code", sa.LargeBinary(), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("code"),
        sa.UniqueConstraint("person"),
    )
    op.create_table(
        "receipts",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("application", sa.String(length=32), nullable=False),
        sa.Column("event", sa.String(length=20), nullable=False),
        sa.Column("receipt", JSONDocument(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("application", "event", name="receipts_once"),
    )
    op.create_table(
        "refusals",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("sender", sa.String(length=63), nullable=False),
        sa.Column("problem", sa.String(length=63), nullable=False),
        sa.Column("exchange", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("number"),
    )
