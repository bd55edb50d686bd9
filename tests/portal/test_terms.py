"""Terms: what is put to the citizen is exactly what will be read, and by whom."""

from datetime import datetime, timedelta

from kiban.gateway.contract import ConsentRecord, terms_digest
from kiban.portal import terms
from kiban.portal.terms import Wish
from kiban.shared.clock import JAPAN
from tests.portal.builders import NOON, country, ids, procedure

SESSION_ENDS = NOON + timedelta(minutes=60)


def made():
    return terms.for_procedure(
        procedure(), country(), at=NOON, session_ends=SESSION_ENDS, new_id=ids()
    )


def test_the_citizen_approves_to_be_shown_each_held_item_until_the_session_ends():
    shown = [one for one in made().records if one.kind == "self"]

    assert [(one.item, one.provider) for one in shown] == [
        ("household", "kamakura"),
        ("income", "tax"),
        ("bank-account", "accounts"),
    ]
    assert {one.reader for one in shown} == {"portal"}
    assert {one.affair for one in shown} == {"self-information"}
    assert {one.until for one in shown} == {int(SESSION_ENDS.timestamp())}


def test_only_what_the_law_asks_consent_for_is_consented_to():
    (given,) = [one for one in made().records if one.kind == "consent"]

    assert (given.reader, given.provider, given.item) == ("kamakura", "accounts", "bank-account")
    assert given.affair == "child-allowance"
    assert given.purpose == dict(procedure().purpose)
    assert given.until == int(datetime(2026, 6, 1, tzinfo=JAPAN).timestamp())


def test_the_card_shows_the_same_moments_as_the_page_before_it():
    later = terms.for_procedure(
        procedure(),
        country(),
        at=NOON + timedelta(minutes=7),
        session_ends=SESSION_ENDS,
        new_id=ids(),
    )

    assert [one.until for one in later.records] == [one.until for one in made().records]


def test_the_parties_are_providers_and_readers_but_not_the_portal():
    assert made().parties("portal") == 3


def test_an_item_that_is_wished_for_twice_is_approved_once():
    wishes = [Wish("income", "tax"), Wish("income", "tax")]

    found = terms.for_showing(
        wishes, portal="portal", at=NOON, session_ends=SESSION_ENDS, new_id=ids()
    )

    assert len(found.records) == 1


def test_the_card_can_digest_what_it_is_shown():
    records = made().records

    read = [ConsentRecord.model_validate_json(terms.canonical_text(one)) for one in records]

    assert terms_digest([one.digest for one in read]) == terms_digest(
        [one.digest for one in records]
    )
