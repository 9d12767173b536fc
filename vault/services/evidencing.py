"""Evidencing: the entries that name a subject are found, proved by map and checkpoint, and else not shown."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from vault.domain.access_bundle import AccessBundle, Month, Proven
from vault.domain.accesses import Access, first_part, read_access, read_beside, settled
from vault.domain.instants import day, moment
from vault.domain.kinds import Kind
from vault.domain.merkle import includes, leaf_hash
from vault.domain.note import Checkpoint, Note
from vault.domain.subject_map import Absence, Block, Listed, Place, prove
from vault.domain.terms import Millis
from vault.domain.tiles import ReadHash, Roots, inclusion_proof
from vault.errors import Corrupt, Invalid, LedgerUnavailable, NotFound, Unproven
from vault.services import deriving
from vault.services.parts import Parts
from vault.storage import audit, checkpoints, derived, pruning, subject_map, tree
from vault.storage.subject_map import MapRow
from vault.storage.unit_of_work import Connection

T = TypeVar("T")
# So many entries are read at once; those of a batch have up to 60 KB.
_CHUNK = 500
MOST_ENTRIES = 20_000
MOST_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the ledger holds of one subject, every entry of it proved; the bundle has the bodies as well."""

    accesses: tuple[Access, ...]
    # Decisions to delay that stand in other months than those asked for.
    delays: tuple[Access, ...]
    covers: int
    counted_to: int
    bundle: AccessBundle | None
    # The month of the first entry that is still there, where others were before it.
    pruned_to: str | None


def evidence(
    parts: Parts, months: Mapping[str, bytes], *, others: Collection[bytes], with_bodies: bool
) -> Evidence:
    """Find and prove every entry that names one of the tokens of *months*; in the order of the ledger.

    *others* are the subject's tokens of other months in which a delay may have been decided. All of it is one
    snapshot of the audit store. Raises Unproven ``proofs_unavailable`` where there is no
    sealed map or no checkpoint beyond it yet, Unproven ``accesses_incomplete`` where a proof fails or
    the map counts other entries than were found, and Invalid ``too_many_accesses``.
    """
    deriving.catch_up(parts)
    with _looking(parts) as search:
        return search.carry_out(months, others, with_bodies=with_bodies)


def entry_at(parts: Parts, index: int) -> bytes:
    """Read one entry, proved under the newest checkpoint; raises NotFound behind it, and Unproven."""
    with _looking(parts) as search:
        if 0 <= index < search.minimum:
            raise NotFound("pruned")
        if not 0 <= index < search.checkpoint.size:
            raise NotFound
        (found,) = search.proven([index])
        return found.body


@contextmanager
def _looking(parts: Parts) -> "Iterator[_Search]":
    try:
        with parts.stores.audit.read() as conn:
            yield _Search(conn, parts.tile_roots)
    except (ValueError, Corrupt, LedgerUnavailable) as fault:
        # What is kept may be of a tree that was put right since: the next look begins without it.
        parts.tile_roots.clear()
        # Something of it was changed by hand: the verifier names what.
        raise Unproven("accesses_incomplete") from fault


class _Search:
    """One look at one snapshot."""

    def __init__(self, conn: Connection, tile_roots: Roots) -> None:
        self.conn = conn
        row, signed = subject_map.read(conn), checkpoints.newest(conn)
        if row is None or signed is None or signed.size <= row.sealed_idx:
            raise Unproven
        # A map of what was pruned counts entries that nobody can show any more; the next one does not.
        self.minimum = pruning.minimum(conn)
        if row.start < self.minimum:
            raise Unproven
        self.row: MapRow = row
        self.note = signed.note
        self.checkpoint: Checkpoint = Note.unpack(signed.note).checkpoint
        # One entry's proof shares most of its way with every other one's.
        self.read: ReadHash = cache(tree.reader(conn, tile_roots))
        self.roots = subject_map.roots(conn, row.size)
        self.covers = min(derived.position(conn, deriving.INDEX), self.checkpoint.size)

    def carry_out(
        self, by_month: Mapping[str, bytes], others: Collection[bytes], *, with_bodies: bool
    ) -> Evidence:
        """Find, prove and read."""
        if self.covers < self.row.size:
            raise Unproven
        tokens = frozenset(by_month.values())
        found = derived.naming(self.conn, tokens, below=self.covers)
        indexes = list(dict.fromkeys(one.idx for one in found))
        if len(indexes) > MOST_ENTRIES:
            raise Invalid("too_many_accesses", most=MOST_ENTRIES, field="from")
        by_token: dict[bytes, list[int]] = {token: [] for token in tokens}
        for row in found:
            by_token[row.token].append(row.idx)
        months = tuple(
            Month(name, token, self._counted(token, by_token[token])) for name, token in by_month.items()
        )
        sealed = self._sealed()
        accesses: list[Access] = []
        entries: list[Proven] = []
        held = 0
        for entry in self.proven(indexes):
            accesses.append(read_access(entry.index, entry.body, tokens))
            held += len(entry.body)
            if with_bodies:
                if held > MOST_BYTES:
                    raise Invalid("too_many_accesses", most=len(entries), field="from")
                entries.append(entry)
        beside = list(self.proven(self._beside(accesses)))
        told = settled(accesses, [read_beside(one.index, one.body) for one in beside])
        bundle = AccessBundle(
            self.note, self.covers, self.row.head, sealed, months, tuple(entries), tuple(beside)
        )
        return Evidence(
            tuple(told),
            self._delays(others),
            self.covers,
            self.row.size,
            bundle if with_bodies else None,
            self._pruned_to(),
        )

    def _pruned_to(self) -> str | None:
        if not self.minimum:
            return None
        (first,) = self.proven([self.minimum])
        return day(moment(Millis(int(json.loads(first.body)["t"]))))[:7]

    def _delays(self, tokens: Collection[bytes]) -> tuple[Access, ...]:
        """Read the delays that were decided in other months."""
        found = derived.naming_as(self.conn, tokens, Kind.ACCESS_DELAYED.value)
        indexes = [index for index in found if index < self.covers]
        return tuple(read_access(one.index, one.body, tokens) for one in self.proven(indexes))

    def _counted(self, token: bytes, indexes: Sequence[int]) -> Place | Absence:
        """Hold what was found of one token against what the sealed map says of it."""
        head = self.row.head
        counted = [index for index in indexes if head.counts(index)]
        proof = prove(
            token,
            self.roots,
            at=subject_map.block_of(self.conn, head.size, token),
            read=self._block,
        )
        if isinstance(proof, Place):
            if not proof.stands_in(head) or Listed(token).named_in(counted) != proof.listed:
                raise ValueError("count")
        elif counted or not proof.holds_in(head, token):
            raise ValueError("count")
        return proof

    def _block(self, position: int) -> Block:
        found = subject_map.page(self.conn, self.row.size, position, limit=1)
        if not found or found[0].position != position:
            raise ValueError("block")
        return found[0]

    def _sealed(self) -> Proven:
        """Prove the entry that sealed the map."""
        (sealed,) = self.proven([self.row.sealed_idx])
        if not self.row.head.is_sealed_by(sealed.body):
            raise ValueError("map_sealed")
        return sealed

    def _beside(self, accesses: Sequence[Access]) -> list[int]:
        """Find what tells of these entries without naming the subject."""
        firsts = {place for one in accesses for place in [first_part(one)] if place is not None}
        ids = {one.id for one in accesses} | {
            read_beside(one.index, one.body).id for one in self.proven(sorted(firsts))
        }
        failed: set[int] = set()
        for chunk in _chunks(sorted(ids)):
            failed |= set(derived.about(self.conn, Kind.RELEASE_FAILED.value, chunk))
        return sorted(firsts | {index for index in failed if index < self.covers})

    def proven(self, indexes: Sequence[int]) -> Iterator[Proven]:
        """Read entries, each with its proof; raises ValueError where the checkpoint does not hold one."""
        size, root = self.checkpoint.size, self.checkpoint.root
        for chunk in _chunks(indexes):
            rows = audit.entries_at(self.conn, chunk)
            for index in chunk:
                row = rows.get(index)
                if row is None:
                    raise ValueError("missing")
                path = inclusion_proof(index, size, self.read)
                if not includes(root, path, leaf=leaf_hash(row.body), index=index, size=size):
                    raise ValueError("inclusion")
                yield Proven(index, row.body, tuple(path))


def _chunks(listed: Sequence[T]) -> Iterator[Sequence[T]]:
    return (listed[start : start + _CHUNK] for start in range(0, len(listed), _CHUNK))
