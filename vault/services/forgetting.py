"""Forgetting: receivers that are not set up any more hold nothing up, and alarm nobody, from an entry on."""

from collections.abc import Collection
from typing import Final

from vault.domain.entry import ActorRef, Entry, ObjectRef
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.terms import EntryId
from vault.services.beating import SENDERS
from vault.services.parts import Parts
from vault.storage import derived, exporters

_ACTOR: Final = ActorRef("system:jobs", "system")


def forget_others(parts: Parts, followers: Collection[str]) -> None:
    """Forget every exporter and receiver of alerts that is not among *followers*, each behind an entry.

    One that is named again later is a new one: an exporter sends from the first entry on, and a receiver of
    alerts hears of what comes from then on. A crash in between tells it once more.
    """
    with parts.stores.audit.read() as conn:
        standing = derived.positions(conn)
        known = {f"siem:{row.name}" for row in exporters.standing(conn)}
    gone = {name for name in standing if name.startswith(SENDERS)} | known
    for name in sorted(gone.difference(followers)):
        kind, _, own = name.partition(":")
        parts.ledger.append(
            Entry(
                id=EntryId(parts.new_id()),
                at_ms=millis(parts.clock()),
                kind=Kind.EVENTS_FORGOTTEN,
                actor=_ACTOR,
                outcome="recorded",
                times=standing.get(name, 0),
                object=ObjectRef("exporter" if kind == "siem" else "receiver", None, own),
            )
        )
        with parts.stores.audit.write() as conn:
            derived.rewind(conn, name)
            if kind == "siem":
                exporters.forget(conn, own)
