"""A domain of pseudonyms may be of a member and an item, so its name is longer than a member's."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    with op.batch_alter_table("epochs") as table:
        table.alter_column("domain", existing_type=sa.String(63), type_=sa.String(100))
