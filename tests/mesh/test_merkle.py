"""The tree: known values, a second opinion, every shape up to 300 leaves, and false proofs."""

import pymerkle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiban.mesh import merkle
from kiban.mesh.merkle import Frontier, Node, ProofRefused, leaf_hash
from tests.vectors import rfc9162

MOST = 300
LEAVES = [leaf_hash(str(number).encode()) for number in range(MOST)]
ROOTS = [merkle.root(LEAVES[:size]) for size in range(MOST + 1)]
SIZES = st.integers(1, MOST)


def read_hash(node: Node) -> bytes:
    width = 1 << node.level
    return merkle.root(LEAVES[node.index * width : (node.index + 1) * width])


def inclusion(index: int, size: int) -> list[bytes]:
    return merkle.inclusion_path(index, size, read_hash)


def consistency(first: int, second: int) -> list[bytes]:
    return merkle.consistency_path(first, second, read_hash)


def of_the_vectors(node: Node) -> bytes:
    width = 1 << node.level
    leaves = list(map(leaf_hash, rfc9162.LEAVES))
    return merkle.root(leaves[node.index * width : (node.index + 1) * width])


@pytest.fixture(scope="module")
def second_opinion() -> pymerkle.InmemoryTree:
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for number in range(MOST):
        tree.append_entry(str(number).encode())
    return tree


@pytest.mark.parametrize("size", range(9))
def test_the_roots_of_the_known_tree_are_the_known_ones(size):
    leaves = map(leaf_hash, rfc9162.LEAVES[:size])

    assert merkle.root(list(leaves)).hex() == rfc9162.ROOTS[size]


@pytest.mark.parametrize(("index", "size"), rfc9162.INCLUSION)
def test_the_known_inclusion_proofs_are_made_and_hold(index, size):
    path = merkle.inclusion_path(index, size, of_the_vectors)

    assert [item.hex() for item in path] == rfc9162.INCLUSION[index, size]
    merkle.verify_inclusion(
        leaf_hash(rfc9162.LEAVES[index]), index, size, path, bytes.fromhex(rfc9162.ROOTS[size])
    )


@pytest.mark.parametrize(("first", "second"), rfc9162.CONSISTENCY)
def test_the_known_consistency_proofs_are_made_and_hold(first, second):
    path = merkle.consistency_path(first, second, of_the_vectors)

    assert [item.hex() for item in path] == rfc9162.CONSISTENCY[first, second]
    old, new = (bytes.fromhex(rfc9162.ROOTS[size]) for size in (first, second))
    merkle.verify_consistency(first, old, second, new, path)


@given(st.integers(0, MOST - 1), SIZES)
def test_every_leaf_is_proven_as_another_implementation_proves_it(second_opinion, index, size):
    if index >= size:
        index %= size

    path = inclusion(index, size)

    other = second_opinion.prove_inclusion(index + 1, size).path
    assert path == other[1:]
    assert ROOTS[size] == second_opinion.get_root(size)
    merkle.verify_inclusion(LEAVES[index], index, size, path, ROOTS[size])


@given(SIZES, SIZES)
def test_every_growth_is_proven(first, second):
    first, second = sorted((first, second))

    path = consistency(first, second)

    merkle.verify_consistency(first, ROOTS[first], second, ROOTS[second], path)


@given(SIZES, SIZES)
def test_another_implementation_sees_the_same_growth(second_opinion, first, second):
    first, second = sorted((first, second))

    proof = second_opinion.prove_consistency(first, second)

    pymerkle.verify_consistency(ROOTS[first], ROOTS[second], proof)


@settings(max_examples=200)
@given(st.integers(0, MOST - 1), SIZES, st.data())
def test_a_changed_inclusion_proof_is_refused(index, size, data):
    index %= size
    path = inclusion(index, size)
    changed = data.draw(st.integers(0, len(path)))
    if changed == len(path):
        path.append(bytes(32))
    else:
        path[changed] = bytes([path[changed][0] ^ 1]) + path[changed][1:]

    with pytest.raises(ProofRefused):
        merkle.verify_inclusion(LEAVES[index], index, size, path, ROOTS[size])


@settings(max_examples=200)
@given(SIZES, SIZES, st.data())
def test_a_changed_consistency_proof_is_refused(first, second, data):
    first, second = sorted((first, second))
    path = consistency(first, second)
    changed = data.draw(st.integers(0, len(path)))
    if changed == len(path):
        path.append(bytes(32))
    else:
        path[changed] = bytes([path[changed][0] ^ 1]) + path[changed][1:]

    with pytest.raises(ProofRefused):
        merkle.verify_consistency(first, ROOTS[first], second, ROOTS[second], path)


@given(st.integers(0, MOST - 1), st.integers(0, MOST - 1), SIZES)
def test_a_proof_speaks_of_one_leaf_at_one_place(index, other, size):
    index, other = index % size, other % size
    if index == other:
        return

    with pytest.raises(ProofRefused):
        merkle.verify_inclusion(LEAVES[other], index, size, inclusion(index, size), ROOTS[size])
    with pytest.raises(ProofRefused):
        merkle.verify_inclusion(LEAVES[index], other, size, inclusion(index, size), ROOTS[size])


@given(st.integers(2, MOST - 1), st.integers(0, MOST - 1))
def test_a_leaf_that_was_removed_breaks_the_growth(size, removed):
    removed %= size
    without = [leaf for place, leaf in enumerate(LEAVES) if place != removed]

    def read_forged(node: Node) -> bytes:
        width = 1 << node.level
        return merkle.root(without[node.index * width : (node.index + 1) * width])

    path = merkle.consistency_path(size, len(without), read_forged)

    with pytest.raises(ProofRefused):
        merkle.verify_consistency(size, ROOTS[size], len(without), merkle.root(without), path)


def test_two_trees_of_one_size_are_a_fork():
    forked = merkle.root([*LEAVES[:9], leaf_hash(b"another")])

    with pytest.raises(ProofRefused, match="forked"):
        merkle.verify_consistency(10, ROOTS[10], 10, forked, [])


def test_every_tree_begins_with_the_empty_one():
    merkle.verify_consistency(0, merkle.EMPTY_ROOT, 7, ROOTS[7], consistency(0, 7))

    with pytest.raises(ProofRefused):
        merkle.verify_consistency(0, ROOTS[1], 7, ROOTS[7], [])


@pytest.mark.parametrize(("index", "size"), [(7, 7), (-1, 7), (0, 0), (0, 2**63)])
def test_no_leaf_is_outside_of_its_tree(index, size):
    with pytest.raises(ProofRefused):
        merkle.verify_inclusion(LEAVES[0], index, size, [], ROOTS[7])
    if size < 2**63:
        with pytest.raises(ValueError, match="no leaf"):
            merkle.inclusion_ranges(index, size)


@pytest.mark.parametrize(("first", "second"), [(8, 7), (-1, 7), (1, 2**63)])
def test_no_tree_contains_a_larger_one(first, second):
    with pytest.raises(ProofRefused):
        merkle.verify_consistency(first, ROOTS[7], second, ROOTS[7], [])


def test_hashes_of_another_length_are_no_proof():
    path = inclusion(3, 8)

    with pytest.raises(ProofRefused, match="32 bytes"):
        merkle.verify_inclusion(LEAVES[3], 3, 8, [path[0][:31], *path[1:]], ROOTS[8])


@given(SIZES, SIZES)
def test_a_frontier_goes_on_where_another_stopped(first, second):
    first, second = sorted((first, second))
    frontier = Frontier(first, map(read_hash, merkle.subtrees(range(first))))

    for leaf in LEAVES[first:second]:
        frontier.append(leaf)

    assert (frontier.size, frontier.root) == (second, ROOTS[second])


def test_a_frontier_has_as_many_subtrees_as_its_size_says():
    with pytest.raises(ValueError, match="complete subtrees"):
        Frontier(3, [LEAVES[0]])


@pytest.mark.parametrize("size", [10**3, 10**6, 10**9, 10**12])
def test_a_proof_reads_few_hashes_of_any_tree(size):
    read = [
        node
        for leaves in merkle.inclusion_ranges(size // 3, size)
        for node in merkle.subtrees(leaves)
    ]

    assert len(read) <= 2 * size.bit_length()
