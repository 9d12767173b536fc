"""Watching: customers who are watched, and what staff have in common with customers, as tokens."""

from collections.abc import Mapping, Sequence

from vault.domain.access import Actor
from vault.domain.canonical import Json
from vault.domain.entry import ObjectRef
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.terms import Action, ActorId, FieldName, PersonId, Tier
from vault.domain.values import parse
from vault.errors import Invalid, InvalidValue, NotFound, Refused, TierUnavailable
from vault.services import amending, witness
from vault.services.governing import Ground
from vault.services.indexing import due
from vault.services.inspecting import INSPECTED_FOR, admit, told
from vault.services.parts import Call, Parts
from vault.storage import marks, outbox, tokens
from vault.storage.marks import RelationRow, WatchedRow
from vault.storage.outbox import OutboxRow
from vault.storage.tokens import EpochRow
from vault.storage.unit_of_work import Connection

_MOST_VALUES = 100


def watch(parts: Parts, call: Call, customer: str) -> None:
    """Watch a customer: whoever meets it without a ticket is told of. Repeating it changes nothing."""
    _mark(parts, call, customer, Kind.SUBJECT_WATCHED)


def unwatch(parts: Parts, call: Call, customer: str) -> None:
    """Watch a customer no more; repeating it changes nothing."""
    _mark(parts, call, customer, Kind.SUBJECT_UNWATCHED)


def _mark(parts: Parts, call: Call, customer: str, kind: Kind) -> None:
    standing = amending.stand(parts, call, customer, Action.RESTRICT)
    row = standing.located.row
    entry = witness.written(parts, call, kind, standing.grant)
    waiting = parts.ledger.waiting(
        # It changes nothing that the customer's seal covers, so it is no revision of the customer.
        OutboxRow(parts.tenant, entry.id, entry.at_ms, None, call.standing.version, entry.body(), None)
    )

    def change(conn: Connection) -> bool:
        if kind is Kind.SUBJECT_WATCHED:
            changed = marks.watch(conn, WatchedRow(parts.tenant, row.subject, millis(parts.clock())))
        else:
            changed = marks.unwatch(conn, parts.tenant, row.subject)
        if changed:
            outbox.add(conn, [waiting])
        return changed

    if parts.stores.data.transact(change):
        parts.ledger.settle([entry.id])


def relate(parts: Parts, actor: Actor, person: PersonId, fields: Mapping[str, Json]) -> int:
    """Keep what a member of the staff has in common with customers, in the place of what was known.

    *fields* are values by their fields: each becomes a token of the index that holds the customers' own, and
    is forgotten. Returns how many tokens are kept. Raises NotFound for nobody of this house, Refused
    ``oneself``, Invalid ``not_indexed``, InvalidValue and TierUnavailable.
    """
    about = ObjectRef("person", person)

    def check(ground: Ground) -> None:
        # An auditor follows, and changes nothing: what rules are given is for whoever looks after rights.
        if ground.actor.kind == "person" and not ground.actor.roles(INSPECTED_FOR[1], ground.at):
            raise Refused("role")
        if ground.actor.id == ActorId(person):
            raise Refused("oneself")
        if person not in ground.standing.people:
            raise NotFound

    ground, purpose = admit(parts, actor, about, check=check)
    with parts.stores.data.read() as conn:
        epochs = tokens.index_epochs(conn, parts.tenant, locked=False)
    rows = _rows(parts, ground, person, fields, epochs)
    entry = told(parts, ground, about, kind=Kind.RELATIONS_STATED, purpose=purpose, times=len(rows))
    version = ground.standing.version
    waiting = parts.ledger.waiting(
        OutboxRow(parts.tenant, entry.id, entry.at_ms, None, version, entry.body(), None)
    )

    def change(conn: Connection) -> None:
        marks.relate(conn, parts.tenant, person, rows)
        outbox.add(conn, [waiting])

    parts.stores.data.transact(change)
    parts.ledger.settle([entry.id])
    return len(rows)


def _rows(
    parts: Parts,
    ground: Ground,
    person: PersonId,
    fields: Mapping[str, Json],
    epochs: Mapping[Tier, EpochRow],
) -> Sequence[RelationRow]:
    found: dict[tuple[int, int, bytes], RelationRow] = {}
    for name, values in fields.items():
        field = ground.policy.catalogue.by_name.get(FieldName(name))
        if field is None:
            raise InvalidValue("unknown_field")
        if not field.exact:
            raise Invalid("not_indexed", field=name)
        if field.tier not in parts.keyring.served:
            raise TierUnavailable(field=name)
        if not isinstance(values, list) or len(values) > _MOST_VALUES:
            raise InvalidValue("type", field=name)
        for value in values:
            for index_id, epoch, token in due(parts, field, parse(field, value), epochs):
                if index_id == field.exact_index:
                    row = RelationRow(parts.tenant, person, index_id, epoch, token)
                    found[index_id, epoch, token] = row
    return list(found.values())
