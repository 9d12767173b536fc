"""An export's files have the names and the shape that C2SP tlog-tiles gives them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.domain.bundles import bundle_path, pack_bundle, tile_path, tiles_of, unpack_bundle


@pytest.mark.parametrize(
    ("index", "name"),
    [
        (0, "tile/0/000"),
        (7, "tile/0/007"),
        (999, "tile/0/999"),
        (1000, "tile/0/x001/000"),
        (1234067, "tile/0/x001/x234/067"),
    ],
)
def test_a_tile_has_its_index_in_groups_of_three_digits(index: int, name: str) -> None:
    assert tile_path(0, index) == name


def test_what_is_not_full_has_its_width_behind_it() -> None:
    assert tile_path(1, 2, 17) == "tile/1/002.p/17"
    assert bundle_path(1000, 255) == "tile/entries/x001/000.p/255"


@pytest.mark.parametrize("width", [0, 257])
def test_no_tile_is_empty_or_wider_than_full(width: int) -> None:
    with pytest.raises(ValueError, match=str(width)):
        tile_path(0, 0, width)


def test_a_tree_of_70_000_has_the_tiles_that_the_specification_counts() -> None:
    tiles = list(tiles_of(70_000))

    assert sum(level == 0 and width == 256 for level, _, width in tiles) == 273
    assert [one for one in tiles if one[2] < 256] == [(0, 273, 112), (1, 1, 17), (2, 0, 1)]
    assert (1, 0, 256) in tiles


def test_a_tree_of_256_has_a_full_tile_and_one_of_a_single_hash_above_it() -> None:
    assert list(tiles_of(256)) == [(0, 0, 256), (1, 0, 1)]


@given(st.integers(0, 200_000), st.integers(0, 200_000))
def test_what_a_grown_tree_has_more_and_what_stood_are_all_its_tiles(one: int, other: int) -> None:
    was, size = sorted((one, other))

    more = set(tiles_of(size, was))

    assert set(tiles_of(size)) - set(tiles_of(was)) <= more <= set(tiles_of(size))


@given(st.lists(st.binary(max_size=400), max_size=20))
def test_entries_side_by_side_are_read_apart_again(bodies: list[bytes]) -> None:
    assert unpack_bundle(pack_bundle(bodies)) == bodies


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=5), st.integers(1, 40))
def test_a_bundle_that_is_cut_within_an_entry_is_refused(bodies: list[bytes], cut: int) -> None:
    packed = pack_bundle(bodies)
    short = packed[: -min(cut, len(bodies[-1]) + 1)]

    with pytest.raises(ValueError, match=r"^bundle$"):
        unpack_bundle(short)
