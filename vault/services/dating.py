"""Dating: whether the present may be believed, before anything ends by the calendar and for good."""

import json
from datetime import datetime, timedelta
from typing import Final

from vault.domain.instants import moment
from vault.errors import Conflict, HouseLocked
from vault.services.parts import Parts
from vault.services.running import CLOCK_TOLERANCE
from vault.storage import audit, floors

# A house that stood still for longer says by an operator that its clock is right: ``vaultctl accept-clock``.
BELIEVED: Final = timedelta(days=40)


def present(parts: Parts) -> datetime:
    """Give the present, for whoever ends something by it; every part of the house must agree with it.

    Raises HouseLocked while the house answers nobody, or where the moment lies before one that is known, and
    Conflict ``clock_ahead`` where it comes more than 40 days after the last at which the house was well.
    """
    now = parts.clock()
    # Asked, and not checked: a moment that may be wrong must not become the one below which nothing is right.
    reason = parts.lock.why(now)
    if reason is not None:
        raise HouseLocked(reason=reason)
    last = last_well(parts)
    if last is not None and now > last + BELIEVED:
        raise Conflict("clock_ahead")
    newest = newest_told(parts)
    if any(one is not None and one > now + CLOCK_TOLERANCE for one in (last, newest)):
        raise HouseLocked(reason="clock_behind")
    return now


def last_well(parts: Parts) -> datetime | None:
    """Tell when the house was last known to be well.

    Entries say it only until the keys store does: a clock that runs ahead dates entries at once.
    """
    with parts.stores.keys.read() as conn:
        known = floors.read(conn)
    return moment(known.latest_ms) if known is not None and known.latest_ms else newest_told(parts)


def newest_told(parts: Parts) -> datetime | None:
    """Read when the newest entry was written; None in an empty ledger."""
    with parts.stores.audit.read() as conn:
        head = audit.head(conn)
        rows = audit.entries(conn, head.size - 1, limit=1) if head is not None and head.size else []
    return moment(json.loads(rows[0].body)["t"]) if rows else None
