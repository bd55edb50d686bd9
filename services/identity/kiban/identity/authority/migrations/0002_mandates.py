"""Mandates: who may act for whom, and when that ended."""

import sqlalchemy as sa
from alembic import op

from kiban.shared.database import Instant, JSONDocument

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "mandates",
        sa.Column("number", sa.String(32), primary_key=True),
        sa.Column("principal", sa.String(32), nullable=False),
        sa.Column("proxy", sa.String(32), nullable=False),
        sa.Column("basis", sa.String(16), nullable=False),
        sa.Column("items", JSONDocument, nullable=False),
        sa.Column("affairs", JSONDocument, nullable=False),
        sa.Column("starts", Instant, nullable=False),
        sa.Column("until", Instant, nullable=False),
    )
    op.create_index("mandates_of_principal", "mandates", ["principal"])
    op.create_index("mandates_of_proxy", "mandates", ["proxy"])
    op.create_table(
        "mandate_ends",
        sa.Column("number", sa.String(32), primary_key=True),
        sa.Column("at", Instant, nullable=False),
    )
