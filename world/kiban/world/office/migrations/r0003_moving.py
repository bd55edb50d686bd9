"""A record may end, may be told to one office alone, and says which application made it; who is expected to arrive."""

import sqlalchemy as sa
from alembic import op

from kiban.shared.database import JSONDocument
from kiban.world.office.store import likeness

revision, down_revision, branch_labels, depends_on = "0003", "0002", None, None
_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.add_column("office_people", sa.Column("likeness", sa.String(64)))
    _fill_in()
    op.create_index("office_people_likeness", "office_people", ["likeness"])
    for column in (
        sa.Column("ended_on", sa.String(10)),
        sa.Column("told_to", sa.String(63)),
        sa.Column("made_by", sa.String(32)),
    ):
        op.add_column("office_records", column)
    op.create_index("office_records_made_by", "office_records", ["made_by"])
    op.add_column("office_followed", sa.Column("as_of", sa.String(10)))
    op.create_table(
        "office_arrivals",
        sa.Column("number", _NUMBER, primary_key=True),
        sa.Column("notice", sa.String(32), nullable=False),
        sa.Column("came_from", sa.String(63), nullable=False),
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("item", sa.String(63), nullable=False),
        sa.Column("values", JSONDocument, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.UniqueConstraint("notice", "came_from", "person", name="office_arrivals_once"),
    )
    op.create_index("office_arrivals_of", "office_arrivals", ["person", "came_from"])


def _fill_in() -> None:
    """What people are found by follows from what is known of them."""
    people = sa.table(
        "office_people",
        sa.column("person", sa.String),
        sa.column("attributes", JSONDocument),
        sa.column("likeness", sa.String),
    )
    bind = op.get_bind()
    for person, attributes in bind.execute(sa.select(people.c.person, people.c.attributes)).all():
        found = likeness(attributes["name"], attributes["birth_date"])
        bind.execute(people.update().where(people.c.person == person).values(likeness=found))
