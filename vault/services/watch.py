"""Watch: hold the four stores against each other, and lock the house while they contradict (DESIGN §4)."""

import threading
from collections.abc import Mapping

from vault.errors import Corrupt, VaultError
from vault.services.parts import Parts
from vault.storage import accounts, audit, houses, keys, register
from vault.storage.unit_of_work import STORE_NAMES, Store

EVERY_SECONDS = 30.0


def look(parts: Parts) -> str | None:
    """Compare the stores once and set the lock; returns why the house is locked, or None.

    Locked by itself, open by itself: a store that comes back unlocks the house at the next look.
    """
    reason = _reason(parts)
    parts.lock.reason = reason
    parts.ledger.flush_counts(parts.clock())
    return reason


def states(parts: Parts) -> Mapping[str, str]:
    """Name each store and whether it answers, for ``/readyz`` and ``vaultctl doctor``."""
    return {name: _answers(parts, name) for name in STORE_NAMES}


def keep_watch(
    parts: Parts, stopped: threading.Event, *, every_seconds: float = EVERY_SECONDS
) -> threading.Thread:
    """Look again and again in a thread of its own until *stopped* is set."""

    def run() -> None:
        while not stopped.wait(every_seconds):
            try:
                look(parts)
            except VaultError as fault:
                parts.lock.reason = fault.code

    thread = threading.Thread(target=run, name="vault-watch", daemon=True)
    thread.start()
    return thread


def _reason(parts: Parts) -> str | None:
    silent = [name for name, state in states(parts).items() if state != "ready"]
    if silent:
        return f"{silent[0]}_silent"
    for name in STORE_NAMES:
        store: Store = getattr(parts.stores, name)
        with store.read() as conn:
            row = houses.read(conn, name)
        own = parts.house
        if row is None or (row.house, row.tenant, row.incarnation) != (
            own.house,
            own.tenant,
            own.incarnation,
        ):
            return f"{name}_of_another_house"
    return _behind(parts)


def _behind(parts: Parts) -> str | None:
    """A store that knows less than another was told is an old copy: it would revive what ended."""
    with parts.stores.keys.read() as conn:
        floors = keys.floors(conn)
    with parts.stores.audit.read() as conn:
        head = audit.head(conn)
    with parts.stores.data.read() as conn:
        manifest = accounts.authority_row(conn, parts.tenant)
    if floors is None or head is None or manifest is None:
        return "house_incomplete"
    if head.size < floors.ledger_size:
        return "audit_behind"
    if manifest.version < floors.authority_floor:
        return "data_behind"
    try:
        with parts.stores.register.read() as conn:
            known = register.head(conn)
    except Corrupt:
        return "register_broken"
    if known.seq < parts.lock.register_seen:
        return "register_behind"
    parts.lock.register_seen = known.seq
    return None


def _answers(parts: Parts, name: str) -> str:
    store: Store = getattr(parts.stores, name)
    try:
        with store.read() as conn:
            houses.read(conn, name)  # type: ignore[arg-type]
    except VaultError as fault:
        return fault.code
    return "ready"
