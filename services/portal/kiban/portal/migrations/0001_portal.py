"""The portal's tables."""

import sqlalchemy as sa
from alembic import op

from kiban.shared.database import Blob, Instant, JSONDocument
from kiban.shared.outbox import outbox_table

revision = "0001"
down_revision = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    outbox_table(sa.MetaData()).create(op.get_bind())
    _people()
    _approvals()
    _applications()
    _told()


def _people() -> None:
    op.create_table(
        "people",
        sa.Column("person", sa.String(64), primary_key=True),
        sa.Column("subject", sa.String(64), nullable=False, unique=True),
        sa.Column("first_at", Instant, nullable=False),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("person", sa.String(64), nullable=False, index=True),
        sa.Column("began_at", Instant, nullable=False),
        sa.Column("seen_at", Instant, nullable=False),
        sa.Column("ends_at", Instant, nullable=False),
        sa.Column("ended_at", Instant),
    )


def _approvals() -> None:
    op.create_table(
        "approvals",
        sa.Column("number", _NUMBER, primary_key=True),
        sa.Column("id", sa.String(32), nullable=False, unique=True),
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("session", sa.String(64), nullable=False),
        sa.Column("application", sa.String(32), index=True),
        sa.Column("asked_at", Instant, nullable=False),
        sa.Column("approved_at", Instant),
        sa.Column("tokens", Blob),
        sa.Column("away", JSONDocument, nullable=False),
    )
    op.create_table(
        "consents",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("approval", sa.String(32), nullable=False, index=True),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("person", sa.String(64), nullable=False, index=True),
        sa.Column("record", JSONDocument, nullable=False),
        sa.Column("ended_at", Instant),
    )


def _applications() -> None:
    op.create_table(
        "applications",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("procedure", sa.String(64), nullable=False),
        sa.Column("edition", sa.BigInteger, nullable=False),
        sa.Column("office", sa.String(64), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("opened_at", Instant, nullable=False),
        sa.Column("changed_at", Instant, nullable=False),
        sa.Column("held", JSONDocument, nullable=False),
        sa.Column("answers", Blob),
        sa.Column("frozen", Blob),
        sa.Column("digest", sa.String(64)),
        sa.Column("exchange", sa.String(32)),
        sa.Column("leaf", sa.String(64)),
        sa.Column("outcome", sa.String(100)),
    )
    op.create_index("applications_of", "applications", ["person", "changed_at"])


def _told() -> None:
    op.create_table(
        "notices",
        sa.Column("id", _NUMBER, primary_key=True),
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("application", sa.String(32), nullable=False),
        sa.Column("office", sa.String(64), nullable=False),
        sa.Column("event", sa.String(20), nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("message", Blob, nullable=False),
        sa.Column("seen_at", Instant),
        sa.UniqueConstraint("application", "event", "at", name="notices_once"),
    )
    op.create_index("notices_of", "notices", ["person", "id"])
    op.create_table(
        "operations",
        sa.Column("id", _NUMBER, primary_key=True),
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("what", sa.String(40), nullable=False),
        sa.Column("about", sa.String(200), nullable=False),
    )
    op.create_index("operations_of", "operations", ["person", "id"])
    op.create_table(
        "feeds",
        sa.Column("office", sa.String(64), primary_key=True),
        sa.Column("cursor", sa.BigInteger, nullable=False),
    )
