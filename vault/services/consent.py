"""Consent: record what a customer decided, withdraw it at once, and list where it stands (PRIVACY 5.1)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from vault.domain.authorisation import ConsentEvent
from vault.domain.canonical import Json
from vault.domain.consent import ConsentRow, ConsentState
from vault.domain.instants import day, moment
from vault.domain.kinds import Kind
from vault.domain.terms import Action, ConsentId, id_bytes, id_text
from vault.errors import Moved, NotFound
from vault.services import amending, recording, repeating, witness
from vault.services.amending import Standing
from vault.services.appending import appended, withdrawal
from vault.services.parts import Call, Parts
from vault.services.writing import is_told, until_current, write


@dataclass(frozen=True, slots=True)
class Recorded:
    """A decision that took hold; ``accepted`` where its entry is still to come (202)."""

    id: str
    accepted: bool = False


def record(parts: Parts, call: Call, customer: str, item: Mapping[str, Json]) -> Recorded:
    """Append what the customer decided about one purpose; returns the app's own id of the item.

    An item is one purpose × one recipient set: deciding again continues the same item. Raises InvalidValue
    for an unknown purpose, notice, form or state; a refusal is recorded like a consent, and where one was in
    force it ends it as a withdrawal does.
    """
    keyed = repeating.keyed(parts, call, call.idempotency_key, {"consent_of": customer, "item": dict(item)})

    def attempt() -> Recorded:
        standing = amending.stand(parts, call, customer, Action.RECORD_CONSENT)
        known_answer = repeating.answered(
            parts, call, Action.RECORD_CONSENT, keyed, of=standing.located.row.subject
        )
        if known_answer is not None:
            return Recorded(_own_id(call, standing, ConsentId(known_answer.result or b"")))
        at = parts.clock()
        said = recording.event(parts, call.policy, item, at=at)
        known = _same_item(standing, said)
        said = replace(said, consent=known.consent) if known is not None else said
        refused = said.state is ConsentState.REFUSED
        ends = known is not None and known.covers(known.purpose, at) and refused
        notice = witness.notice("withdrawn", said.consent) if ends else None
        draft = appended(parts, call, standing, said, kind=Kind.CONSENT_RECORDED, notice=notice)
        if keyed is not None:
            draft = replace(draft, idempotency=repeating.answering(parts, keyed, said.consent))
        # What is given waits for its entry, as everything that permits does.
        (written,) = write(parts, call, [draft], must_hold=refused)
        return Recorded(_own_id(call, standing, said.consent), written.accepted)

    return until_current(attempt)


def withdraw(parts: Parts, call: Call, customer: str, item: str) -> Recorded:
    """End one consent onward; doing it again changes nothing, and no state, plan or version refuses it.

    PIPL 15, GDPR 7(3): as easy as giving. It takes hold though the ledger is down (``accepted``).
    """

    def attempt() -> Recorded:
        standing = amending.stand(parts, call, customer, Action.RECORD_CONSENT)
        row = _find(call, standing, item)
        if row.state is ConsentState.WITHDRAWN:
            return Recorded(item, accepted=not is_told(parts, standing.located.row.subject))
        said = withdrawal(parts, call, row)
        notice = witness.notice("withdrawn", row.consent)
        draft = appended(parts, call, standing, said, kind=Kind.CONSENT_WITHDRAWN, notice=notice)
        (written,) = write(parts, call, [draft], must_hold=True)
        return Recorded(item, written.accepted)

    return until_current(attempt)


def listing(parts: Parts, call: Call, customer: str) -> list[Mapping[str, Json]]:
    """List where each item stands, sorted by the app's own ids; times are days (DESIGN §11)."""
    return amending.until_still(parts, call, lambda call: _listed(parts, call, customer))


def _listed(parts: Parts, call: Call, customer: str) -> list[Mapping[str, Json]]:
    standing = amending.stand(parts, call, customer, Action.RECORD_CONSENT)
    entry = witness.written(parts, call, Kind.CONSENT_LISTED, standing.grant)
    parts.ledger.append(entry)
    with parts.stores.data.read() as conn:
        still_stands = amending.still_stands(parts, conn, call, standing)
    if not still_stands:
        # Withdrawn while the entry was being written: the old state is not shown under a later entry.
        parts.ledger.append(witness.cancelled(parts, call, Action.RECORD_CONSENT, [standing.grant]))
        raise Moved
    listed: list[Mapping[str, Json]] = [
        {
            "id": _own_id(call, standing, row.consent),
            "purpose": row.purpose,
            "state": row.state.value,
            "form": row.form.value,
            "recipients": list[Json](filter(None, row.recipients.split(","))),
            "on": day(moment(row.at_ms)),
            "until": None if row.valid_until_ms is None else day(moment(row.valid_until_ms)),
        }
        for row in standing.located.consents
    ]
    return sorted(listed, key=lambda row: str(row["id"]))


def _same_item(standing: Standing, said: ConsentEvent) -> ConsentRow | None:
    recipients = ",".join(said.recipients)
    for row in standing.located.consents:
        if (row.purpose, row.recipients) == (said.purpose.id, recipients):
            return row
    return None


def _find(call: Call, standing: Standing, item: str) -> ConsentRow:
    """Find the item by the app's own id among the customer's few; no table of such ids is needed."""
    raw = id_bytes("con", item)
    identity, space = standing.located.identity, call.actor.space
    for row in standing.located.consents:
        if raw is not None and identity.pairwise(space, row.consent) == raw:
            return row
    raise NotFound


def _own_id(call: Call, standing: Standing, consent: ConsentId) -> str:
    return id_text("con", standing.located.identity.pairwise(call.actor.space, consent))
