"""
Notices: those who are expected together, as the clerk sees them.

A family comes with one notice of moving out (転出届), which the municipality that they leave has sent ahead.  The page
shows it read-only, with whose word each value is, and one button.

Refused: a notice that is not there, a renewal for somebody who has not arrived.
Source: 住民基本台帳法 第22条 (転入届).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from kiban.shared.problems import Problem
from kiban.world.office.counter import Arrival, State

_FIRST: tuple[State, ...] = ("expected", "arrived", "withdrawn")


class NoSuchNotice(Problem):
    slug, title, status = "no-such-notice", "No such notice of moving is here", 404


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice, with everybody whom it names."""

    id: str
    people: tuple[Arrival, ...]

    @property
    def state(self) -> State:
        """As long as anybody is expected, the notice waits; who was withdrawn is not named beside others."""
        states = {each.state for each in self.people}
        return next(state for state in _FIRST if state in states)

    @property
    def coming(self) -> tuple[Arrival, ...]:
        """Who has yet to come; others of the notice may have come already."""
        return tuple(each for each in self.people if each.state == "expected")

    @property
    def came_from(self) -> str:
        return self.people[0].came_from

    def said(self, name: str) -> str:
        """What the notice says for everybody on it: the address, a day."""
        return text(self.people[0], name)

    def arrived(self, number: int) -> Arrival:
        """Somebody of this notice who lives here by now."""
        for each in self.people:
            if (each.number, each.state) == (number, "arrived"):
                return each
        raise NoSuchNotice("nobody of this notice has arrived under this number")


def together(arrivals: Iterable[Arrival]) -> list[Notice]:
    """Every notice once, by the day of the visit."""
    people: dict[str, list[Arrival]] = {}
    for each in arrivals:
        people.setdefault(each.notice, []).append(each)
    notices = [
        Notice(name, tuple(sorted(_here(those), key=lambda each: each.number)))
        for name, those in people.items()
    ]
    return sorted(notices, key=lambda notice: (notice.said("visit_day"), notice.id))


def _here(people: list[Arrival]) -> list[Arrival]:
    """Those of a notice who were not withdrawn, or everybody where all of them were."""
    return [each for each in people if each.state != "withdrawn"] or people


def find(arrivals: Iterable[Arrival], name: str) -> Notice:
    """The notice of this name."""
    for notice in together(arrivals):
        if notice.id == name:
            return notice
    raise NoSuchNotice("it was never sent, or is not kept any more")


def text(arrival: Arrival, name: str) -> str:
    """One value of a person, as it is shown; nothing where the notice does not say it."""
    value = arrival.values.get(name)
    return value if isinstance(value, str) else ""
