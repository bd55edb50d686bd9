"""In which language a front spoke with the person whom it sent."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("authorizations", sa.Column("language", sa.String(8)))
