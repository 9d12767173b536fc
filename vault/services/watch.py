"""Watch: hold the four stores against each other, and lock the house while they contradict (DESIGN §4)."""

import json
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta

from vault.custody.detail import DESTROYED
from vault.custody.keyring import KeyPurpose
from vault.custody.providers.slots import READY
from vault.domain.access import Actor
from vault.domain.entry import ActorRef, Entry, ObjectRef
from vault.domain.instants import millis, moment
from vault.domain.kinds import Kind
from vault.domain.terms import Action, EntryId, SubjectId
from vault.errors import Corrupt, StoreUnavailable, VaultError
from vault.services import counting, ending, heeding, using
from vault.services.dating import BELIEVED
from vault.services.governing import only_operator
from vault.services.parts import Parts
from vault.services.running import CLOCK_TOLERANCE
from vault.services.sweeping import sweep
from vault.storage import accounts, audit, floors, houses, keys, register, restoring
from vault.storage.floors import Floors
from vault.storage.unit_of_work import STORE_NAMES, StoreName

EVERY_SECONDS = 30.0
# How often the notary is listened to in between.
HEED_SECONDS = 5.0
# A locked house looks more often: what locked it may be mended already.
LOCKED_SECONDS = 1.0
# Every worker looks, and one of them is enough to remember the time.
_MOMENTS_APART = timedelta(seconds=20)


def look(parts: Parts) -> str | None:
    """Compare the stores once and set the lock; returns why the house is locked, or None.

    Locked by itself, open by itself: what was put right unlocks the house at the next look.
    """
    was = parts.lock.reason
    try:
        reason = _reason(parts)
    except StoreUnavailable:
        # No read and no write goes past data, keys or audit: each says itself that it cannot. What was
        # found before holds until they can be compared again.
        reason = was
    parts.lock.reason = reason
    if reason != was:
        parts.ledger.note(_told(parts, reason, was=was))
    parts.ledger.flush_counts(parts.clock())
    with suppress(StoreUnavailable):
        ending.read_on(parts)
        using.write_down(parts)
        _forget_ended(parts)
    return reason


def _forget_ended(parts: Parts) -> None:
    """Let go of the detail keys that have ended since: no process opens by what it remembers."""
    with parts.stores.keys.read() as conn:
        parts.detail.forget(keys.epochs(conn, parts.tenant, KeyPurpose.DETAIL, state=DESTROYED))


def accept_clock(parts: Parts, actor: Actor) -> None:
    """Take the present time for the right one, though the house has known a later one: that clock ran ahead.

    For an operator, who knows which of the two is true; it is told before it holds. A process that runs
    meanwhile keeps its own memory until it is started again. Raises Refused ``role`` for anyone else, and
    LedgerUnavailable.
    """
    only_operator(actor)
    now = millis(parts.clock())
    parts.ledger.append(
        Entry(
            id=EntryId(parts.new_id()),
            at_ms=now,
            kind=Kind.CLOCK_ACCEPTED,
            actor=ActorRef(actor.name, actor.kind),
            outcome="recorded",
            action=Action.GOVERN,
            object=ObjectRef("house", parts.house.house),
        )
    )
    # A crash here leaves the house locked, and the command to be repeated.
    parts.stores.keys.transact(lambda conn: floors.set_clock(conn, now))


def states(parts: Parts) -> Mapping[str, str]:
    """Name each store and whether it answers, for ``/readyz`` and ``vaultctl doctor``."""
    return {name: _answers(parts, name) for name in STORE_NAMES}


def ask_providers(parts: Parts) -> Mapping[str, Mapping[str, str]]:
    """Ask each key provider how the secret of each slot is there, and remember the worst of each.

    A silent one takes the patience that it is given, so that nobody asks it on the way of a request.
    """
    found = parts.keyring.slot_states()
    parts.lock.providers = {
        name: next((state for state in states.values() if state != READY), READY)
        for name, states in found.items()
    }
    return found


def sentence(parts: Parts) -> str:
    """Say what the anchors exclude, and what they cannot."""
    try:
        return counting.count(parts.stores.audit, parts.anchors, at=parts.clock()).sentence
    except StoreUnavailable:
        return "anchors: unknown; the audit store does not answer"


def keep_watch(
    parts: Parts, stopped: threading.Event, *, every_seconds: float = EVERY_SECONDS
) -> threading.Thread:
    """Look again and again in a thread of its own until *stopped* is set, and sweep while all is well."""

    def run() -> None:
        after: SubjectId | None = None
        due = time.monotonic() + every_seconds
        often = min(HEED_SECONDS, every_seconds)
        while not stopped.wait(LOCKED_SECONDS if parts.lock.reason else often):
            try:
                if time.monotonic() < due and parts.lock.why(parts.clock()) is None:
                    heeding.heed(parts)
                    continue
                due = time.monotonic() + every_seconds
                if look(parts) is None:
                    after = sweep(parts, after)
                ask_providers(parts)
            except VaultError:
                # A store went silent in the middle; whoever needs it is told so.
                continue
            except Exception:  # noqa: BLE001 - whatever it is, nobody watches this house now
                parts.lock.reason = "unwatched"

    thread = threading.Thread(target=run, name="vault-watch", daemon=True)
    thread.start()
    return thread


def _reason(parts: Parts) -> str | None:
    """Find what contradicts; raises StoreUnavailable where data, keys or audit cannot be asked."""
    own = parts.house
    if parts.keyring.changed_slots():
        # What is in memory would serve on until the next start, and then nothing would open again.
        return "slots_changed"
    for name in STORE_NAMES:
        try:
            with parts.stores.named(name).read() as conn:
                row = houses.read(conn, name)
        except Corrupt:
            return f"{name}_broken"
        except StoreUnavailable:
            if name != "register":
                raise
            # Nobody would notice otherwise: a read does not ask the register.
            return "register_silent"
        if row is None or (row.house, row.tenant, row.incarnation) != (
            own.house,
            own.tenant,
            own.incarnation,
        ):
            return f"{name}_of_another_house"
    with parts.stores.keys.read() as conn:
        restored = restoring.read(conn)
    if restored is not None and restored.state != restoring.OPEN:
        return "restored"
    heeding.heed(parts)
    return _behind(parts) or parts.lock.heard.lacking(parts.clock()) or _unanchored(parts)


def _behind(parts: Parts) -> str | None:
    """A store that knows less than another was told is an old copy: it would revive what ended."""
    # The floors first: what they follow can only have grown since.
    with parts.stores.keys.read() as conn:
        known = floors.read(conn)
    with parts.stores.audit.read() as conn:
        head = audit.head(conn)
        newest = audit.entries(conn, head.size - 1, limit=1) if head is not None and head.size else []
    with parts.stores.data.read() as conn:
        manifest = accounts.authority_row(conn, parts.tenant)
    if known is None or head is None or manifest is None:
        return "house_incomplete"
    if head.size < known.ledger_size:
        return "audit_behind"
    if manifest.version < known.authority_floor:
        return "data_behind"
    now = parts.clock()
    moments = (known.latest_ms, *(json.loads(row.body)["t"] for row in newest))
    if parts.lock.is_past(now) or max(moments) > millis(now + CLOCK_TOLERANCE):
        # A clock set back would revive what had ended: consents, grants, secrets.
        return "clock_behind"
    try:
        with parts.stores.register.read() as conn:
            length = register.head(conn).seq
    except StoreUnavailable:
        return "register_silent"
    if length < known.register_size:
        return "register_behind"
    _remember(parts, known, now)
    return None


def _unanchored(parts: Parts) -> str | None:
    """A required anchor that is overdue, or holds another ledger, locks the house; any other is an alarm."""
    found = counting.count(parts.stores.audit, parts.anchors, at=parts.clock())
    parts.lock.anchors = found.alarms
    return found.locking


def _remember(parts: Parts, known: Floors, now: datetime) -> None:
    """Keep the moment, so that no process that starts later takes an earlier one for the present.

    The newest entry would not do: whoever locks the house for a clock that was set back says so in an entry
    of that clock.
    """
    last = moment(known.latest_ms)
    if known.latest_ms and now - last > BELIEVED:
        # A long standstill, or a clock that runs ahead: an operator says which, and nothing ends meanwhile.
        return
    if now - last >= _MOMENTS_APART:
        parts.stores.keys.transact(lambda conn: floors.lift(conn, latest_ms=millis(now)))


def register_whole(parts: Parts) -> bool:
    """Go through the register's whole chain; False where a record was edited, added or dropped."""
    try:
        with parts.stores.register.read() as conn:
            register.verify(conn)
    except Corrupt:
        return False
    return True


def _told(parts: Parts, reason: str | None, *, was: str | None) -> Entry:
    return Entry(
        id=EntryId(parts.new_id()),
        at_ms=millis(parts.clock()),
        kind=Kind.HOUSE_UNLOCKED if reason is None else Kind.HOUSE_LOCKED,
        actor=ActorRef("system:watch", "system"),
        outcome="recorded",
        reason_code=reason or was,
        times=1,
    )


def _answers(parts: Parts, name: StoreName) -> str:
    try:
        with parts.stores.named(name).read() as conn:
            houses.read(conn, name)
    except VaultError as fault:
        return fault.code
    return "ready"
