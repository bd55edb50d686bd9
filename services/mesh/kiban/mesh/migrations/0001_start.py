"""The core's first schema."""

import sqlalchemy as sa
from alembic import op

from kiban.mesh.log_store import create_log_tables
from kiban.shared.database import Instant

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "keyring",
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "members",
        sa.Column("id", sa.String(63), primary_key=True),
        sa.Column("certificate", sa.LargeBinary, nullable=False),
        sa.Column("origin", sa.String(255), nullable=False),
        sa.Column("enrolled_at", Instant, nullable=False),
    )
    op.create_table(
        "epochs",
        sa.Column("domain", sa.String(63), nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("began_at", Instant, nullable=False),
        sa.UniqueConstraint("domain", "epoch", name="epochs_once"),
    )
    op.create_table(
        "evidence",
        sa.Column("request", sa.String(64), primary_key=True),
        sa.Column("member", sa.String(63), nullable=False),
        sa.Column("signed", sa.Text, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sa.Column("at", Instant, nullable=False),
    )
    create_log_tables(op.get_bind())
