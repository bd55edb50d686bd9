"""Attributes change, and the later change stands."""

import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "0002", "0001", None, None
_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.add_column(
        "vault_residents", sa.Column("changed", _NUMBER, nullable=False, server_default="0")
    )
