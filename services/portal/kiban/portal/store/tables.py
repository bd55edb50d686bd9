"""
What the portal keeps, table by table.

There is no name, no My Number, no pseudonym and no held value in these tables.  A person is the number that the
portal's own gateway uses, and the pairwise subject that login gives the portal.  What the citizen typed, what waits
to be sent and what an office wrote to the citizen is wrapped under the portal's secret and dropped when it has
served.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

from kiban.shared.database import Blob, Instant, JSONDocument
from kiban.shared.outbox import outbox_table

METADATA = MetaData()
_NUMBER = BigInteger().with_variant(Integer, "sqlite")
_PERSON = String(64)

OUTBOX = outbox_table(METADATA)
PEOPLE = Table(
    "people",
    METADATA,
    Column("person", _PERSON, primary_key=True),
    Column("subject", String(64), nullable=False, unique=True),
    Column("first_at", Instant, nullable=False),
)
SESSIONS = Table(
    "sessions",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("person", _PERSON, nullable=False, index=True),
    Column("began_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("proxy", _PERSON, index=True),
    Column("mandate", String(64)),
    Column("mandates", Blob),  # sealed under a key that only the browser brings
)
APPROVALS = Table(
    "approvals",
    METADATA,
    Column("number", _NUMBER, primary_key=True),  # in the order in which they were asked for
    Column("id", String(32), nullable=False, unique=True),
    Column("person", _PERSON, nullable=False),
    Column("session", String(64), nullable=False),
    Column("application", String(32), index=True),
    Column("asked_at", Instant, nullable=False),
    Column("approved_at", Instant),
    Column("tokens", Blob),  # wrapped; dropped when the gateway has them
    Column("away", JSONDocument, nullable=False),  # parties that could not be reached
)
CONSENTS = Table(
    "consents",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("approval", String(32), nullable=False, index=True),
    Column("place", Integer, nullable=False),
    Column("person", _PERSON, nullable=False, index=True),
    Column("record", JSONDocument, nullable=False),
    Column("ended_at", Instant),
)
APPLICATIONS = Table(
    "applications",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("person", _PERSON, nullable=False),
    Column("procedure", String(64), nullable=False),
    Column("edition", BigInteger, nullable=False),
    Column("office", String(64), nullable=False),
    Column("state", String(20), nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("held", JSONDocument, nullable=False),  # references, no values
    Column("answers", Blob),  # wrapped: what was typed
    Column("frozen", Blob),  # wrapped: the text that is signed, later with the signature
    Column("digest", String(64)),
    Column("exchange", String(32)),
    Column("leaf", String(64)),
    Column("outcome", String(100)),
    Index("applications_of", "person", "changed_at"),
)
NOTICES = Table(
    "notices",
    METADATA,
    Column("id", _NUMBER, primary_key=True),
    Column("person", _PERSON, nullable=False),
    Column("application", String(32), nullable=False),
    Column("office", String(64), nullable=False),
    Column("event", String(20), nullable=False),
    Column("at", Instant, nullable=False),
    Column("message", Blob, nullable=False),  # wrapped
    Column("seen_at", Instant),
    UniqueConstraint("application", "event", "at", name="notices_once"),
    Index("notices_of", "person", "id"),
)
OPERATIONS = Table(
    "operations",
    METADATA,
    Column("id", _NUMBER, primary_key=True),
    Column("person", _PERSON, nullable=False),
    Column("at", Instant, nullable=False),
    Column("what", String(40), nullable=False),
    Column("about", String(200), nullable=False),
    Column("proxy", _PERSON),
    Column("mandate", String(64)),
    Index("operations_of", "person", "id"),
    Index("operations_by", "proxy", "id"),
)
AUTHORIZATIONS = Table(
    "authorizations",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("front", String(255), nullable=False),
    Column("redirect_uri", String(255), nullable=False),
    Column("state", String(255)),
    Column("code_challenge", String(43), nullable=False),
    Column("key", String(43), nullable=False),
    Column("details", JSONDocument, nullable=False),
    Column("until", Instant, nullable=False),
    Column("person", _PERSON),
    Column("session", String(64)),
    Column("application", String(32), unique=True),
    Column("approval", String(32), unique=True),
    Column("code", String(64), unique=True),  # digests alone
    Column("code_until", Instant),
    Column("token", String(64), unique=True),
    Column("redeemed_at", Instant),
    Column("ended_at", Instant),
    Column("language", String(8)),
)
SPENT = Table(
    "spent_proofs",
    METADATA,
    Column("digest", String(64), primary_key=True),
    Column("until", Instant, nullable=False, index=True),
)
FEEDS = Table(
    "feeds",
    METADATA,
    Column("office", String(64), primary_key=True),
    Column("cursor", BigInteger, nullable=False),
)
