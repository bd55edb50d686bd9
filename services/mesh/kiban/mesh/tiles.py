"""
Tiles: the tree as a set of files that never change, which anybody may fetch, cache and check.

A tile holds up to 256 neighbouring hashes; a hash of one level is the root of a full tile of the level below.  The
hashes between two levels are in no tile: they are computed from one.  What is published is also what is stored.

Refused: paths that are not written exactly as the specification writes them.
Source: c2sp.org/tlog-tiles.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from kiban.mesh.merkle import HASH_SIZE, Frontier, Node, ReadHash, node_hash, subtrees
from kiban.shared.problems import NotFound

HEIGHT = 8
WIDTH = 1 << HEIGHT
HIGHEST = 63 // HEIGHT  # no tree of fewer than 2**63 leaves has a hash above it

_PATH = re.compile(
    r"(?P<level>entries|0|[1-9][0-9]?)/(?P<index>(?:x[0-9]{3}/){0,4}[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class TileId:
    """Which tile: the `index`-th of its level."""

    level: int
    index: int


Tiles = Mapping[TileId, bytes]


@dataclass(frozen=True, slots=True)
class TilePath:
    """What is fetched: so many hashes of a tile, or (level None) so many entries of a bundle."""

    level: int | None
    index: int
    width: int = WIDTH

    @classmethod
    def read(cls, path: str) -> "TilePath":
        """Take apart what follows `tile/`."""
        found = _PATH.fullmatch(path)
        if not found:
            raise NotFound("no tile has such a path", expected="LEVEL/x001/x234/067 or ….p/WIDTH")
        level = None if found["level"] == "entries" else int(found["level"])
        index = int(re.sub("[x/]", "", found["index"]))
        tile = cls(level, index, int(found["width"] or WIDTH))
        if str(tile) != path:  # leading zeros, or a partial tile that is full
            raise NotFound("no tile has such a path", expected=str(tile))
        return tile

    def __str__(self) -> str:
        digits = f"{self.index:03}"
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        *above, last = [digits[at : at + 3] for at in range(0, len(digits), 3)]
        path = "".join(f"x{group}/" for group in above) + last
        level = "entries" if self.level is None else str(self.level)
        partial = f".p/{self.width}" if self.width < WIDTH else ""
        return f"{level}/{path}{partial}"


def holding(node: Node) -> TileId:
    """The tile from which a subtree's hash is computed."""
    level, above = divmod(node.level, HEIGHT)
    return TileId(level, node.index << above >> HEIGHT)


def needed(ranges: Iterable[range]) -> set[TileId]:
    """The tiles from which the hashes of these ranges are computed."""
    return {holding(node) for leaves in ranges for node in subtrees(leaves)}


def reader(tiles: Tiles) -> ReadHash:
    """A way to read the hash of a subtree out of tiles; each is computed once."""

    @cache
    def read_hash(node: Node) -> bytes:
        above = node.level % HEIGHT
        start = (node.index << above) % WIDTH * HASH_SIZE
        hashes = tiles[holding(node)][start : start + (HASH_SIZE << above)]
        if len(hashes) != HASH_SIZE << above:
            raise KeyError(node)
        return _complete(_cut(hashes))

    return read_hash


def edge(size: int) -> list[TileId]:
    """The tiles that are not full in a tree of this size: the lowest first."""
    widths = [size >> HEIGHT * level for level in range(HIGHEST + 1)]
    return [TileId(level, width >> HEIGHT) for level, width in enumerate(widths) if width % WIDTH]


@dataclass(frozen=True, slots=True)
class Growth:
    """A tree before and after leaves were appended, and the tiles that changed."""

    root_before: bytes
    size: int
    root: bytes
    tiles: dict[TileId, bytes]


def grow(size: int, tiles: Tiles, leaves: Sequence[bytes]) -> Growth:
    """Append leaf hashes to a tree; `tiles` has its `edge`."""
    frontier = Frontier(size, map(reader(tiles), subtrees(range(size))))
    before = frontier.root
    changed: dict[TileId, bytearray] = {}
    for index, leaf in enumerate(leaves, size):
        for level, made in enumerate(frontier.append(leaf)[::HEIGHT]):
            tile = TileId(level, index >> HEIGHT * level >> HEIGHT)
            if tile not in changed:
                held = (index >> HEIGHT * level) % WIDTH
                changed[tile] = bytearray(tiles.get(tile, b"")[: held * HASH_SIZE])
            changed[tile] += made
    return Growth(
        before,
        frontier.size,
        frontier.root,
        {tile: bytes(hashes) for tile, hashes in changed.items()},
    )


def entry_bundle(entries: Iterable[bytes]) -> bytes:
    """Entries as a bundle: each behind its length in two bytes."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def _cut(hashes: bytes) -> list[bytes]:
    return [hashes[at : at + HASH_SIZE] for at in range(0, len(hashes), HASH_SIZE)]


def _complete(hashes: list[bytes]) -> bytes:
    """The root over a power of two of hashes."""
    while len(hashes) > 1:
        hashes = [
            node_hash(left, right) for left, right in zip(hashes[::2], hashes[1::2], strict=True)
        ]
    return hashes[0]
