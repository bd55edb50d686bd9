"""The vault's tables, as they were at first."""

import sqlalchemy as sa
from alembic import op

from kiban.shared.database import Blob, Instant, JSONDocument

revision, down_revision, branch_labels, depends_on = "0001", None, None, None
_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "vault_residents",
        sa.Column("place", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("person", sa.String(64), nullable=False, unique=True),
        sa.Column("fingerprint", sa.String(64), nullable=False, index=True),
        sa.Column("attributes", JSONDocument, nullable=False),
        sa.Column("address", JSONDocument, nullable=False),
        sa.Column("my_number", Blob, nullable=False, unique=True),
        sa.Column("code", Blob, nullable=False, unique=True),
        sa.Column("card_lost", sa.Boolean, nullable=False),
        sa.Column("registered_at", Instant),
    )
    op.create_table(
        "vault_certificates",
        sa.Column("number", _NUMBER, primary_key=True),
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("authority", sa.String(20), nullable=False),
        sa.Column("serial", sa.String(40), nullable=False),
        sa.Column("issued_at", Instant, nullable=False),
        sa.Column("ended_at", Instant),
        sa.UniqueConstraint("authority", "serial", name="vault_certificates_once"),
    )
