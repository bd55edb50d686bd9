"""Tiles: paths as they are written, and the same hashes as the tree without tiles."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiban.mesh import merkle, tiles
from kiban.mesh.merkle import Node, leaf_hash
from kiban.mesh.tiles import TileId, TilePath
from kiban.shared.problems import NotFound

LEAVES = [leaf_hash(str(number).encode()) for number in range(70_000)]
FULL = tiles.grow(0, {}, LEAVES)


@pytest.mark.parametrize(
    ("path", "tile"),
    [
        ("0/000", TilePath(0, 0)),
        ("0/000.p/1", TilePath(0, 0, 1)),
        ("1/067.p/255", TilePath(1, 67, 255)),
        ("2/x001/x234/067", TilePath(2, 1_234_067)),
        ("entries/x001/000.p/7", TilePath(None, 1000, 7)),
        ("entries/999", TilePath(None, 999)),
    ],
)
def test_a_path_is_read_and_written_alike(path, tile):
    assert TilePath.read(path) == tile
    assert str(tile) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "0",
        "0/0",
        "0/00",
        "0/0000",
        "00/000",
        "-1/000",
        "64x/000",
        "0/x000/001",
        "0/001/002",
        "0/x001",
        "0/000.p/0",
        "0/000.p/256",
        "0/000.p/01",
        "0/000.p/",
        "0/000/",
        "0/000\n",
        "0/００0",
        "entries/000.p/1000",
        "../checkpoint",
        "0/" + "x999/" * 30 + "999",
    ],
)
def test_a_path_that_is_written_otherwise_is_no_tile(path):
    with pytest.raises(NotFound):
        TilePath.read(path)


@given(st.none() | st.integers(0, 99), st.integers(0, 10**15 - 1), st.integers(1, 256))
def test_every_tile_has_one_path(level, index, width):
    tile = TilePath(level, index, width)

    assert TilePath.read(str(tile)) == tile


def test_a_tree_of_70000_has_the_tiles_of_the_specification():
    widths = {(tile.level, tile.index): len(held) // 32 for tile, held in FULL.tiles.items()}

    assert sum(width == 256 and level == 0 for (level, _), width in widths.items()) == 273
    assert widths[0, 273] == 112
    assert (widths[1, 0], widths[1, 1], widths[2, 0]) == (256, 17, 1)
    assert len(widths) == 273 + 1 + 2 + 1


def test_the_root_over_tiles_is_the_root_over_leaves():
    assert FULL.root == merkle.root(LEAVES)
    assert FULL.root_before == merkle.EMPTY_ROOT


@settings(max_examples=30)
@given(st.lists(st.integers(0, 700), max_size=5))
def test_growing_in_steps_gives_what_growing_at_once_gives(steps):
    size, held, root = 0, {}, merkle.EMPTY_ROOT
    for step in steps:
        growth = tiles.grow(
            size, {tile: held[tile] for tile in tiles.edge(size)}, LEAVES[size : size + step]
        )
        assert growth.root_before == root
        size, root = growth.size, growth.root
        held |= growth.tiles

    at_once = tiles.grow(0, {}, LEAVES[:size])
    assert (root, held) == (at_once.root, at_once.tiles)


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 65_535, 65_536, 65_537, 70_000])
def test_the_edge_is_what_is_not_full(size):
    built = tiles.grow(0, {}, LEAVES[:size]).tiles

    assert set(tiles.edge(size)) == {tile for tile, held in built.items() if len(held) < 256 * 32}


@given(st.integers(0, 69_999), st.integers(1, 70_000))
def test_a_proof_from_tiles_holds(index, size):
    index %= size
    ranges = merkle.inclusion_ranges(index, size)
    read = tiles.reader({tile: FULL.tiles[tile] for tile in tiles.needed(ranges)})

    path = merkle.inclusion_path(index, size, read)

    root = merkle.fold(map(tiles.reader(FULL.tiles), merkle.subtrees(range(size))))
    merkle.verify_inclusion(LEAVES[index], index, size, path, root)


@pytest.mark.parametrize("size", [10**3, 10**6, 10**9, 10**12])
def test_a_proof_reads_few_tiles_of_any_tree(size):
    needed = tiles.needed(merkle.inclusion_ranges(size // 3, size))
    needed |= tiles.needed(merkle.consistency_ranges(size // 3, size))

    assert len(needed) <= 4 * (size.bit_length() // 8 + 1)


def test_a_hash_that_is_not_in_the_tile_is_not_invented():
    read = tiles.reader({TileId(0, 0): b"".join(LEAVES[:3])})

    with pytest.raises(KeyError):
        read(Node(2, 0))


def test_an_entry_stands_behind_its_length():
    assert tiles.entry_bundle([b"", b"ab"]) == b"\0\0\0\2ab"
