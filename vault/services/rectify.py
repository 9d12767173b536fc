"""Rectify: fields of a customer are corrected at the revision that the asker has read; None removes."""

from collections.abc import Mapping

from vault.domain.canonical import Json
from vault.domain.kinds import Kind
from vault.domain.manifest import parse_body
from vault.domain.terms import Action, Tier
from vault.errors import Stale
from vault.services import amending, recording
from vault.services.answering import Admitted, answer, write_told
from vault.services.drafting import changes, provenance
from vault.services.locating import Located
from vault.services.parts import Call, Parts
from vault.storage import subjects


def rectify(
    parts: Parts, call: Call, customer: str, etag: str, *, fields: Mapping[str, Json], source: str | None
) -> Admitted:
    """Change fields of the revision that *etag* names; None removes, what is not named stays as it is.

    Raises Stale where the customer has moved on, NotFound, InvalidValue, Conflict ``duplicate``.
    """
    standing = amending.stand(parts, call, customer, Action.WRITE, fields=list(fields))
    row, identity = standing.located.row, standing.located.identity
    if identity.etag(call.actor.space, row.revision).hex() != etag:
        raise Stale
    made = changes(
        call.policy.catalogue,
        fields,
        kind=row.kind,
        given=provenance(parts, call, source),
        revision=row.revision + 1,
        items=_standing_items(parts, call, standing.located, fields),
    )
    held = standing.located.facts
    facts = recording.jurisdiction(parts, identity, fields, standing=held, by=call.actor.id, at=parts.clock())
    dropped = tuple(fact.fact for fact in held if fact not in facts)
    draft = amending.draft(
        parts, call, standing, Kind.SUBJECT_CHANGED, changes=made, facts=facts, dropped_facts=dropped
    )
    (written,) = write_told(parts, call, [draft])
    return answer(call, draft, written)


def _standing_items(
    parts: Parts, call: Call, located: Located, fields: Mapping[str, Json]
) -> dict[int, list[int]]:
    """List the items that stand of each repeatable field to be replaced; the barrier proves them later."""
    repeatable = [field for field in map(call.policy.catalogue.field, fields) if field.repeatable]
    tiers: set[Tier] = {tier for field in repeatable for tier in field.tiers}
    if not tiers:
        return {}
    subject = located.row.subject
    with parts.stores.data.read() as conn:
        rows = subjects.sealed(conn, parts.tenant, [subject], tiers).get(subject, [])
    standing: dict[int, list[int]] = {}
    for entry in (entry for row in rows for entry in parse_body(row.body)):
        standing.setdefault(entry.field, []).append(entry.item)
    return standing
