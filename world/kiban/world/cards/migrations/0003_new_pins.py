"""New PINs that counters let holders set."""

import sqlalchemy as sa
from alembic import op

from kiban.shared.database import Blob, Instant

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "new_pins",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("pin_order", Blob, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("done_at", Instant),
    )
