"""Throttling: log-ins that fail make the next one wait, for the name and for the address, known or not."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from vault.domain.instants import millis, moment
from vault.errors import TooMany
from vault.services.parts import Parts
from vault.storage import sessions
from vault.storage.unit_of_work import Connection

# So many failures are free: people mistype. Many people may sit behind one address.
_FREE: Final[Mapping[str, int]] = {"name": 5, "factor": 5, "source": 50}
_LONGEST: Final = timedelta(minutes=15)
# Failures are forgotten after so long without another one.
FORGOTTEN_AFTER: Final = timedelta(hours=1)


def attempt(parts: Parts, what: Mapping[str, str], *, at: datetime) -> None:
    """Count an attempt as failed before anything is compared: many at once each wait for their turn.

    Behind the free ones each doubles the wait, up to a quarter of an hour. Raises TooMany ``login_throttled``
    before the time of an attempt, alike for names that nobody has, and then counts none.
    """
    kinds = {parts.logins.about(kind, text): kind for kind, text in what.items()}
    parts.stores.data.transact(lambda conn: _count(conn, parts, kinds, at))


def succeeded(parts: Parts, what: Mapping[str, str]) -> None:
    """Forget the failures of a name, and of an address the one that was none."""
    names = [parts.logins.about(kind, text) for kind, text in what.items() if kind != "source"]
    sources = [parts.logins.about(kind, text) for kind, text in what.items() if kind == "source"]

    def forget(conn: Connection) -> None:
        sessions.forget_failures(conn, parts.tenant, names)
        sessions.take_back_failure(conn, parts.tenant, sources)

    parts.stores.data.transact(forget)


def _count(conn: Connection, parts: Parts, kinds: Mapping[bytes, str], at: datetime) -> None:
    forgotten = millis(at - FORGOTTEN_AFTER)
    # In one order everywhere, so that two attempts cannot wait for each other.
    for about, kind in sorted(kinds.items()):
        row = sessions.count_failure(conn, parts.tenant, about, at_ms=millis(at), forgotten_ms=forgotten)
        if row.until_ms > millis(at):
            # The whole transaction is undone: whoever comes too early does not make it later.
            waits = moment(row.until_ms) - at
            raise TooMany("login_throttled", retry_after=int(waits.total_seconds()) + 1)
        beyond = row.failures - _FREE[kind]
        if beyond >= 0:
            waits = min(timedelta(seconds=2 ** min(beyond, 20)), _LONGEST)
            sessions.wait_until(conn, parts.tenant, about, until_ms=millis(at + waits))
