"""Who announced a change is known of every one, so whether it was told to this agency alone stands for itself."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column(
        "changes", sa.Column("alone", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.execute("UPDATE changes SET alone = (announcer IS NOT NULL)")
