"""Backup sets of a test: a place, a recipient, and the bytes that lie there."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from pyrage import x25519

from tests.house import RULEBOOK, House
from tests.postgres import Server, schema_urls
from vault.bootstrap import restore_house
from vault.custody.archive import identities_of, open_chunk
from vault.domain.backup_set import SetKind, SetManifest
from vault.services import preserve, revive, watch
from vault.services.attest import verify
from vault.services.preserve import Plan
from vault.services.restore import Wanted
from vault.services.set_keeping import Shelf
from vault.settings import Settings
from vault.storage.places import Directory
from vault.storage.unit_of_work import STORE_NAMES, StoreName


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


def replaced(house: House, urls: Mapping[StoreName, str]) -> Settings:
    """Settings of the same house on new stores, beside the register that it has."""
    mine = dict(house.settings.urls)
    return replace(house.settings, urls={**mine, **{name: urls[name] for name in ("data", "keys", "audit")}})


def restored(
    house: House, kept: Vaulted, settings: Settings, sets: Mapping[SetKind, bytes] | None = None
) -> House:
    """Make a house of sets, let all be replayed, and open it; another worker then serves it."""
    load(house, kept, settings, sets)
    return opened(house, settings)


def load(
    house: House, kept: Vaulted, settings: Settings, sets: Mapping[SetKind, bytes] | None = None
) -> None:
    """Do what 'vaultctl backup restore' does."""
    wanted = Wanted(kept.plan.to, kept.secret, sets or {})
    with restore_house(settings, wanted, clock=house.clock, rulebook=RULEBOOK) as parts:
        revive.replay(parts, house.operator)
        assert verify(parts.stores).ok
        revive.finish(parts)


def opened(house: House, settings: Settings) -> House:
    # Of its ledger only what is disclosed from here on.
    other = replace(house, settings=settings, disclosed=[]).another()
    assert watch.look(other.parts) == "restored"
    revive.open_restored(other.parts, house.operator, None)
    assert watch.look(other.parts) is None
    return other


@contextmanager
def empty_stores(dialect: str, tmp_path: Path, server: Server) -> Iterator[Mapping[StoreName, str]]:
    """Four stores in which nothing ever was: not even tables."""
    if dialect == "sqlite":
        yield {name: f"sqlite:///{tmp_path}/again/{name}.db" for name in STORE_NAMES}
        return
    with replace(server, template="template0").database() as url:
        yield schema_urls(url)
