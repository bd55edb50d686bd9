"""Any company's tables, and what a company needs to ask later, when the customer is not there."""

import sqlalchemy as sa
from alembic import op

from kiban.shared.database import Blob, Instant

revision, down_revision, branch_labels, depends_on = "0002", "0001", None, None


def upgrade() -> None:
    for name in ("customers", "attempts", "sessions"):
        op.rename_table(f"bank_{name}", name)
    op.add_column("customers", sa.Column("refresh_token", Blob))
    op.add_column("customers", sa.Column("tag", sa.String(100)))
    op.add_column("customers", sa.Column("asked_at", Instant))
    op.add_column("customers", sa.Column("ended_at", Instant))
    op.create_index("customers_asked", "customers", ["asked_at"])
