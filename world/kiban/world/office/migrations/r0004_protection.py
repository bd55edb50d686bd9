"""What protects a person from violence is kept with the person."""

import sqlalchemy as sa
from alembic import op

from kiban.shared.database import JSONDocument

revision, down_revision, branch_labels, depends_on = "0004", "0003", None, None


def upgrade() -> None:
    op.add_column("office_people", sa.Column("marks", JSONDocument))
