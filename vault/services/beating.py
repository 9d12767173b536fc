"""Beating: when the parts of the house that would stand still without a word were well for the last time."""

import json
from typing import Final

from vault.domain.instants import millis, moment
from vault.domain.signals import Beat
from vault.domain.terms import Millis
from vault.services import deriving, filing
from vault.services.counting import count
from vault.services.parts import Parts
from vault.storage import audit, checkpoints, derived
from vault.storage.audit import LeafRow

SIGNALS: Final = "signals"
# Followers that send the ledger, or what was found in it, elsewhere.
SENDERS: Final = ("siem:", "alerts:")
# The followers that the house itself is.
OWN: Final = frozenset({SIGNALS, filing.CASES, deriving.INDEX})


def beats(parts: Parts, now: Millis) -> dict[str, int]:
    """Say when the parts of the house that stand still without a word were well for the last time."""
    well: dict[str, int] = {}
    with parts.stores.audit.read() as conn:
        size = audit.size(conn)
        newest = checkpoints.newest(conn)
        positions = derived.positions(conn)
        if newest is not None:
            covered, at_ms = newest.size, newest.at_ms
            waiting = audit.entries(conn, covered, limit=1) if covered < size else []
            well[Beat.CHECKPOINT.value] = time_of(waiting[0]) if waiting else max(at_ms, now)
        for beat, names in (
            (Beat.INDEX, {deriving.INDEX}),
            (Beat.EXPORT, {name for name in positions if name.startswith(SENDERS)}),
        ):
            behind = [positions[name] for name in names if name in positions]
            if behind:
                first = audit.entries(conn, min(behind), limit=1) if min(behind) < size else []
                well[beat.value] = time_of(first[0]) if first else now
    if parts.anchors:
        counted = count(parts.stores.audit, parts.anchors, at=moment(now))
        # One that never took anything is as old as can be.
        ages = [millis(one.at) if one.at is not None else 0 for one in counted.held if one.is_alarming]
        well[Beat.ANCHOR.value] = min(ages, default=int(now))
    return well


def time_of(row: LeafRow) -> int:
    """Read when an entry was made; 0 where it cannot be read."""
    try:
        return int(json.loads(row.body)["t"])
    except (ValueError, KeyError, TypeError):
        return 0
