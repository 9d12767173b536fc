"""Set keeping: the backup sets of one house at a place: found, read and held against their signatures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from vault.custody.archive import check_chunk
from vault.custody.set_keys import SetKeys
from vault.domain.backup_set import Chunk, SetKind, SetManifest, UnknownVersion, is_chunk_name
from vault.domain.terms import HouseId, id_bytes, id_letters, id_text
from vault.errors import BackupUnfit
from vault.storage.places import Directory

MANIFEST: Final = "manifest.json"
# Written last: without it there is no set.
NOTE: Final = "manifest.note"
ORDER: Final = (SetKind.DATA, SetKind.KEYS, SetKind.AUDIT)


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where the sets of one house lie."""

    place: Directory
    house: HouseId

    def folder(self, set_id: bytes, kind: SetKind) -> str:
        """Name the folder of one set."""
        return f"{id_letters(self.house)}/{id_text('bak', set_id)}-{kind.value}"

    def folders(self) -> list[tuple[bytes, SetKind]]:
        """Find the folders that sets have, oldest first, finished or not."""
        found = []
        for name in self.place.names(id_letters(self.house)):
            text, _, kind = name.partition("-")
            raw = id_bytes("bak", text)
            if raw is not None and kind in set(SetKind):
                found.append((raw, SetKind(kind)))
        return sorted(found)

    def is_finished(self, set_id: bytes, kind: SetKind) -> bool:
        """Tell whether a set is one: its manifest was signed at last."""
        return self.place.has(f"{self.folder(set_id, kind)}/{NOTE}")

    def manifests(self) -> list[SetManifest]:
        """Read the manifests of all finished sets, oldest first. Raises BackupUnfit."""
        found = [self.manifest(*one) for one in self.folders() if self.is_finished(*one)]
        return sorted(found, key=lambda one: (one.taken_ms, ORDER.index(one.kind), one.set))

    def manifest(self, set_id: bytes, kind: SetKind) -> SetManifest:
        """Read one, whose signature is for :meth:`check`. Raises BackupUnfit by its code."""
        return self.packed(set_id, kind)[0]

    def packed(self, set_id: bytes, kind: SetKind) -> tuple[SetManifest, bytes]:
        """Read a manifest, and its very bytes."""
        packed = self.place.read(f"{self.folder(set_id, kind)}/{MANIFEST}")
        try:
            found = SetManifest.unpack(packed)
        except UnknownVersion:
            raise BackupUnfit("backup_version") from None
        except ValueError:
            raise BackupUnfit("backup_manifest") from None
        if found.house != self.house:
            raise BackupUnfit("backup_house")
        if (found.set, found.kind) != (set_id, kind):
            raise BackupUnfit("backup_manifest")
        return found, packed

    def check(self, one: SetManifest, keys: SetKeys) -> None:
        """Hold a manifest against its signature; raises BackupUnfit ``backup_manifest``."""
        again, packed = self.packed(one.set, one.kind)
        note = self.place.read(f"{self.folder(one.set, one.kind)}/{NOTE}")
        if again != one or not keys.has_signed(packed, note):
            raise BackupUnfit("backup_manifest")

    def sealed(self, of: SetManifest, one: Chunk) -> bytes:
        """Read a chunk, which may lie in an earlier set."""
        return self.place.read(f"{self.folder(one.of or of.set, of.kind)}/{one.name}")

    def check_chunks(self, one: SetManifest) -> Iterator[int]:
        """Read every chunk and hold it against its digest; gives the bytes of each, as it goes."""
        for chunk in one.chunks:
            sealed = self.sealed(one, chunk)
            check_chunk(chunk, sealed)
            yield len(sealed)

    def standing(self, set_id: bytes, kind: SetKind) -> dict[str, str]:
        """Name the chunks in a set's own folder, by their marks."""
        names = filter(is_chunk_name, self.place.names(self.folder(set_id, kind)))
        return {name.partition("-")[0]: name for name in names}

    def earlier(self, parent: SetManifest) -> Mapping[tuple[str, str], Chunk]:
        """Name the chunks that *parent* is made of, wherever they lie, as long as they do."""
        found: dict[tuple[str, str], Chunk] = {}
        lying: dict[bytes, set[str]] = {}
        for chunk in parent.chunks:
            keeper = chunk.of or parent.set
            if keeper not in lying:
                lying[keeper] = set(self.standing(keeper, parent.kind).values())
            if chunk.name in lying[keeper]:
                found[chunk.table, chunk.mark] = replace(chunk, of=keeper)
        return found


@dataclass(frozen=True, slots=True)
class Group:
    """Sets that were taken one after the other, and belong together."""

    id: bytes
    sets: Mapping[SetKind, SetManifest]

    @property
    def is_whole(self) -> bool:
        """Tell whether a house can be made of it."""
        return set(self.sets) == set(ORDER)


def groups(manifests: Sequence[SetManifest]) -> list[Group]:
    """Put sets together, which come oldest first; so do the groups."""
    found: dict[bytes, dict[SetKind, SetManifest]] = {}
    for one in manifests:
        found.setdefault(one.group, {})[one.kind] = one
    return [Group(group, sets) for group, sets in found.items()]
