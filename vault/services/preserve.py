"""Preserve: backup sets of data, keys and audit are taken, checked, and let go of when there are enough."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from hashlib import sha256
from itertools import takewhile
from typing import Final

from vault.custody.archive import Binding, Sealing, recipients_of, write_chunks
from vault.custody.keyring import KeyPurpose
from vault.custody.set_keys import SetKeys
from vault.domain.access import Actor
from vault.domain.backup_set import SetKind, SetManifest
from vault.domain.entry import Entry, ObjectRef
from vault.domain.instants import millis, moment
from vault.domain.kinds import Kind
from vault.domain.terms import Action, EntryId, RoleId, id_text
from vault.errors import VaultError
from vault.services import witness
from vault.services.beginning_sets import drafted, heads_of
from vault.services.parts import Parts
from vault.services.set_keeping import MANIFEST, NOTE, ORDER, Group, Shelf, groups
from vault.services.system import house_itself
from vault.storage.places import place_of
from vault.storage.set_tables import IN_SET
from vault.storage.snapshot import Snapshot, snapshot

# Sets that were begun go on for so long; later all three are taken anew.
_GOES_ON: Final = timedelta(days=1)
_OBJECT: Final = "backup"
_TOLD_APART: Final = timedelta(hours=1)
Progress = Callable[[SetKind, str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """Where sets go, who may open them, and how many groups of them are kept."""

    to: str
    recipients: tuple[str, ...]
    keep: int = 30


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of checking one set: how large it is, or by which code it cannot be used."""

    manifest: SetManifest
    sealed_bytes: int
    fault: str | None = None


def itself() -> Actor:
    """Name the house, where it takes backups by its own clock."""
    return house_itself(RoleId("system:backup"))


def take(
    parts: Parts,
    actor: Actor,
    plan: Plan,
    *,
    is_full: bool = False,
    progress: Progress = lambda _kind, _table: None,
) -> list[SetManifest]:
    """Take a set of data, then of keys, then of audit, each of one moment, and tell the ledger of each.

    A set refers to chunks of the one before it where nothing changed; *is_full* writes all anew. A crash
    leaves finished sets, and one without a signed manifest, which the next run goes on with. Raises
    BackupUnfit ``backup_recipients``, Unavailable ``backup_full`` or ``backup_place``, Conflict
    ``backup_running`` and what the stores raise.
    """
    shelf, keys = Shelf(place_of(plan.to), parts.house.house), keys_of(parts)
    recipients = recipients_of(plan.recipients)
    with shelf.place.claimed():
        known = shelf.manifests()
        begun = _begun(parts, known)
        group = begun.id if begun is not None else parts.new_id()
        taken = list(begun.sets.values()) if begun is not None else []
        for kind in ORDER[len(taken) :]:
            parent = next((one for one in reversed(known) if one.kind is kind), None)
            if is_full or (parent is not None and set(parent.recipients) != set(plan.recipients)):
                # Who was no recipient then could not open what is only referred to.
                parent = None
            set_id = _unfinished(shelf, kind) or parts.new_id()
            sealing = Sealing(
                shelf.place,
                shelf.folder(set_id, kind),
                keys,
                recipients,
                shelf.standing(set_id, kind),
                shelf.earlier(parent) if parent is not None else {},
            )
            draft = drafted(parts, kind, set_id, group=group, parent=parent, recipients=plan.recipients)
            finished = _write(parts, sealing, draft, progress=partial(progress, kind))
            packed = finished.pack()
            shelf.place.write(f"{sealing.folder}/{MANIFEST}", packed)
            shelf.place.settle(sealing.folder)
            # From here on it is a set. A crash before its entry leaves one that the ledger does not tell of.
            shelf.place.write(f"{sealing.folder}/{NOTE}", keys.sign(packed))
            shelf.place.settle(sealing.folder)
            about = ObjectRef(_OBJECT, set_id, sha256(packed).hexdigest())
            _tell(parts, actor, Kind.BACKUP_TAKEN, about, reason=kind.value, times=len(finished.chunks))
            taken.append(finished)
    return taken


def listing(parts: Parts, to: str) -> list[SetManifest]:
    """List the finished sets of this house at a place, oldest first. Raises BackupUnfit."""
    return Shelf(place_of(to), parts.house.house).manifests()


def check(parts: Parts, to: str) -> Iterator[Checked]:
    """Read every set of this house whole: its signature and each chunk's digest; it takes no identity."""
    shelf, keys = Shelf(place_of(to), parts.house.house), keys_of(parts)
    for one in shelf.manifests():
        size = 0
        try:
            shelf.check(one, keys)
            for sealed in shelf.check_chunks(one):
                size += sealed
        except VaultError as fault:
            yield Checked(one, size, fault.code)
        else:
            yield Checked(one, size)


def prune(parts: Parts, actor: Actor, plan: Plan) -> list[SetManifest]:
    """Let go of all but the newest groups of sets, and of none that a kept one refers to.

    The newest whole group is kept in any case. What is let go of is told first.
    """
    shelf = Shelf(place_of(plan.to), parts.house.house)
    with shelf.place.claimed():
        known = shelf.manifests()
        together = groups(known)
        whole = [one.id for one in together if one.is_whole]
        if not whole:
            return []
        oldest = whole[-plan.keep :][0]
        older = {one.id for one in takewhile(lambda one: one.id != oldest, together)}
        needed = {chunk.of or one.set for one in known if one.group not in older for chunk in one.chunks}
        gone = [one for one in known if one.group in older and one.set not in needed]
        for one in gone:
            _tell(parts, actor, Kind.BACKUP_PRUNED, ObjectRef(_OBJECT, one.set), reason=one.kind.value)
            shelf.place.remove(shelf.folder(one.set, one.kind))
    return gone


def newest(parts: Parts, to: str) -> Group | None:
    """Find the newest whole group of sets; None where there is none yet. Raises BackupUnfit."""
    found = [one for one in groups(listing(parts, to)) if one.is_whole]
    return found[-1] if found else None


def take_due(parts: Parts, plan: Plan, *, every: timedelta) -> list[SetManifest]:
    """Take sets where the newest whole group is *every* old, and let go of old ones; for the jobs.

    What fails is told in the ledger, once an hour, and raised.
    """
    try:
        if not _is_due(parts, plan, every):
            return []
        taken = take(parts, itself(), plan)
        prune(parts, itself(), plan)
    except VaultError as fault:
        now = parts.clock()
        if parts.pauses.is_over(_OBJECT, now):
            parts.pauses.worked(_OBJECT, now + _TOLD_APART)
            parts.ledger.note(_entry(parts, itself(), Kind.BACKUP_FAILED, None, reason=fault.code))
        raise
    return taken


def overdue(parts: Parts, plan: Plan, *, every: timedelta) -> str | None:
    """Say what is wrong with the backups, if anything: none for twice as long as there should be."""
    try:
        last = newest(parts, plan.to)
    except VaultError as fault:
        return fault.code
    if last is None:
        return "none"
    began = moment(last.sets[SetKind.DATA].taken_ms)
    return "overdue" if parts.clock() - began > 2 * every else None


def _is_due(parts: Parts, plan: Plan, every: timedelta) -> bool:
    last = newest(parts, plan.to)
    return last is None or parts.clock() - moment(last.sets[SetKind.DATA].taken_ms) >= every


def keys_of(parts: Parts) -> SetKeys:
    """Make the keys by which this house signs its sets."""
    return SetKeys(parts.keyring.root(KeyPurpose.AUTHORITY), parts.house.house)


def _begun(parts: Parts, known: Sequence[SetManifest]) -> Group | None:
    """Find the sets that a run which died has finished, where the rest may still follow."""
    found = groups(known)
    if not found or found[-1].is_whole:
        return None
    last = found[-1]
    kinds = [kind for kind in ORDER if kind in last.sets]
    began = min(one.taken_ms for one in last.sets.values())
    is_fresh = parts.clock() - moment(began) < _GOES_ON
    return last if is_fresh and kinds == list(ORDER[: len(kinds)]) else None


def _unfinished(shelf: Shelf, kind: SetKind) -> bytes | None:
    left = [one for one, of in shelf.folders() if of is kind and not shelf.is_finished(one, kind)]
    return left[-1] if left else None


def _write(
    parts: Parts, sealing: Sealing, draft: SetManifest, *, progress: Callable[[str], None]
) -> SetManifest:
    with snapshot(parts.stores.named(draft.kind.value)) as source:
        heads = heads_of(source.conn, parts, draft.kind)
        chunks = write_chunks(sealing, _bound(source, draft, progress))
    counted = {str(table.name): 0 for table in IN_SET[draft.kind]}
    for one in chunks:
        counted[one.table] += one.rows
    return replace(draft, heads=heads, tables=counted, chunks=tuple(chunks))


def _bound(
    source: Snapshot, draft: SetManifest, progress: Callable[[str], None]
) -> Iterator[tuple[Binding, Iterator[Sequence[tuple[object, ...]]]]]:
    for table in IN_SET[draft.kind]:
        progress(table.name)
        columns = tuple(column.name for column in table.columns)
        yield Binding(draft.house, draft.kind, str(table.name), columns), source.rows(table)


def _tell(parts: Parts, actor: Actor, kind: Kind, about: ObjectRef, *, reason: str, times: int = 0) -> None:
    parts.ledger.append(_entry(parts, actor, kind, about, reason=reason, times=times))


def _entry(
    parts: Parts, actor: Actor, kind: Kind, about: ObjectRef | None, *, reason: str, times: int = 0
) -> Entry:
    told = Entry(
        id=EntryId(parts.new_id()),
        at_ms=millis(parts.clock()),
        kind=kind,
        actor=witness.actor_ref(actor),
        outcome="recorded",
        action=Action.GOVERN,
        reason_code=reason,
        object=about,
        times=times,
    )
    return parts.entry_seal.prove(told)


def described(one: SetManifest) -> str:
    """Name a set as the command line does."""
    return f"{id_text('bak', one.set)}-{one.kind.value}"
