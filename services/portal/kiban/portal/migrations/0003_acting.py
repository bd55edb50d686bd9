"""Who acts for whom: in a session, and in what was done."""

import sqlalchemy as sa
from alembic import op

from kiban.shared.database import Blob

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("sessions", sa.Column("proxy", sa.String(64)))
    op.add_column("sessions", sa.Column("mandate", sa.String(64)))
    op.add_column("sessions", sa.Column("mandates", Blob))
    op.create_index("ix_sessions_proxy", "sessions", ["proxy"])
    op.add_column("operations", sa.Column("proxy", sa.String(64)))
    op.add_column("operations", sa.Column("mandate", sa.String(64)))
    op.create_index("operations_by", "operations", ["proxy", "id"])
