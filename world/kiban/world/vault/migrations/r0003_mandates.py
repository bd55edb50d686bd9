"""Which municipality told of a mandate."""

import sqlalchemy as sa
from alembic import op

from kiban.shared.database import Instant

revision, down_revision, branch_labels, depends_on = "0003", "0002", None, None


def upgrade() -> None:
    op.create_table(
        "vault_mandates",
        sa.Column("number", sa.String(32), primary_key=True),
        sa.Column("teller", sa.String(63), nullable=False),
        sa.Column("at", Instant, nullable=False),
    )
