"""An audited house: a signed ledger, thieves at its stores, and the auditor who was given an export."""

import json
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

from vault_verifier.main import main

from tests.custody.ledgers import disclosure, meddle, new_id
from tests.house import House
from vault.crypto.signing import Signer
from vault.domain.entry import ActorRef, Entry
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.merkle import Frontier, leaf_hash
from vault.domain.note import Checkpoint, KeyKind, Note, origin_of
from vault.domain.signing_keys import key_object
from vault.domain.tiles import completed_tiles, frontier
from vault.services.exports import Exported, export
from vault.storage import audit, checkpoints, pruning, tree
from vault.storage.audit import LeafRow, TileRow
from vault.storage.checkpoints import CheckpointRow

OPERATOR = "operator:1000"


@dataclass
class Audited:
    """A house whose ledger is signed, and what its people, its thieves and its auditors do."""

    house: House
    at: Path
    # Keys that are open already; without them two are made and opened.
    signers: tuple[Signer, ...] = ()

    def __post_init__(self) -> None:
        if not self.signers:
            self.signers = self.pair(1)
            self.open_keys(self.signers)

    @property
    def origin(self) -> str:
        return origin_of(self.house.parts.house.house)

    @property
    def vkey(self) -> str:
        """What the auditor was given: the Ed25519 key."""
        return self.signers[0].key.text()

    @property
    def size(self) -> int:
        with self.house.parts.stores.audit.read() as conn:
            head = audit.head(conn)
        assert head is not None
        return head.size

    def pair(self, number: int) -> tuple[Signer, ...]:
        """Make the keys that are counted so."""
        return tuple(
            Signer(self.origin, kind, sha256(bytes([number, kind])).digest())
            for kind in (KeyKind.ED25519, KeyKind.MLDSA44)
        )

    # ---- the house ----

    def open_keys(self, signers: Sequence[Signer], kind: Kind = Kind.SIGNING_KEY_OPENED) -> None:
        for one in signers:
            self.enter(
                Entry(
                    id=new_id(),
                    at_ms=millis(self.house.clock()),
                    kind=kind,
                    actor=ActorRef("operator:0", "operator"),
                    outcome="recorded",
                    object=key_object(one.key),
                )
            )

    def enter(self, *entries: Entry) -> None:
        for one in entries:
            self.house.parts.ledger.note(one)
        self.house.parts.ledger.settle([])

    def grow(self, size: int) -> None:
        """Disclose things until the ledger has *size* entries."""
        self.enter(*(disclosure() for _ in range(size - self.size)))

    def sign(self, size: int | None = None, signers: Sequence[Signer] = ()) -> Note:
        """Sign the ledger as it stands, or its first *size* entries, and keep the checkpoint."""
        with self.house.parts.stores.audit.read() as conn:
            edge = frontier(pruning.minimum(conn), tree.reader(conn))
        edge = edge.extend(self.leaves()[: (size if size is not None else self.size) - edge.size])
        head = Checkpoint(self.origin, edge.size, edge.root())
        at = millis(self.house.clock())
        signed = tuple(one.sign(head, at_seconds=at // 1000) for one in signers or self.signers)
        note = Note(head.text(), signed)
        row = CheckpointRow(head.size, head.root, at, note.pack())
        self.house.parts.stores.audit.transact(lambda conn: checkpoints.put(conn, row))
        return note

    def leaves(self) -> list[bytes]:
        with self.house.parts.stores.audit.read() as conn:
            return [leaf for _, leaf in audit.leaves(conn, 0, limit=1_000_000)]

    def export(
        self,
        name: str = "export",
        *,
        newer: bool = False,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> Exported:
        """Export; *meanwhile* happens after each page of entries."""
        return export(
            self.house.parts,
            OPERATOR,
            self.at / name,
            uid=1000,
            newer=newer,
            progress=lambda _done, _size: meanwhile(),
        )

    def restart(self) -> None:
        """Go on in another process, which has not seen what stood there before."""
        self.house = self.house.another()

    # ---- the thief ----

    def meddle(self, statement: str, **values: object) -> None:
        """Do what the owner of the database can do."""
        meddle(self.house.parts.stores.audit, statement, **values)

    def rebuild(self) -> None:
        """Compute leaves, tiles and head anew over what stands there, as somebody would who knows how."""
        store = self.house.parts.stores.audit
        with store.read() as conn:
            rows = audit.entries(conn, 0, limit=1_000_000)
        self.meddle("DELETE FROM node")
        self.meddle("DELETE FROM entry")
        self.meddle("UPDATE head SET size = 0, frontier = :none", none=b"")
        fresh = [LeafRow(at, row.entry, leaf_hash(row.body), row.body) for at, row in enumerate(rows)]
        edge = Frontier().extend(row.leaf for row in fresh)
        levels = [[row.leaf for row in fresh]]
        store.transact(lambda conn: audit.append(conn, fresh))
        for level, index in completed_tiles(0, len(fresh)):
            if level == len(levels):
                whole = range(0, len(levels[-1]) - 255, 256)
                levels.append([_root(levels[-1][at : at + 256]) for at in whole])
            hashes = b"".join(levels[level][index * 256 : index * 256 + 256])
            tile = TileRow(level, index, hashes)
            store.transact(lambda conn, tile=tile: audit.put_tile(conn, tile))  # type: ignore[misc]
        self.meddle("UPDATE head SET size = :size, frontier = :edge", size=edge.size, edge=edge.pack())

    # ---- the auditor ----

    def verify(self, *words: str, name: str = "export") -> "Said":
        return said("verify", str(self.at / name), "--vkey", self.vkey, *words)

    def keep(self, note: Note | str, name: str = "anchor") -> str:
        """Write down what somebody else knows of the ledger."""
        path = self.at / name
        path.write_bytes(note.encode() if isinstance(note, str) else note.pack())
        return str(path)


@dataclass(frozen=True)
class Said:
    """How a run of the auditor's tool ended, and its report."""

    code: int
    report: dict[str, Any]

    @property
    def faults(self) -> set[str]:
        """Each fault as ``reason: first to last``."""
        return {_line(one) for one in self.report["faults"]}

    @property
    def warnings(self) -> set[str]:
        return {_line(one) for one in self.report["warnings"]}


def said(*words: str, run: Callable[[Sequence[str]], tuple[int, str]] | None = None) -> Said:
    """Run the auditor's tool."""
    code, printed = (run or _here)(words)
    return Said(code, json.loads(printed))


def _here(words: Sequence[str]) -> tuple[int, str]:

    with redirect_stdout(StringIO()) as printed:
        code = main(words)
    return code, printed.getvalue()


def _line(one: dict[str, Any]) -> str:
    if "first" not in one:
        return str(one["reason"])
    span = one["first"] if one["first"] == one["last"] else f"{one['first']} to {one['last']}"
    return f"{one['reason']}: {span}"


def _root(hashes: Sequence[bytes]) -> bytes:
    return Frontier().extend(hashes).root()
