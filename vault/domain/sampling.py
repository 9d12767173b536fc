"""Sampling: which entries of a day a person looks through, drawn by a root of the ledger and by nobody."""

from collections.abc import Iterable
from hashlib import sha256


def seed(day: str, root: bytes) -> bytes:
    """Name the draw of a day; whoever has the root draws the same."""
    return sha256(b"sample|" + day.encode() + b"|" + root).digest()


def draw(seeded: bytes, weighted: Iterable[tuple[int, int]], *, most: int) -> list[int]:
    """Draw up to *most* of the (index, weight) pairs, in the order of the draw.

    Each takes the greatest of as many lots as it weighs: an entry of weight five is drawn as if it were five.
    """
    lots = [
        (max(sha256(seeded + idx.to_bytes(8) + bytes([lot])).digest() for lot in range(weight)), idx)
        for idx, weight in weighted
    ]
    return [idx for _, idx in sorted(lots, reverse=True)[:most]]
