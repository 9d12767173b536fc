"""Export: the files of one, read strictly; nothing in them is believed before a signature vouches for it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from vault.domain.bundles import (
    ABOUT,
    ANCHORS,
    CHECKPOINT,
    LONGEST,
    OLDER,
    bundle_path,
    tile_path,
    tiles_of,
    unpack_bundle,
)
from vault.domain.merkle import HASH_BYTES, cut
from vault.domain.note import MAX_NOTE_BYTES, Note
from vault.domain.tiles import TILE_HEIGHT, TILE_WIDTH, ReadHash, Tile, tree_reader

# The forms of an export that this tool can read.
FORMS: Final = frozenset({1})
_LONGEST_BUNDLE: Final = TILE_WIDTH * (LONGEST + 2)


class Missing(Exception):
    """A file that should be there is not, or cannot be read."""

    def __init__(self, name: str) -> None:
        """Name the file."""
        self.name = name
        super().__init__(name)


class Export:
    """A directory in which an export lies. Raises Missing for a file, ValueError for one that is none."""

    def __init__(self, directory: Path) -> None:
        """Read from *directory*."""
        self.directory = directory

    def about(self) -> Mapping[str, Any]:
        """Read what the export says of itself."""
        told = json.loads(self._read(ABOUT, MAX_NOTE_BYTES))
        if not isinstance(told, dict) or told.get("v") not in FORMS:
            raise ValueError("export_unusable")
        return told

    def minimum(self, size: int) -> int:
        """Read from which entry on it is whole, of *size*; raises ValueError ``export_unusable``."""
        first = self.about().get("minimum_index", 0)
        if not isinstance(first, int) or not 0 <= first <= size or first % TILE_WIDTH:
            raise ValueError("export_unusable")
        return first

    def note(self) -> Note:
        """Read the checkpoint that the export was made at."""
        return Note.unpack(self._read(CHECKPOINT, MAX_NOTE_BYTES + 1))

    def older(self) -> Iterator[tuple[str, bytes]]:
        """Read the checkpoints that came along, smallest first, each with its name."""
        yield from self._notes(self.directory / OLDER)

    def anchors(self) -> Iterator[tuple[str, bytes]]:
        """Read the anchors that came along: each anchor's notes, smallest first."""
        home = self.directory / ANCHORS
        for place in sorted(home.iterdir()) if home.is_dir() else ():
            if place.is_dir():
                yield from self._notes(place)

    def tile(self, level: int, index: int, width: int) -> tuple[bytes, ...]:
        """Read the hashes of a tile; one that is wider than asked for will do (C2SP tlog-tiles)."""
        packed = self._first(
            [tile_path(level, index, width), tile_path(level, index)], TILE_WIDTH * HASH_BYTES
        )
        hashes = cut(packed)
        if len(packed) % HASH_BYTES or len(hashes) not in {width, TILE_WIDTH}:
            raise ValueError("tile")
        return hashes[:width]

    def bundle(self, index: int, width: int) -> list[bytes]:
        """Read the entries of a bundle."""
        packed = self._first([bundle_path(index, width), bundle_path(index)], _LONGEST_BUNDLE)
        bodies = unpack_bundle(packed)
        if len(bodies) not in {width, TILE_WIDTH}:
            raise ValueError("bundle")
        return bodies[:width]

    def reader(self, size: int) -> ReadHash:
        """Read any hash of the tree of *size* leaves from the tiles; for one proof."""

        def leaves(start: int, stop: int) -> Sequence[bytes]:
            index = start // TILE_WIDTH
            width = min(TILE_WIDTH, size - index * TILE_WIDTH)
            return self.tile(0, index, width)[start % TILE_WIDTH : stop - index * TILE_WIDTH]

        def tiles(level: int, index: int) -> Tile:
            width = min(TILE_WIDTH, (size >> TILE_HEIGHT * level) - index * TILE_WIDTH)
            # Above the leaves one that is not full yet will do: of a pruned ledger it may be all there is.
            if width <= 0 or (width < TILE_WIDTH and level == 0):
                raise LookupError(level, index)
            return Tile(level, index, self.tile(level, index, width))

        return tree_reader(leaves, tiles)

    def narrower(self, size: int) -> Iterator[tuple[int, int, int, int]]:
        """Name the tiles of older exports that stand beside the last ones: level, index, width and theirs."""
        for level, index, width in tiles_of(size):
            if width == TILE_WIDTH:
                continue
            parts = (self.directory / tile_path(level, index, width)).parent
            for part in sorted(parts.iterdir()) if parts.is_dir() else ():
                if part.name.isdecimal() and int(part.name) < width:
                    yield level, index, width, int(part.name)

    def _notes(self, place: Path) -> Iterator[tuple[str, bytes]]:
        found = [one for one in place.iterdir() if one.is_file()] if place.is_dir() else []
        for one in sorted(found, key=lambda one: (len(one.name), one.name)):
            name = str(one.relative_to(self.directory))
            yield name, self._read(name, MAX_NOTE_BYTES + 1)

    def _first(self, names: Sequence[str], longest: int) -> bytes:
        for name in names:
            try:
                return self._read(name, longest)
            except Missing:
                continue
        raise Missing(names[0])

    def _read(self, name: str, longest: int) -> bytes:
        try:
            with (self.directory / name).open("rb") as file:
                packed = file.read(longest + 1)
        except OSError:
            raise Missing(name) from None
        if len(packed) > longest:
            raise ValueError("length")
        return packed
