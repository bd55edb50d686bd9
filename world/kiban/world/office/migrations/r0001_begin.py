"""The office's tables, as they were at first."""

import sqlalchemy as sa
from alembic import op

from kiban.shared.database import Instant, JSONDocument
from kiban.shared.outbox import outbox_table

revision, down_revision, branch_labels, depends_on = "0001", None, None, None
_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    outbox_table(sa.MetaData()).create(op.get_bind())
    op.create_table(
        "office_people",
        sa.Column("person", sa.String(64), primary_key=True),
        sa.Column("attributes", JSONDocument, nullable=False),
        sa.Column("acquired_at", Instant),
    )
    op.create_table(
        "office_records",
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("item", sa.String(63), nullable=False),
        sa.Column("values", JSONDocument, nullable=False),
        sa.Column("as_of", sa.String(10), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("flag", sa.String(30), nullable=False),
        sa.Column("loaded", sa.String(64)),
        sa.PrimaryKeyConstraint("person", "item"),
    )
    op.create_table(
        "office_consultations",
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("item", sa.String(63), nullable=False),
        sa.Column("inquirer", sa.String(63), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("asked_at", Instant, nullable=False),
        sa.Column("allowed", sa.Boolean),
        sa.Column("decided_at", Instant),
        sa.PrimaryKeyConstraint("person", "item", "inquirer", "version"),
    )
    op.create_table(
        "office_changes",
        sa.Column("number", _NUMBER, primary_key=True),
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("item", sa.String(63), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("at", Instant, nullable=False),
    )
    op.create_table(
        "office_applications",
        sa.Column("application", sa.String(32), primary_key=True),
        sa.Column("accepted", JSONDocument, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("received_at", Instant, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("message", JSONDocument),
        sa.Column("decided_at", Instant),
    )
    op.create_table(
        "office_readings",
        sa.Column("application", sa.String(32), nullable=False),
        sa.Column("item", sa.String(63), nullable=False),
        sa.Column("statement", JSONDocument),
        sa.Column("exchange", sa.String(32)),
        sa.Column("read_at", Instant),
        sa.PrimaryKeyConstraint("application", "item"),
    )
