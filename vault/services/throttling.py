"""Throttling: log-ins that fail make the next one wait, for the name and for the address, known or not."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from vault.domain.instants import millis, moment
from vault.domain.terms import Millis
from vault.errors import TooMany
from vault.services.parts import Parts
from vault.storage import sessions
from vault.storage.sessions import FailureRow
from vault.storage.unit_of_work import Connection

# So many failures are free: people mistype. Many people may sit behind one address.
_FREE: Final[Mapping[str, int]] = {"name": 5, "factor": 5, "source": 50}
_LONGEST: Final = timedelta(minutes=15)
# Failures are forgotten after so long without another one.
FORGOTTEN_AFTER: Final = timedelta(hours=1)


def check(parts: Parts, what: Mapping[str, str], *, at: datetime) -> None:
    """Refuse an attempt before its time; raises TooMany ``login_throttled`` alike for names nobody has."""
    about = {parts.logins.about(kind, text): kind for kind, text in what.items()}
    with parts.stores.data.read() as conn:
        known = sessions.failures(conn, parts.tenant, list(about))
    until = max((row.until_ms for row in known.values()), default=0)
    if until > millis(at):
        waits = moment(Millis(until)) - at
        raise TooMany("login_throttled", retry_after=int(waits.total_seconds()) + 1)


def failed(parts: Parts, what: Mapping[str, str], *, at: datetime) -> None:
    """Count a failure; behind the free ones each doubles the wait, up to a quarter of an hour."""
    kinds = {parts.logins.about(kind, text): kind for kind, text in what.items()}

    def count(conn: Connection) -> None:
        known = sessions.failures(conn, parts.tenant, list(kinds))
        for about, kind in sorted(kinds.items()):
            row = known.get(about)
            is_fresh = row is None or at >= moment(row.last_ms) + FORGOTTEN_AFTER
            failures = 1 if row is None or is_fresh else row.failures + 1
            beyond = failures - _FREE[kind]
            waits = min(timedelta(seconds=2 ** min(beyond, 20)), _LONGEST) if beyond >= 0 else timedelta(0)
            until = millis(at + waits)
            sessions.put_failure(conn, FailureRow(parts.tenant, about, failures, millis(at), until))

    parts.stores.data.transact(count)


def succeeded(parts: Parts, what: Mapping[str, str]) -> None:
    """Forget the failures of a name; an address has to wait until they are forgotten by themselves."""
    abouts = [parts.logins.about(kind, text) for kind, text in what.items() if kind != "source"]
    parts.stores.data.transact(lambda conn: sessions.forget_failures(conn, parts.tenant, abouts))
