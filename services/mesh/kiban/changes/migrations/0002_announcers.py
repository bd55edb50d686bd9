"""Who announced it, in each notice: the subscriber asks there, and nowhere else."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("change_notices", sa.Column("announcer", sa.String(63)))
