"""
The Merkle tree of the log: 32 bytes that stand for everything logged so far, in its order.

A leaf is proven to be in the tree by the hashes beside its way to the root, a larger tree to contain a smaller one
unchanged by a few subtrees of both.  What a proof needs is always a range of leaves; a range is made of complete
subtrees, and only those are ever read, through an argument: O(log n) of them.

Refused: a proof that is too long, too short, of other hashes, or for a tree of another shape.
Source: RFC 9162, sections 2.1.1 to 2.1.4.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

from kiban.shared.problems import Problem

HASH_SIZE = 32
EMPTY_ROOT = hashlib.sha256().digest()
LARGEST_SIZE = 2**63 - 1  # what tlog tooling and databases count to


class ProofRefused(Problem):
    slug, title, status = "log-proof-refused", "The log's proof does not hold", 502


@dataclass(frozen=True, slots=True)
class Node:
    """A complete subtree: the `index`-th of those with 2**level leaves."""

    level: int
    index: int


ReadHash = Callable[[Node], bytes]


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def fold(hashes: Iterable[bytes]) -> bytes:
    """The hash over neighbouring complete subtrees, each smaller than the one before it."""
    from_the_right = reversed(list(hashes))
    smallest = next(from_the_right, EMPTY_ROOT)
    return reduce(lambda right, left: node_hash(left, right), from_the_right, smallest)


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes that are all at hand."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root


class Frontier:
    """The right edge of a growing tree: its complete subtrees, largest first."""

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        self.size = size
        self._hashes = list(hashes)
        if len(self._hashes) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves has {size.bit_count()} complete subtrees")

    @property
    def root(self) -> bytes:
        return fold(self._hashes)

    def append(self, leaf: bytes) -> list[bytes]:
        """Add a leaf; give the hashes of all subtrees that it completes, the leaf itself first."""
        made = [leaf]
        place = self.size
        while place & 1:
            made.append(node_hash(self._hashes.pop(), made[-1]))
            place >>= 1
        self._hashes.append(made[-1])
        self.size += 1
        return made


def subtrees(leaves: range) -> list[Node]:
    """
    The complete subtrees that make up a range of leaves, from left to right.

    The range must be one that splitting a tree gives: it begins at a multiple of its largest subtree.
    """
    nodes = []
    start, end = leaves.start, leaves.stop
    while start < end:
        level = (end - start).bit_length() - 1
        nodes.append(Node(level, start >> level))
        start += 1 << level
    return nodes


def inclusion_ranges(index: int, size: int) -> list[range]:
    """The ranges whose hashes prove the leaf, in the order of the proof: from the leaf upwards."""
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    start, end = 0, size
    beside = []
    while end - start > 1:
        middle = _middle(start, end)
        if index < middle:
            beside.append(range(middle, end))
            end = middle
        else:
            beside.append(range(start, middle))
            start = middle
    return beside[::-1]


def consistency_ranges(first: int, second: int) -> list[range]:
    """The ranges whose hashes prove that the tree of `second` leaves begins with that of `first`."""
    if not 0 <= first <= second:
        raise ValueError(f"a tree of {second} cannot begin with one of {first}")
    if first in {0, second}:
        return []
    start, end = 0, second
    beside = []
    while end != first:
        middle = _middle(start, end)
        if first <= middle:
            beside.append(range(middle, end))
            end = middle
        else:
            beside.append(range(start, middle))
            start = middle
    # Where the smaller tree is itself a subtree, its root is known already and is left out.
    known = [] if start == 0 else [range(start, end)]
    return known + beside[::-1]


def inclusion_path(index: int, size: int, read_hash: ReadHash) -> list[bytes]:
    return [_range_hash(leaves, read_hash) for leaves in inclusion_ranges(index, size)]


def consistency_path(first: int, second: int, read_hash: ReadHash) -> list[bytes]:
    return [_range_hash(leaves, read_hash) for leaves in consistency_ranges(first, second)]


def verify_inclusion(
    leaf: bytes, index: int, size: int, path: Sequence[bytes], tree_root: bytes
) -> None:
    """Return silently if the leaf is the index-th of the tree with this size and root."""
    if not 0 <= index < size <= LARGEST_SIZE:
        raise ProofRefused(f"there is no leaf {index} in a tree of {size}")
    ranges = inclusion_ranges(index, size)
    _check_form(path, len(ranges))
    computed = leaf
    for leaves, beside in zip(ranges, path, strict=True):
        computed = (
            node_hash(computed, beside) if index < leaves.start else node_hash(beside, computed)
        )
    if computed != tree_root:
        raise ProofRefused(f"the leaf {index} and its path do not lead to the root of size {size}")


def verify_consistency(
    first: int, first_root: bytes, second: int, second_root: bytes, path: Sequence[bytes]
) -> None:
    """Return silently if the second tree begins with all leaves of the first, in their order."""
    if not 0 <= first <= second <= LARGEST_SIZE:
        raise ProofRefused(f"a tree of {second} leaves cannot contain one of {first}")
    ranges = consistency_ranges(first, second)
    _check_form(path, len(ranges))
    if not ranges:
        _check_without_path(first, first_root, second, second_root)
        return
    place, old, new = 0, first_root, first_root
    steps = list(zip(ranges, path, strict=True))
    if ranges[0].stop == first:  # the smaller tree's last subtree is not known by its root
        old = new = path[0]
        place = ranges[0].start
        steps = steps[1:]
    for leaves, beside in steps:
        if leaves.stop == place:
            old, new, place = node_hash(beside, old), node_hash(beside, new), leaves.start
        else:
            new = node_hash(new, beside)
    if old != first_root:
        raise ProofRefused(f"the proof does not lead to the root of size {first}")
    if new != second_root:
        raise ProofRefused(f"the tree of {second} does not begin with the tree of {first}")


def _check_without_path(first: int, first_root: bytes, second: int, second_root: bytes) -> None:
    if first == second and first_root != second_root:
        raise ProofRefused(f"two different trees of {first} leaves: the log has forked")
    if first == 0 and first_root != EMPTY_ROOT:
        raise ProofRefused("the root of no leaves is the hash of nothing")


def _check_form(path: Sequence[bytes], expected: int) -> None:
    if len(path) != expected:
        raise ProofRefused("the proof has another length", sent=len(path), expected=expected)
    if any(len(item) != HASH_SIZE for item in path):
        raise ProofRefused(f"each hash of a proof has {HASH_SIZE} bytes")


def _range_hash(leaves: range, read_hash: ReadHash) -> bytes:
    return fold(map(read_hash, subtrees(leaves)))


def _middle(start: int, end: int) -> int:
    """Where a tree splits: after the largest power of two that is smaller than it."""
    return start + (1 << (end - start - 1).bit_length() - 1)
