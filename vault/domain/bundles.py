"""Bundles: entries side by side, and the names of the files of an export (C2SP tlog-tiles)."""

from collections.abc import Iterable, Iterator
from typing import Final

from vault.domain.tiles import TILE_HEIGHT, TILE_WIDTH

LENGTH_BYTES: Final = 2
LONGEST: Final = (1 << 8 * LENGTH_BYTES) - 1
CHECKPOINT: Final = "checkpoint"
# What the export says of itself; nothing in it is signed, and no verdict rests on it.
ABOUT: Final = "export.json"
OLDER: Final = "checkpoints"
ANCHORS: Final = "anchors"


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """Name the file of a tile of hashes; one of fewer than 256 has its width behind it."""
    return f"tile/{level}/{_number(index)}{_part(width)}"


def bundle_path(index: int, width: int = TILE_WIDTH) -> str:
    """Name the file of the entries whose leaves stand in the tile (0, *index*)."""
    return f"tile/entries/{_number(index)}{_part(width)}"


def tiles_of(size: int, was: int = 0) -> Iterator[tuple[int, int, int]]:
    """Name by (level, index, width) each tile of a tree of *size* leaves that one of *was* leaves has not."""
    level = 0
    while size >> TILE_HEIGHT * level:
        known, count = was >> TILE_HEIGHT * level, size >> TILE_HEIGHT * level
        if count > known:
            for index in range(known // TILE_WIDTH, -(-count // TILE_WIDTH)):
                yield level, index, min(TILE_WIDTH, count - index * TILE_WIDTH)
        level += 1


def pack_bundle(bodies: Iterable[bytes]) -> bytes:
    """Write entries side by side, each behind its length."""
    return b"".join(len(body).to_bytes(LENGTH_BYTES) + body for body in bodies)


def unpack_bundle(packed: bytes) -> list[bytes]:
    """Read entries that stand side by side; raises ValueError ``bundle`` where the last is cut short."""
    bodies: list[bytes] = []
    at, start, end = 0, 0, len(packed)
    while at < end:
        start = at + LENGTH_BYTES
        at = start + int.from_bytes(packed[at:start])
        bodies.append(packed[start:at])
    if at != end or start > end:
        raise ValueError("bundle")
    return bodies


def _number(index: int) -> str:
    """Write an index in groups of three digits, all but the last behind an x."""
    digits = f"{index:03d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    return "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])


def _part(width: int) -> str:
    if not 1 <= width <= TILE_WIDTH:
        raise ValueError(width)
    return "" if width == TILE_WIDTH else f".p/{width}"
