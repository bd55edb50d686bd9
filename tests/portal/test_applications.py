"""Applications: frozen character by character, and each step gone once."""

import json

import pytest

from kiban.portal import applications
from kiban.portal.applications import Reference
from kiban.portal.contract import StepPassed
from kiban.shared import canonical
from tests.portal.builders import NOON, application, procedure, reference


def frozen(**answers):
    return applications.freeze(
        application(held=(reference(),)),
        procedure(),
        answers=answers or {"from_month": "2026-05", "confirm": True},
        consents=["c" * 32],
        at=NOON,
    )


def test_a_frozen_application_is_canonical_and_says_what_was_agreed():
    text = frozen().text

    assert canonical.encode(json.loads(text)).decode() == text
    assert json.loads(text) == {
        "kiban": "application/1",
        "procedure": "child-allowance",
        "edition": 1,
        "office": "kamakura",
        "answers": {"from_month": "2026-05", "confirm": True},
        "held": [
            {
                "field": "income",
                "item": "income",
                "provider": "tax",
                "layout": 1,
                "digest": "d" * 64,
                "exchange": "e" * 32,
                "leaf": "f" * 64,
            }
        ],
        "consents": ["c" * 32],
        "made_at": int(NOON.timestamp()),
    }


def test_another_answer_is_another_digest():
    assert frozen().digest != frozen(from_month="2026-06", confirm=True).digest


def test_a_frozen_application_does_not_show_itself():
    assert "2026-05" not in repr(frozen())


def test_a_reference_is_read_as_it_was_written():
    assert Reference.read(reference().document()) == reference()


def test_a_step_that_has_passed_is_refused():
    with pytest.raises(StepPassed) as refused:
        application("signed").require("answered")

    assert refused.value.members == {"sent": "signed", "expected": "answered"}


@pytest.mark.parametrize(
    ("state", "event", "after"),
    [
        ("signed", "received", "received"),
        ("submitted", "received", "received"),
        ("received", "waiting", "received"),
        ("received", "granted", "decided"),
        ("received", "refused", "decided"),
        ("received", "returned", "decided"),
        ("decided", "received", "decided"),
        ("decided", "completed", "decided"),
        ("decided", "withdrawn", "decided"),
    ],
)
def test_a_receipt_moves_an_application_forward_only(state, event, after):
    assert applications.after_receipt(state, event) == after


@pytest.mark.parametrize(
    ("known", "event", "shown"),
    [
        (None, "received", "received"),
        ("received", "granted", "granted"),
        ("granted", "withdrawn", "withdrawn"),
        ("withdrawn", "granted", "withdrawn"),
        ("withdrawn", "completed", "completed"),
        ("completed", "withdrawn", "completed"),
        ("completed", "granted", "completed"),
    ],
)
def test_what_came_after_a_grant_is_shown_in_whatever_order_it_is_heard(known, event, shown):
    assert applications.last_outcome(known, event) == shown
