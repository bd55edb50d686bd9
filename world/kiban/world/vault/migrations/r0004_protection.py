"""Who is protected from violence."""

import sqlalchemy as sa
from alembic import op

from kiban.shared.database import Instant

revision, down_revision, branch_labels, depends_on = "0004", "0003", None, None


def upgrade() -> None:
    op.create_table(
        "vault_protections",
        sa.Column("person", sa.String(64), primary_key=True),
        sa.Column("office", sa.String(63), nullable=False),
        sa.Column("left", sa.String(63)),
        sa.Column("undisclosed", sa.Boolean, nullable=False),
        sa.Column("no_own_information", sa.Boolean, nullable=False),
        sa.Column("asked_at", Instant, nullable=False),
    )
