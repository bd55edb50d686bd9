"""The first schema: cards, their chips, and the ways back of cards that were held up."""

import sqlalchemy as sa
from alembic import op

from kiban.shared.database import Blob, Instant
from kiban.shared.keyring import keyring_table

revision = "0001"
down_revision = None


def upgrade() -> None:
    keyring_table(sa.MetaData()).create(op.get_bind())
    op.create_table(
        "cards",
        sa.Column("persona", sa.String(31), primary_key=True),
        sa.Column("name", Blob),
        sa.Column("issued_at", Instant, nullable=False),
    )
    op.create_table(
        "chips",
        sa.Column("persona", sa.String(31), primary_key=True),
        sa.Column("key", sa.String(14), primary_key=True),
        sa.Column("private_key", Blob, nullable=False),
        sa.Column("pin", Blob, nullable=False),
        sa.Column("errors", sa.Integer, nullable=False),
        sa.Column("certificate", Blob),
    )
    op.create_table(
        "tapped",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("location", Blob, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
    )
