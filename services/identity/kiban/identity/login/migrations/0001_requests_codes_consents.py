"""The first schema: keyring, requests, codes, tokens, assertions, transactions, consents, disclosures, visits."""

import sqlalchemy as sa
from alembic import op

from kiban.shared.database import Blob, Instant, JSONDocument
from kiban.shared.keyring import keyring_table

revision = "0001"
down_revision = None


def upgrade() -> None:
    keyring_table(sa.MetaData()).create(op.get_bind())
    op.create_table(
        "requests",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("client", sa.String(255)),
        sa.Column("scope", sa.String(200), nullable=False),
        sa.Column("redirect_uri", sa.String(255), nullable=False),
        sa.Column("state", sa.String(255), nullable=False),
        sa.Column("nonce", sa.String(255), nullable=False),
        sa.Column("code_challenge", sa.String(43), nullable=False),
        sa.Column("transaction", sa.String(32)),
        sa.Column("asks_consent_again", sa.Boolean, nullable=False),
        sa.Column("browser", sa.String(64), nullable=False),
        sa.Column("challenge", sa.String(64), nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("answered_at", Instant),
        sa.Column("holder", sa.String(64)),
        sa.Column("card_code", sa.String(64)),
        sa.Column("kiban_token", Blob),
        sa.Column("returned_at", Instant),
        sa.Column("closed_at", Instant),
    )
    op.create_index("requests_end", "requests", ["expires_at"])
    op.create_table(
        "codes",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("request", sa.String(32), nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("spent_at", Instant),
    )
    op.create_table(
        "access_tokens",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("client", sa.String(255), nullable=False),
        sa.Column("scope", sa.String(200), nullable=False),
        sa.Column("request", sa.String(32)),
        sa.Column("holder", sa.String(64)),
        sa.Column("transaction", sa.String(32)),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("revoked_at", Instant),
    )
    op.create_index("access_tokens_request", "access_tokens", ["request"])
    op.create_table(
        "assertions",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("expires_at", Instant, nullable=False),
    )
    op.create_table(
        "transactions",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("client", sa.String(255), nullable=False),
        sa.Column("asked", JSONDocument, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("answered_at", Instant),
        sa.Column("result", Blob),
    )
    op.create_table(
        "consents",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("client", sa.String(255), nullable=False),
        sa.Column("holder", sa.String(64), nullable=False),
        sa.Column("attributes", JSONDocument, nullable=False),
        sa.Column("given_at", Instant, nullable=False),
        sa.Column("ended_at", Instant),
    )
    op.create_index("consents_of", "consents", ["holder", "client"])
    op.create_table(
        "disclosures",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("client", sa.String(255), nullable=False),
        sa.Column("holder", sa.String(64), nullable=False),
        sa.Column("attributes", JSONDocument, nullable=False),
        sa.Column("at", Instant, nullable=False),
    )
    op.create_index("disclosures_of", "disclosures", ["holder", "at"])
    op.create_table(
        "visits",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("holder", sa.String(64), nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
    )
