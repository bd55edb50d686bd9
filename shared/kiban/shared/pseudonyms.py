"""
Pseudonyms: how a person is called differently at each agency (機関別符号), in two modes behind one interface.

A mode says what a member sends to the core instead of its pseudonym (`blind`), what the core makes of it
(`convert`), and how the receiver gets its own pseudonym out of that (`unblind`).

* `Blind`, the default: the member divides its pseudonym by an unblinder that the core does not know.  The core
  learns who asks whom for what, never about whom.  Not protected against: the core together with anybody who
  holds a pseudonym or an unblinder of a person reads that person's pseudonyms everywhere.
* `Classic`, for comparison and for teaching: keyed encryption by a trusted converter, as most countries do.  The
  converter reads every pseudonym that passes, and can link everything that it converts.  A member cannot move
  to a new key by itself.

Source: DESIGN 5.1; the protocol's page, section 5.1; peers in the mesh's reference, section 2.6.
"""

import hashlib
from functools import lru_cache
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from kiban.shared import points
from kiban.shared.points import NotAPoint


class Mode(Protocol):
    """One way to convert pseudonyms.  A key is a scalar of the curve in either mode."""

    size: int
    """Bytes of a pseudonym."""

    def blind(self, code: bytes, seed: bytes, context: bytes, person: int = 0) -> bytes:
        """What is sent to the core instead of the code."""
        ...

    def unblind(self, code: bytes, seed: bytes, context: bytes, person: int = 0) -> bytes:
        """The receiver's own pseudonym, from what the core made."""
        ...

    def convert(self, codes: bytes, *, source: int | None, target: int) -> bytes:
        """The core's part: from a member's key (None: from person points) to another's."""
        ...

    def ratio(self, old: int, new: int) -> int | None:
        """What a member multiplies its pseudonyms by to move to the new key; None if it cannot."""
        ...


class Blind:
    size = points.SIZE

    def blind(self, code: bytes, seed: bytes, context: bytes, person: int = 0) -> bytes:
        return points.times(points.inverse(points.unblinder(seed, context, person)), code)

    def unblind(self, code: bytes, seed: bytes, context: bytes, person: int = 0) -> bytes:
        return points.times(points.unblinder(seed, context, person), code)

    def convert(self, codes: bytes, *, source: int | None, target: int) -> bytes:
        ready = _factor(source, target)
        return b"".join(points.times(ready, x) for x in points.split(codes))

    def ratio(self, old: int, new: int) -> int | None:
        return new * points.inverse(old) % points.ORDER


@lru_cache(maxsize=4096)
def _factor(source: int | None, target: int) -> ec.EllipticCurvePrivateKey:
    """One factor for each pair of members: making it ready costs as much as multiplying with it."""
    factor = target if source is None else target * points.inverse(source) % points.ORDER
    return points.key(factor)


class Classic:
    size = points.SIZE + 16

    def blind(self, code: bytes, seed: bytes, context: bytes, person: int = 0) -> bytes:  # noqa: ARG002
        return code

    def unblind(self, code: bytes, seed: bytes, context: bytes, person: int = 0) -> bytes:  # noqa: ARG002
        return code

    def convert(self, codes: bytes, *, source: int | None, target: int) -> bytes:
        width = points.SIZE if source is None else self.size
        if not codes or len(codes) % width:
            raise NotAPoint(f"{len(codes)} bytes are not a whole number of codes")
        people = [codes[at : at + width] for at in range(0, len(codes), width)]
        known = people if source is None else [self._open(source, code) for code in people]
        ready = _siv(target)
        return b"".join(ready.encrypt(person, None) for person in known)

    def ratio(self, old: int, new: int) -> int | None:  # noqa: ARG002
        return None

    def _open(self, key: int, code: bytes) -> bytes:
        try:
            return _siv(key).decrypt(code, None)
        except InvalidTag:
            raise NotAPoint("the code was not made under this key") from None


def _siv(key: int) -> AESSIV:
    return AESSIV(hashlib.sha512(b"kiban classic" + key.to_bytes(points.SIZE, "big")).digest())


def split(codes: bytes, mode: Mode) -> list[bytes]:
    """The single codes of a run of them."""
    if not codes or len(codes) % mode.size:
        raise NotAPoint(f"{len(codes)} bytes are not a whole number of codes")
    return [codes[at : at + mode.size] for at in range(0, len(codes), mode.size)]


MODES: dict[str, Mode] = {"blind": Blind(), "classic": Classic()}
