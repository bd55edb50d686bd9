"""What fronts asked for, and the proofs that they spent."""

import sqlalchemy as sa
from alembic import op

from kiban.shared.database import Instant, JSONDocument

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "authorizations",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("front", sa.String(255), nullable=False),
        sa.Column("redirect_uri", sa.String(255), nullable=False),
        sa.Column("state", sa.String(255)),
        sa.Column("code_challenge", sa.String(43), nullable=False),
        sa.Column("key", sa.String(43), nullable=False),
        sa.Column("details", JSONDocument, nullable=False),
        sa.Column("until", Instant, nullable=False),
        sa.Column("person", sa.String(64)),
        sa.Column("session", sa.String(64)),
        sa.Column("application", sa.String(32), unique=True),
        sa.Column("approval", sa.String(32), unique=True),
        sa.Column("code", sa.String(64), unique=True),
        sa.Column("code_until", Instant),
        sa.Column("token", sa.String(64), unique=True),
        sa.Column("redeemed_at", Instant),
        sa.Column("ended_at", Instant),
    )
    op.create_table(
        "spent_proofs",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("until", Instant, nullable=False, index=True),
    )
