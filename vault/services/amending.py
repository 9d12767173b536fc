"""Amending: find one customer, be permitted, and draft what changes; the common half of every edit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from vault.custody.barrier import CellChange
from vault.domain.access import Denied, Granted, decide
from vault.domain.consent import AuthorisationRow, ConsentRow
from vault.domain.entry import Entry
from vault.domain.facts import FactRow
from vault.domain.kinds import Kind
from vault.domain.terms import Action, FactId, FieldName, Gate
from vault.errors import Corrupt, Moved, NotFound, Refused, TierUnavailable, VaultError
from vault.services import witness
from vault.services.authenticate import in_force, renew
from vault.services.drafting import Draft
from vault.services.locating import Located, locate, unchanged
from vault.services.parts import Call, Parts
from vault.services.permitting import Permit, permit_each, refuse
from vault.storage import floors, subjects
from vault.storage.unit_of_work import Connection

T = TypeVar("T")
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Standing:
    """A customer as it stands, and the grant to change it."""

    located: Located
    grant: Granted


def stand(
    parts: Parts,
    call: Call,
    customer: str,
    action: Action,
    *,
    fields: Sequence[str] = (),
    permitted: Permit | None = None,
) -> Standing:
    """Find the customer by the app's own id and judge whether *action* may touch it and all of *fields*.

    *permitted* is given where something else than the matrix permits the action (a registered source).
    Raises Refused, NotFound or Corrupt, each of which is an entry before it is an answer, and
    TierUnavailable.
    """
    permitted = permitted or permit_each(parts, call, action, fields)
    (found,) = locate(parts, call, [customer])
    if isinstance(found, Corrupt):
        parts.ledger.append(witness.rejected(parts, call, action, found))
        raise found
    if isinstance(found, VaultError):
        refuse(parts, call, action, found)
    at = parts.clock()
    verdict = decide(call.actor, permitted.request, permitted.row, found.known(at), at=at)
    if isinstance(verdict, Denied):
        parts.ledger.append(witness.disclosed(parts, call, permitted.request, [verdict]))
        raise NotFound() if verdict.reason == "not_found" else Refused(verdict.reason)
    for name, reason in verdict.withheld.items():
        if reason == "tier_not_served":
            # Refused before anything is stored (DESIGN §7).
            raise TierUnavailable(field=name)
        refuse(parts, call, action, Refused("field", field=name))
    return Standing(found, verdict)


def still_stands(parts: Parts, conn: Connection, call: Call, standing: Standing) -> bool:
    """Tell whether actor and customer are, in the snapshot that *conn* sees, as they were judged.

    What is shown after its entry is shown on this state or not at all (promise 6).
    """
    subject = standing.located.row.subject
    with parts.stores.keys.glance() as keys_conn:
        known = floors.read(keys_conn)
    return in_force(parts, conn, call, known) and unchanged(
        standing.located, subjects.rows(conn, parts.tenant, [subject])
    )


def until_still(parts: Parts, call: Call, attempt: Callable[[Call], T]) -> T:
    """Repeat a read whose ground moved under it, on the authority as it stands by then; or raise Moved."""
    for _ in range(_ATTEMPTS):
        try:
            return attempt(call)
        except Moved:
            call = renew(parts, call)
    return attempt(call)


def draft(
    parts: Parts,
    call: Call,
    standing: Standing,
    kind: Kind,
    *,
    changes: tuple[CellChange, ...] = (),
    consents: tuple[ConsentRow, ...] | None = None,
    records: tuple[AuthorisationRow, ...] = (),
    facts: tuple[FactRow, ...] | None = None,
    gates: Gate | None = None,
    dropped_facts: tuple[FactId, ...] = (),
    notice: str | None = None,
) -> Draft:
    """Draft the customer's next revision; what is not given stays as it stands."""
    located, grant = standing.located, standing.grant
    entry = change_entry(parts, call, kind, grant, changes)
    return Draft(
        located.identity,
        located.ident,
        located.row,
        located.row.kind,
        located.row.gates if gates is None else gates,
        located.consents if consents is None else consents,
        located.facts if facts is None else facts,
        entry,
        changes,
        records,
        kept_facts=located.facts,
        dropped_facts=dropped_facts,
        notice=notice,
    )


def change_entry(
    parts: Parts, call: Call, kind: Kind, grant: Granted, changes: Sequence[CellChange]
) -> Entry:
    """Tell the ledger which fields of whom change, and their highest tier."""
    names = {FieldName(change.field.name) for change in changes}
    tier = max((change.field.decision_tier for change in changes), default=None)
    return witness.written(parts, call, kind, grant, fields=names, tier=tier)
