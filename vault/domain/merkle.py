"""The ledger's tree: its hashes, its growing edge, and the verifying of proofs (RFC 6962, RFC 9162)."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(body: bytes) -> bytes:
    """Hash an entry's canonical bytes into its leaf (RFC 9162 2.1.1)."""
    return sha256(b"\x00" + body).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two children into their parent (RFC 9162 2.1.1)."""
    return sha256(b"\x01" + left + right).digest()


def subtree_root(hashes: Sequence[bytes]) -> bytes:
    """Fold a power of two of neighbouring hashes into the root above them."""
    if not hashes or len(hashes) & (len(hashes) - 1):
        raise ValueError(len(hashes))
    level = list(hashes)
    while len(level) > 1:
        level = [node_hash(level[at], level[at + 1]) for at in range(0, len(level), 2)]
    return level[0]


@dataclass(frozen=True, slots=True)
class Frontier:
    """A tree of *size* leaves as its perfect subtrees, from the largest to the smallest."""

    size: int = 0
    roots: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a frontier that no tree of that size has: one root per set bit."""
        if self.size < 0 or len(self.roots) != self.size.bit_count():
            raise ValueError("frontier")
        if any(len(root) != HASH_BYTES for root in self.roots):
            raise ValueError("frontier")

    @classmethod
    def unpack(cls, size: int, packed: bytes) -> "Frontier":
        """Read a stored frontier; raises ValueError where its shape does not fit *size*."""
        return cls(size, cut(packed))

    def pack(self) -> bytes:
        """Write the roots side by side, as the head row holds them."""
        return b"".join(self.roots)

    def extend(self, leaves: Iterable[bytes]) -> "Frontier":
        """Append *leaves* in order; the roots merge like the carries of a binary counter."""
        size, roots = self.size, list(self.roots)
        for leaf in leaves:
            merged, carry = leaf, size
            while carry & 1:
                merged = node_hash(roots.pop(), merged)
                carry >>= 1
            roots.append(merged)
            size += 1
        return Frontier(size, tuple(roots))

    def root(self) -> bytes:
        """Hash the whole tree; a tree without leaves has the hash of nothing (RFC 9162 2.1.1)."""
        return fold(self.roots) if self.roots else EMPTY_ROOT


def includes(
    root: bytes,
    proof: Sequence[bytes],
    *,
    leaf: bytes,
    index: int,
    size: int,
    join: Callable[[bytes, bytes], bytes] = node_hash,
) -> bool:
    """Tell whether *proof* leads from *leaf* at *index* to *root* (RFC 9162 2.1.3.2).

    Another tree of this shape says by *join* how it hashes two children.
    """
    if not 0 <= index < size or not _are_hashes((root, leaf, *proof)):
        return False
    node, last, running = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            running = join(sibling, running)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            running = join(running, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and running == root


def extends(root: bytes, proof: Sequence[bytes], *, size: int, was: int, was_root: bytes) -> bool:
    """Tell whether *proof* shows the old tree to be a prefix of the new (RFC 9162 2.1.4.2)."""
    if not 0 <= was <= size or not _are_hashes((root, was_root, *proof)):
        return False
    if was == 0:
        # Every tree extends the empty one, but only one hash is the root of nothing.
        return not proof and was_root == EMPTY_ROOT and (size > 0 or root == EMPTY_ROOT)
    if was == size:
        return not proof and was_root == root
    if not proof:
        return False
    path = [was_root, *proof] if was & (was - 1) == 0 else list(proof)
    node, last = was - 1, size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and old == was_root and new == root


def cut(packed: bytes) -> tuple[bytes, ...]:
    """Cut packed hashes apart."""
    # A remainder shorter than a hash is kept, so that the caller's check of lengths refuses it.
    return tuple(packed[at : at + HASH_BYTES] for at in range(0, len(packed), HASH_BYTES))


def fold(roots: Sequence[bytes]) -> bytes:
    """Join perfect subtrees into one hash, the smaller always to the right."""
    running = roots[-1]
    for root in reversed(roots[:-1]):
        running = node_hash(root, running)
    return running


def _are_hashes(hashes: Iterable[bytes]) -> bool:
    return all(len(one) == HASH_BYTES for one in hashes)
