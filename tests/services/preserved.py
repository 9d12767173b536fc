"""Backup sets of a test: a place, a recipient, and the bytes that lie there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from pyrage import x25519

from tests.house import House
from vault.custody.archive import identities_of, open_chunk
from vault.domain.backup_set import SetManifest
from vault.services import preserve
from vault.services.preserve import Plan
from vault.services.set_keeping import Shelf
from vault.storage.places import Directory


@dataclass(frozen=True)
class Vaulted:
    """A place for sets, and who may open them."""

    root: Path
    secret: str
    plan: Plan

    @classmethod
    def at(cls, root: Path, *, keep: int = 30) -> "Vaulted":
        identity = x25519.Identity.generate()
        return cls(root, f"{identity}\n", Plan(str(root), (str(identity.to_public()),), keep))

    def take(self, house: House, *, is_full: bool = False) -> list[SetManifest]:
        # One is later than the other, as in life.
        house.clock.advance(timedelta(minutes=1))
        return preserve.take(house.parts, house.operator, self.plan, is_full=is_full)

    def shelf(self, house: House) -> Shelf:
        return Shelf(Directory(self.root), house.parts.house.house)

    def folder(self, house: House, one: SetManifest) -> Path:
        return self.root / self.shelf(house).folder(one.set, one.kind)

    def rows(self, house: House, one: SetManifest, table: str) -> list[dict[str, object]]:
        shelf, known, found = self.shelf(house), identities_of(self.secret), []
        for chunk in one.chunks:
            if chunk.table == table:
                columns, rows = open_chunk(
                    chunk, shelf.sealed(one, chunk), known, house=one.house, kind=one.kind
                )
                found += [dict(zip(columns, row, strict=True)) for row in rows]
        return found

    def everything(self, house: House, sets: Sequence[SetManifest]) -> bytes:
        """All that whoever has the identity reads in these sets."""
        shelf, known, found = self.shelf(house), identities_of(self.secret), []
        for one in sets:
            found.append(one.pack())
            for chunk in one.chunks:
                _, rows = open_chunk(chunk, shelf.sealed(one, chunk), known, house=one.house, kind=one.kind)
                for row in rows:
                    found += [value if isinstance(value, bytes) else str(value).encode() for value in row]
        return b"\0".join(found)
