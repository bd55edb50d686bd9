"""
The own record (情報提供等記録): what a gateway itself noted of the exchanges about a person.

Inquirer, provider, core and portal each keep a record.  A citizen may read an agency's own one like any item that the
agency holds, under the agency's own pseudonym, and compare: an exchange that stands there and not in the log's lines,
or the other way round, is shown and not hidden.  Against a core that spoils lines and a portal that keeps them back
nothing else helps.

Sources: DESIGN 5.4; the protocol's page, attack H6; 番号法 第23条.
"""

from collections.abc import Sequence
from datetime import datetime

from pydantic import JsonValue

from kiban.gateway.contract import ExchangeNote, Held
from kiban.shared import canonical

ITEM = "exchange-records"
"""The item under which every gateway answers with its own record, whatever its agency holds."""


def held(notes: Sequence[ExchangeNote], *, at: datetime) -> Held:
    """The notes as a record like any other; its version is its content."""
    exchanges = [
        {
            "exchange": note.exchange,
            "side": note.side,
            "counterpart": note.counterpart,
            "kind": note.kind,
            "about": note.item or "",
            "at": datetime.fromtimestamp(note.at, at.tzinfo).isoformat(timespec="seconds"),
        }
        for note in notes
    ]
    return Held(
        values={"exchanges": [dict[str, JsonValue](one) for one in exchanges]},
        as_of=f"{at:%Y-%m-%d}",
        version=canonical.digest(exchanges),
    )
