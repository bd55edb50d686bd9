"""Consents: exactly what the person approved, for exactly this inquiry, and nothing beside."""

from datetime import timedelta

import pytest

from kiban.gateway import consents
from kiban.gateway.consents import Consent
from kiban.gateway.contract import (
    ConsentEnded,
    ConsentRecord,
    ConsentRefused,
    NotConsented,
    terms_digest,
)
from kiban.shared.exchanges import Claims
from kiban.shared.identifiers import Pseudonym
from tests.organisation import NOW

AT = int(NOW.timestamp())
HANA, TARO = Pseudonym(b"h" * 32), Pseudonym(b"t" * 32)


def record(**differs):
    facts = {"id": "a" * 32, "kind": "consent", "reader": "bank", "provider": "tax", "affair": "loan",
             "item": "income", "purpose": {"ja": "", "en": ""}, "starts": AT, "until": AT + 900,
             "uses": "repeated"}  # fmt: skip
    return ConsentRecord(**facts | differs)


def consent(ended=False, uses=0, **differs):
    return Consent(record(**differs), HANA, uses, ended)


def inquiry(**differs):
    facts = {"id": "b" * 32, "kind": "inquiry", "inquirer": "bank", "provider": "tax",
             "affair": "loan", "item": "income", "until": AT + 60}  # fmt: skip
    return Claims(**facts | differs)


def approval(*records, bearer="portal", **differs):
    terms = terms_digest([one.digest for one in records])
    return Claims(id="c" * 32, kind="approve", inquirer=bearer, until=AT, terms=terms, **differs)


def test_the_inquiry_that_was_consented_to_passes():
    consent().check(inquiry(), [HANA], at=NOW)


@pytest.mark.parametrize(
    ("people", "claims"),
    [
        ([TARO], {}),
        ([], {}),
        ([HANA, TARO], {}),
        ([HANA], {"inquirer": "pension"}),
        ([HANA], {"provider": "pension"}),
        ([HANA], {"item": "address"}),
        ([HANA], {"affair": "marketing"}),
    ],
)
def test_an_inquiry_that_differs_in_one_part_is_refused(people, claims):
    with pytest.raises(NotConsented):
        consent().check(inquiry(**claims), people, at=NOW)


@pytest.mark.parametrize(
    ("held", "after"),
    [
        (consent(ended=True), timedelta(0)),
        (consent(), timedelta(seconds=900)),
        (consent(), timedelta(seconds=-1)),
        (consent(uses=1, starts=AT), timedelta(seconds=900)),
    ],
)
def test_a_consent_that_is_not_in_force_is_refused(held, after):
    with pytest.raises(ConsentEnded):
        held.check(inquiry(), [HANA], at=NOW + after)


def test_a_consent_for_one_use_serves_once():
    once = Consent(record(uses="once"), HANA, 1, ended=False)

    with pytest.raises(ConsentEnded, match="one use"):
        once.check(inquiry(), [HANA], at=NOW)


def test_what_the_person_approved_is_kept_by_each_party_that_it_names():
    first, second = record(), record(id="d" * 32, provider="accounts")
    terms = [first.digest, second.digest]

    for party in ("bank", "tax"):
        consents.check_approved([first], terms, approval(first, second), party=party)


@pytest.mark.parametrize(
    "attack",
    ["widened", "another party", "unapproved", "other terms", "no approval", "self for another"],
)
def test_a_consent_that_the_portal_turned_is_refused(attack):
    honest = record()
    records, terms, claims, party = [honest], [honest.digest], approval(honest), "tax"
    match attack:
        case "widened":
            records = [record(item="everything")]
        case "another party":
            party = "pension"
        case "unapproved":
            records, terms = [record(id="e" * 32)], [honest.digest]
        case "other terms":
            terms = [honest.digest, record(id="e" * 32).digest]
        case "no approval":
            claims = inquiry()
        case "self for another":
            records = [record(kind="self")]
            terms, claims = [records[0].digest], approval(records[0])

    with pytest.raises(ConsentRefused):
        consents.check_approved(records, terms, claims, party=party)


def test_a_consent_that_nobody_gave_is_refused():
    with pytest.raises(NotConsented):
        consents.require(None)
