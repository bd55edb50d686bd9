"""
Conversions: what the core multiplies, in one process on one core, beside the bare multiplication.

Flat as members grow: the factor of a pair of members is made ready once, as many as `_factor` remembers; a country has
more pairs than that only if everybody asks everybody.
"""

from collections.abc import Callable
from itertools import cycle

from cryptography.hazmat.primitives.asymmetric import ec

from kiban.shared import points
from kiban.shared.pseudonyms import Blind
from tests.bench.measure import Row, Section, beside, timed
from tests.bench.plan import Plan

PAIRS = (10, 1_000, 100_000)


def run(plan: Plan) -> Section:
    """Conversions a second and core, for few and for many pairs of members."""
    section = Section("conversions, a second and core, in one process")
    person = points.times(points.draw(), points.person_point(b"one person"))
    ready, seconds = points.key(points.draw()), plan.pick(1.5, 0.3)
    known, ecdh = points.decode(person), ec.ECDH()
    bare = timed(lambda: ready.exchange(ecdh, known), seconds=seconds)
    for pairs in PAIRS:
        rate = timed(_converting(person, pairs), seconds=seconds)
        section.rows.append(Row(f"{pairs} pairs of members", rate))
    bulk = timed(_converting(person * 64, 1), seconds=seconds)
    section.rows.append(Row("64 people in a bulk", 64 * bulk))
    section.rows.append(
        Row("back from the core: unblinded", timed(_unblinding(person), seconds=seconds))
    )
    section.rows.append(Row("bare: ECDH with a point that was read before", bare))
    return beside(section, bare)


def _converting(people: bytes, pairs: int) -> Callable[[], object]:
    mode, shared = Blind(), points.draw()
    keys = cycle([(shared, points.draw()) for _ in range(pairs)])

    def convert() -> bytes:
        source, target = next(keys)
        return mode.convert(people, source=source, target=target)

    for _ in range(min(pairs, 4096)):
        convert()
    return convert


def _unblinding(person: bytes) -> Callable[[], object]:
    mode, seed, context = Blind(), bytes(32), bytes(32)
    return lambda: mode.unblind(person, seed, context)
