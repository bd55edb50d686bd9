"""Comparing: where an agency's own record and the history disagree, both sides are shown."""

from kiban.gateway.contract import Line, Statement
from kiban.portal import comparing
from kiban.portal.comparing import ITEM
from kiban.portal.held import Seen
from kiban.portal.records import Kept
from kiban.portal.terms import Wish


def line(exchange, **differs):
    facts = {"exchange": exchange * 32, "kind": "inquiry", "inquirer": "town", "provider": "tax",
             "affair": "work", "item": "income", "basis": "r", "leaf": "0" * 64, "index": 1,
             "answered": True}  # fmt: skip
    return Line(**facts | differs)


def kept(*exchanges, agency="tax", kind="inquiry"):
    notes = [{"exchange": one * 32, "kind": kind} for one in exchanges]
    statement = Statement(item=ITEM, provider=agency, layout=1, as_of="2026-04-01",
                          values={"exchanges": notes}, salt="0" * 32)  # fmt: skip
    return Kept(
        Wish(ITEM, agency), Seen(item=ITEM, provider=agency, outcome="held", statement=statement)
    )


def compared(lines, *offered):
    return comparing.compare(lines, offered)[0]


def test_records_that_tell_the_same_agree():
    found = compared([line("a"), line("b")], kept("a", "b"))

    assert (found.agreed, found.troubled) == (2, False)


def test_an_exchange_that_the_agency_did_not_note_is_shown():
    found = compared([line("a"), line("b")], kept("a"))

    assert found.missing_there == ("b" * 32,)
    assert found.troubled


def test_an_exchange_that_was_kept_back_from_the_history_is_shown():
    found = compared([line("a")], kept("a", "c"))

    assert found.missing_here == ("c" * 32,)
    assert found.troubled


def test_a_permit_that_was_never_answered_is_missing_at_nobody():
    unanswered = line("b", answered=None)

    assert not compared([line("a"), unanswered], kept("a")).troubled
    assert compared([unanswered], kept(agency="town")).missing_there == ("b" * 32,)


def test_the_reading_itself_counts_against_nobody():
    reading = line("d", inquirer="portal", item=ITEM)

    assert not compared([line("a"), reading], kept("a")).troubled


def test_an_agency_whose_record_was_not_read_is_said_to_be_unread():
    offered = Kept(Wish(ITEM, "tax"), None)

    assert not comparing.compare([line("a")], [offered])[0].known
