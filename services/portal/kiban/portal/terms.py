"""
Terms: exactly what a citizen approves at the card, record by record (同意).

Two kinds.  *For your eyes*: the portal may read an item as the person's own information (自己情報), until the session
ends; the portal alone can ask about nobody.  *Consent*: the office may read an item where the law alone does not
permit it, for its affair, until a day.  What the law permits by itself needs no approval, and none is asked.

Pure rules: ids are drawn by the caller.
Source: DESIGN 5.6, the protocol's page 5.6.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from kiban.gateway.contract import ConsentRecord
from kiban.portal.country import SELF, Country
from kiban.portal.procedures import Filed
from kiban.shared import canonical
from kiban.shared.clock import JAPAN, day_in_japan

PURPOSE_OF_SHOWING = {
    "ja": "ご本人の画面に表示するため",
    "en": "To show you your own information",
}
PURPOSE_FOR_A_PROXY = {
    "ja": "ご本人の代理をする方の画面に表示するため",
    "en": "To show it to somebody who acts for the person",
}
_A_LITTLE_EARLIER = timedelta(minutes=1)
"""Clocks of two members may differ; a consent that begins in the other's future would be refused."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What is approved in one go: the records in the order in which the card shows them."""

    records: tuple[ConsentRecord, ...]

    def parties(self, portal: str) -> int:
        """How many members are handed the approval: providers and readers, but not the portal itself."""
        named = {member for one in self.records for member in (one.provider, one.reader)}
        return len(named - {portal})


@dataclass(frozen=True, slots=True)
class Wish:
    """An item that the citizen wants to see."""

    item: str
    provider: str


def canonical_text(record: ConsentRecord) -> str:
    """What the card shows and digests, character by character."""
    return canonical.encode(record.model_dump()).decode()


def for_showing(
    wishes: Iterable[Wish],
    *,
    portal: str,
    purpose: Mapping[str, str] = PURPOSE_OF_SHOWING,
    at: datetime,
    session_ends: datetime,
    new_id: Callable[[], str],
) -> Terms:
    """One record for each item that is only to be shown."""
    return Terms(
        tuple(
            _for_your_eyes(wish, portal, purpose, at=at, until=session_ends, record=new_id())
            for wish in dict.fromkeys(wishes)
        )
    )


def for_procedure(
    procedure: Filed,
    country: Country,
    *,
    at: datetime,
    session_ends: datetime,
    new_id: Callable[[], str],
    purpose: Mapping[str, str] = PURPOSE_OF_SHOWING,
    latest: int | None = None,
) -> Terms:
    """What the citizen sees for each held field, and what the office reads by consent, until `latest` if need be."""
    shown = for_showing(
        (Wish(field.item, field.provider) for field in procedure.held),
        portal=country.portal,
        purpose=purpose,
        at=at,
        session_ends=session_ends,
        new_id=new_id,
    )
    given = _consents(procedure, at=at, new_id=new_id)
    if latest is not None:
        given = tuple(one.model_copy(update={"until": min(one.until, latest)}) for one in given)
    return Terms(shown.records + given)


def for_front(
    procedure: Filed | None,
    items: Iterable[Wish],
    country: Country,
    *,
    front: Mapping[str, str],
    at: datetime,
    session_ends: datetime,
    new_id: Callable[[], str],
) -> Terms:
    """What a private service is handed through the person, by its name, and what the office reads by consent."""
    fields = procedure.held if procedure else ()
    shown = for_showing(
        [*(Wish(field.item, field.provider) for field in fields), *items],
        portal=country.portal,
        purpose={
            "ja": f"ご本人を通じて「{front['ja']}」に渡すため",
            "en": f"To hand it, through you, to {front['en']}",
        },
        at=at,
        session_ends=session_ends,
        new_id=new_id,
    )
    given = _consents(procedure, at=at, new_id=new_id) if procedure else ()
    return Terms(shown.records + given)


def showing(*, to_a_proxy: bool) -> Mapping[str, str]:
    """For what an item is read that is only to be shown: whose screen it will be on."""
    return PURPOSE_FOR_A_PROXY if to_a_proxy else PURPOSE_OF_SHOWING


def _consents(
    procedure: Filed, *, at: datetime, new_id: Callable[[], str]
) -> tuple[ConsentRecord, ...]:
    return tuple(
        ConsentRecord(
            id=new_id(),
            kind="consent",
            reader=procedure.office,
            provider=field.provider,
            affair=procedure.affair,
            item=field.item,
            purpose=dict(procedure.purpose),
            starts=_seconds(at - _A_LITTLE_EARLIER),
            until=_seconds(_end_of_day(at, procedure.consent_days)),
            uses="repeated",
        )
        for field in procedure.held
        if field.consent
    )


def _for_your_eyes(
    wish: Wish,
    portal: str,
    purpose: Mapping[str, str],
    *,
    at: datetime,
    until: datetime,
    record: str,
) -> ConsentRecord:
    return ConsentRecord(
        id=record,
        kind="self",
        reader=portal,
        provider=wish.provider,
        affair=SELF,
        item=wish.item,
        purpose=dict(purpose),
        starts=_seconds(at - _A_LITTLE_EARLIER),
        until=_seconds(until),
        uses="repeated",
    )


def _end_of_day(at: datetime, days: int) -> datetime:
    """Midnight in Japan: the same whenever on a day the terms are written, here and on the card's page."""
    last = day_in_japan(at) + timedelta(days=days + 1)
    return datetime.combine(last, time(), JAPAN)


def _seconds(at: datetime) -> int:
    return int(at.timestamp())
