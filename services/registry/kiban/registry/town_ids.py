"""
Ids of towns: minted by us, the same for everybody who reads the same data, and marked as ours.

The postal data carry no 町字ID, so a town's id is derived from what seldom changes: its municipality's code and its
name; where one municipality has two towns of one written name, from the reading too.  Not from postal codes, notes
or flags, which change every month.  `-k` says that the id is Kiban's: an official 町字ID is seven digits.

The folding of the name is part of the ids and must never change; search has a wider one of its own (`spelling`).
See docs/decisions/0010-town-ids.md.
"""

import hashlib
import unicodedata

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]


def mint(municipality: str, name: str, *, reading: str = "") -> str:
    """Derive a town's id; `reading` only where the written name is not alone in its municipality."""
    told = "\n".join(("kiban town 1", municipality, _folded(name), _folded(reading)))
    number = int.from_bytes(hashlib.sha256(told.encode()).digest()[:5])
    pairs = (number >> 30, number >> 20 & 1023, number >> 10 & 1023, number & 1023)
    return f"{municipality}-k" + "".join([_PAIRS[pair] for pair in pairs])


def _folded(name: str) -> str:
    """Full and half width are one, and so are the two sizes of ケ, between which editions waver."""
    return "".join(unicodedata.normalize("NFKC", name).split()).replace("ヶ", "ケ")
