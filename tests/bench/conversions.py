"""
Conversions: what the core multiplies, in one process on one core, beside the bare multiplication.

Flat as members grow: the factor of a pair of members is made ready once.
"""

from collections.abc import Callable
from itertools import cycle

from kiban.shared import points
from kiban.shared.pseudonyms import Blind
from tests.bench.measure import Row, Section, timed
from tests.bench.plan import Plan

PEOPLE = 64


def run(plan: Plan) -> Section:
    """Conversions a second and core, for few and for many pairs of members."""
    section = Section("conversions, one process on one core")
    person = points.times(points.draw(), points.person_point(b"one person"))
    ready, seconds = points.key(points.draw()), plan.pick(1.0, 0.2)
    bare = 1 / timed(lambda: points.times(ready, person), seconds=seconds)
    for pairs in (1, 1000):
        rate = PEOPLE / timed(_converting(person * PEOPLE, pairs), seconds=seconds)
        section.rows.append(Row(f"{PEOPLE} people, {pairs} pairs of members", rate))
    section.rows.append(Row("bare: the library's multiplication", bare))
    return section


def _converting(bulk: bytes, pairs: int) -> Callable[[], object]:
    mode = Blind()
    keys = cycle([(points.draw(), points.draw()) for _ in range(pairs)])

    def convert() -> None:
        source, target = next(keys)
        mode.convert(bulk, source=source, target=target)

    for _ in range(pairs):
        convert()
    return convert
