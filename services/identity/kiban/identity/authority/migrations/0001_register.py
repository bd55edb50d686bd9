"""The authority's first schema."""

import sqlalchemy as sa
from alembic import op

from kiban.shared.database import Instant, JSONDocument

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "keyring",
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "authorities",
        sa.Column("authority", sa.String(16), primary_key=True),
        sa.Column("generation", sa.Integer, primary_key=True),
        sa.Column("certificate", sa.LargeBinary, nullable=False),
    )
    _people()
    _certificates()
    _revocations()
    op.create_table(
        "acts",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("member", sa.String(63), nullable=False),
        sa.Column("act", sa.String(40), nullable=False),
        sa.Column("evidence", sa.String(64), nullable=False),
        sa.Column("record", sa.String(32)),
    )
    op.create_table(
        "copies",
        sa.Column("copy", sa.String(32), primary_key=True),
        sa.Column("seen", sa.BigInteger, nullable=False),
    )


def _people() -> None:
    op.create_table(
        "residents",
        sa.Column("record", sa.String(32), primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False, unique=True),
        sa.Column("code_index", sa.String(64), nullable=False, unique=True),
        sa.Column("registered_at", Instant, nullable=False),
    )
    op.create_table(
        "attributes",
        sa.Column("record", sa.String(32), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("body", JSONDocument, nullable=False),
        sa.Column("at", Instant, nullable=False),
    )
    op.create_table(
        "handles",
        sa.Column("handle", sa.String(64), primary_key=True),
        sa.Column("record", sa.String(32), nullable=False),
        sa.Column("verifier", sa.String(63), nullable=False),
    )


def _certificates() -> None:
    op.create_table(
        "keys",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("owner", sa.String(120), nullable=False),
    )
    op.create_table(
        "intents",
        sa.Column("authority", sa.String(16), primary_key=True),
        sa.Column("serial", sa.String(40), primary_key=True),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("shard", sa.String(20), nullable=False),
        sa.Column("owner", sa.String(120), nullable=False),
        sa.Column("key_digest", sa.String(64), nullable=False),
        sa.Column("renewal", sa.Integer, nullable=False),
        sa.Column("replaces", sa.String(40)),
        sa.Column("body", JSONDocument, nullable=False),
        sa.Column("draft", sa.LargeBinary, nullable=False),
        sa.Column("not_before", Instant, nullable=False),
        sa.Column("not_after", Instant, nullable=False),
        sa.Column("ordered_at", Instant, nullable=False),
        sa.UniqueConstraint("authority", "key_digest", "renewal", name="intents_once"),
    )
    op.create_index("intents_of_owner", "intents", ["owner"])
    op.create_index("intents_of_shard", "intents", ["authority", "shard"])
    op.create_table(
        "certificates",
        sa.Column("authority", sa.String(16), primary_key=True),
        sa.Column("serial", sa.String(40), primary_key=True),
        sa.Column("fingerprint", sa.String(64), nullable=False, unique=True),
        sa.Column("der", sa.LargeBinary, nullable=False),
        sa.Column("issued_at", Instant, nullable=False),
    )


def _revocations() -> None:
    op.create_table(
        "revocations",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("authority", sa.String(16), nullable=False),
        sa.Column("serial", sa.String(40), nullable=False),
        sa.Column("shard", sa.String(20), nullable=False),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column("reason", sa.Integer, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.UniqueConstraint("authority", "serial", name="revocations_once"),
    )
    op.create_index("revocations_of_shard", "revocations", ["authority", "shard"])
    op.create_table(
        "revocation_lists",
        sa.Column("authority", sa.String(16), primary_key=True),
        sa.Column("shard", sa.String(20), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("entries", sa.Integer, nullable=False),
        sa.Column("der", sa.LargeBinary, nullable=False),
        sa.Column("this_update", Instant, nullable=False),
    )
