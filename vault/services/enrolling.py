"""Enrolling: whom a feed may show to an app gets an id of that app, before the feed goes through its ids."""

from dataclasses import dataclass

from vault.domain.access import Granted, decide
from vault.domain.terms import SubjectId
from vault.errors import Corrupt
from vault.services import witness
from vault.services.issuing import issue
from vault.services.locating import Located, locate_known
from vault.services.parts import Call, Parts
from vault.services.permitting import Permit
from vault.storage import keys

# As many as one entry of the ledger names.
_TOGETHER = 1000


@dataclass(frozen=True, slots=True)
class Enrolled:
    """How far it has come, and whom nobody could judge since a store does not hold what it should."""

    last: SubjectId
    faults: tuple[Corrupt, ...]


def enrol(parts: Parts, call: Call, permitted: Permit, *, after: SubjectId | None) -> Enrolled | None:
    """Look at the next customers whom the app does not know, and give it ids of those it may be shown.

    None where there are no more. Nothing is opened and nothing told: who is denied stays unknown to the app,
    and is judged again when the feed is taken again.
    """
    with parts.stores.keys.read() as conn:
        strangers = keys.without_pairwise(conn, parts.tenant, call.actor.space, after=after, limit=_TOGETHER)
    if not strangers:
        return None
    at = parts.clock()
    found = locate_known(parts, call, strangers)
    faults = tuple(one for one in found if isinstance(one, Corrupt))
    for fault in faults:
        parts.ledger.append(witness.rejected(parts, call, permitted.request.action, fault))
    verdicts = (
        (one, decide(call.actor, permitted.request, permitted.row, one.known(at), at=at))
        for one in found
        if isinstance(one, Located)
    )
    shown = [one.identity for one, verdict in verdicts if isinstance(verdict, Granted) and verdict.items]
    # A crash after this leaves ids that the app was not told yet; the next stream begins with them.
    issue(parts, call, shown)
    return Enrolled(strangers[-1], faults)
