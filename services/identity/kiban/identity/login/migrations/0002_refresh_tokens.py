"""Refresh tokens: by which a relying party comes back later, while the person's consent stands."""

import sqlalchemy as sa
from alembic import op

from kiban.shared.database import Instant

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "refresh_tokens",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("client", sa.String(255), nullable=False),
        sa.Column("scope", sa.String(200), nullable=False),
        sa.Column("request", sa.String(32), nullable=False),
        sa.Column("holder", sa.String(64), nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("revoked_at", Instant),
    )
    op.create_index("refresh_tokens_of", "refresh_tokens", ["holder", "client"])
