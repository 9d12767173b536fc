"""The subject map: how many entries name each audit token, and which, under one root (AUDIT §3).

A proof that an entry stands in the ledger says nothing of those that were left out. The map lists every token
of the entries up to a size (of a pruned ledger from its first entry on), sorted, each with how many entries
name it and a hash over their indexes; its root is an entry of the ledger itself. Whoever holds a token can
then be shown that a list is whole, and whoever holds the entries can make the map anew.

indexes(k) = SHA-256("PV1m" "I" | indexes(k-1) | index u64), indexes(0) = 32 zero bytes
leaf       = SHA-256("PV1m" "L" | token 16 | count u64 | indexes(count))
node       = SHA-256("PV1m" "N" | left | right), in the shape of RFC 9162 2.1.1
root       = SHA-256("PV1m" "R" | start u64 | size u64 | tokens u64 | tree)
"""

import json
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from struct import Struct

from vault.domain.grants import token_bytes, token_text
from vault.domain.kinds import Kind
from vault.domain.merkle import HASH_BYTES, includes
from vault.domain.terms import ID_BYTES

# A token's place is found in a block, so that a proof reads one block and the roots of the others.
BLOCK_WIDTH = 256
EMPTY_TREE = sha256(b"PV1mE").digest()
_INDEX, _LEAF, _NODE, _ROOT = b"PV1mI", b"PV1mL", b"PV1mN", b"PV1mR"
_RECORD = Struct(f">{ID_BYTES}sQ{HASH_BYTES}s")


@dataclass(frozen=True, slots=True)
class Listed:
    """One token: how many entries name it, and the hash over their indexes in ascending order."""

    token: bytes
    count: int = 0
    indexes: bytes = bytes(HASH_BYTES)

    def __post_init__(self) -> None:
        """Refuse what has no leaf: of another length it would be hashed like a token that it is not."""
        if len(self.token) != ID_BYTES or len(self.indexes) != HASH_BYTES or not 0 <= self.count < 2**63:
            raise ValueError("listed")

    def named_in(self, more: Iterable[int]) -> "Listed":
        """Add the indexes of later entries."""
        count, running = self.count, self.indexes
        for index in more:
            running = sha256(_INDEX + running + index.to_bytes(8)).digest()
            count += 1
        return Listed(self.token, count, running)

    def leaf(self) -> bytes:
        """Hash it into its leaf."""
        return sha256(_LEAF + _RECORD.pack(self.token, self.count, self.indexes)).digest()


@dataclass(frozen=True, slots=True)
class MapHead:
    """What the map of the entries from *start* to before *size* is: so many tokens under this tree."""

    size: int
    tokens: int
    tree: bytes
    start: int = 0

    def root(self) -> bytes:
        """Hash it into the root that is sealed."""
        numbers = b"".join(one.to_bytes(8) for one in (self.start, self.size, self.tokens))
        return sha256(_ROOT + numbers + self.tree).digest()

    def counts(self, index: int) -> bool:
        """Tell whether the entry at *index* is among those that it lists."""
        return self.start <= index < self.size

    def code(self) -> str:
        """Write the root as the entry ``map.sealed`` holds it."""
        return f"sha256:{token_text(self.root())}"

    def is_sealed_by(self, body: bytes) -> bool:
        """Tell whether the entry of these bytes sealed this map: its count the size, its object the root."""
        try:
            entry = json.loads(body)
            about = entry["object"]
            said = entry["kind"], about["type"], about["code"], entry["n"]
        except (ValueError, KeyError, TypeError):
            return False
        return said == (Kind.MAP_SEALED.value, "subject_map", self.code(), self.size)


@dataclass(frozen=True, slots=True)
class Block:
    """So many neighbouring tokens of the map, at a position counted in blocks."""

    position: int
    listed: tuple[Listed, ...]

    def root(self) -> bytes:
        """Hash its tokens as the tree does."""
        return _tree([one.leaf() for one in self.listed])

    def pack(self) -> bytes:
        """Write its tokens side by side."""
        return b"".join(_RECORD.pack(one.token, one.count, one.indexes) for one in self.listed)

    @classmethod
    def unpack(cls, position: int, packed: bytes) -> "Block":
        """Read a stored block; raises ValueError ``block`` where it is none."""
        if not packed or len(packed) % _RECORD.size or len(packed) > BLOCK_WIDTH * _RECORD.size:
            raise ValueError("block")
        return cls(position, tuple(Listed(*record) for record in _RECORD.iter_unpack(packed)))


@dataclass(frozen=True, slots=True)
class Place:
    """Proof that a token is listed at a position of the map."""

    listed: Listed
    position: int
    path: tuple[bytes, ...]

    def stands_in(self, head: MapHead) -> bool:
        """Tell whether the map of *head* lists it there."""
        leaf = self.listed.leaf()
        return includes(head.tree, self.path, leaf=leaf, index=self.position, size=head.tokens, join=_join)


@dataclass(frozen=True, slots=True)
class Absence:
    """Proof that no entry names a token: the two that are listed side by side around where it would be."""

    before: Place | None
    after: Place | None

    def holds_in(self, head: MapHead, token: bytes) -> bool:
        """Tell whether the map of *head* cannot list *token*; that it is sorted, who makes it anew sees."""
        if self.before is None and self.after is None:
            return head.tokens == 0 and head.tree == EMPTY_TREE
        position = -1
        if self.before is not None:
            if self.before.listed.token >= token or not self.before.stands_in(head):
                return False
            position = self.before.position
        if self.after is None:
            return position == head.tokens - 1
        return (
            self.after.position == position + 1
            and self.after.listed.token > token
            and self.after.stands_in(head)
        )


def tokens_in(body: bytes) -> set[bytes]:
    """Name the audit tokens of one entry's bytes; an entry of which they cannot be read names none."""
    try:
        sets = json.loads(body).get("sets", ())
        named = {token_bytes(token) for one in sets for token in one.get("subjects", ())}
        return {token for token in named if len(token) == ID_BYTES}
    except (ValueError, TypeError, AttributeError, RecursionError):
        return set()


def merged(standing: Iterable[Listed], fresh: Mapping[bytes, Sequence[int]]) -> Iterator[Listed]:
    """Bring a map up to later entries: *fresh* has the indexes of those that name each token.

    Reads *standing* once and in order, so that a map of any size passes through; raises ValueError ``order``.
    """
    waiting = iter(sorted(fresh))
    new = next(waiting, None)
    last = b""
    for one in standing:
        if one.token <= last:
            raise ValueError("order")
        last = one.token
        while new is not None and new < one.token:
            yield Listed(new).named_in(fresh[new])
            new = next(waiting, None)
        if new == one.token:
            yield one.named_in(fresh[new])
            new = next(waiting, None)
        else:
            yield one
    while new is not None:
        yield Listed(new).named_in(fresh[new])
        new = next(waiting, None)


def blocks(listed: Iterable[Listed]) -> Iterator[Block]:
    """Cut a map into blocks."""
    held: list[Listed] = []
    position = 0
    for one in listed:
        held.append(one)
        if len(held) == BLOCK_WIDTH:
            yield Block(position, tuple(held))
            position += 1
            held = []
    if held:
        yield Block(position, tuple(held))


def tree_of(roots: Sequence[bytes]) -> bytes:
    """Put the tree of a map together from the roots of its blocks."""
    return _tree(roots)


def prove(token: bytes, roots: Sequence[bytes], *, at: int, read: Callable[[int], Block]) -> Place | Absence:
    """Prove how the map lists *token*, or that it does not.

    *at* is the last block that does not begin behind *token*, -1 where every block does; *read* reads one.
    """
    block = read(at) if at >= 0 else None
    found = bisect_left(block.listed, token, key=lambda one: one.token) if block is not None else 0
    if block is not None and found < len(block.listed) and block.listed[found].token == token:
        return _place(block, found, roots)
    before = None if block is None or found == 0 else _place(block, found - 1, roots)
    if block is None or found == len(block.listed):
        block, found = (read(at + 1) if at + 1 < len(roots) else None), 0
    return Absence(before, None if block is None else _place(block, found, roots))


def _place(block: Block, offset: int, roots: Sequence[bytes]) -> Place:
    # A block is a whole subtree of the map, but for the last, which is what is left of it.
    inner = _path(offset, [one.leaf() for one in block.listed])
    return Place(
        block.listed[offset],
        block.position * BLOCK_WIDTH + offset,
        (*inner, *_path(block.position, roots)),
    )


def _join(left: bytes, right: bytes) -> bytes:
    return sha256(_NODE + left + right).digest()


def _tree(hashes: Sequence[bytes]) -> bytes:
    """Hash neighbours into the root above them (RFC 9162 2.1.1), level by level."""
    if not hashes:
        return EMPTY_TREE
    level = list(hashes)
    while len(level) > 1:
        level = _above(level)
    return level[0]


def _path(index: int, hashes: Sequence[bytes]) -> list[bytes]:
    """List the hashes beside the way from *index* up to the root, lowest first."""
    path: list[bytes] = []
    level = list(hashes)
    while len(level) > 1:
        if index ^ 1 < len(level):
            path.append(level[index ^ 1])
        level = _above(level)
        index >>= 1
    return path


def _above(level: Sequence[bytes]) -> list[bytes]:
    # An odd one out goes up as it is: so the tree of RFC 9162 comes about, whatever its size.
    joined = [_join(left, right) for left, right in zip(level[::2], level[1::2], strict=False)]
    return [*joined, level[-1]] if len(level) % 2 else joined
