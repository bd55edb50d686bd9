"""The life of a certificate: every event does exactly what its row says."""

from typing import get_args

import pytest

from kiban.identity.authority import lifecycle
from kiban.identity.authority.contract import Revocation
from kiban.identity.authority.lifecycle import ENDINGS, Event, Reason
from kiban.shared.problems import Malformed


def test_every_event_of_the_contract_has_a_row():
    said = set(get_args(Revocation.model_fields["event"].annotation))

    assert said == set(ENDINGS) == set(get_args(Event))


def test_the_reasons_are_those_of_the_practice_statement():
    assert {event: ending.reason for event, ending in ENDINGS.items()} == {
        "loss": Reason.CERTIFICATE_HOLD,
        "compromise": Reason.KEY_COMPROMISE,
        "attributes-changed": Reason.AFFILIATION_CHANGED,
        "renewal": Reason.SUPERSEDED,
        "not-needed": Reason.CESSATION_OF_OPERATION,
        "death": Reason.CESSATION_OF_OPERATION,
    }


def test_a_change_of_attributes_ends_signature_certificates_only():
    lifecycle.ending_of("attributes-changed", "signature")

    with pytest.raises(Malformed):
        lifecycle.ending_of("attributes-changed", "authentication")


def test_loss_and_death_end_the_whole_card():
    assert {event for event, ending in ENDINGS.items() if ending.card} == {"loss", "death"}
