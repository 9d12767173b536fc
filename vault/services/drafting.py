"""Drafting: what one subject is to become, and which cells that changes, every value checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vault.custody.barrier import CellChange
from vault.custody.identity import Identity
from vault.domain.canonical import Json
from vault.domain.catalogue import Catalogue, Field, FieldType
from vault.domain.consent import AuthorisationRow, ConsentRow
from vault.domain.entry import Entry
from vault.domain.facts import FactRow
from vault.domain.instants import millis
from vault.domain.sealed import IdentRow, SubjectRow
from vault.domain.terms import ActorId, FactId, Gate, Millis, SpaceId, SubjectId, SubjectKind, Tier
from vault.domain.values import parse
from vault.errors import Invalid, InvalidValue
from vault.services.parts import Call, Parts
from vault.storage.erasures import ErasureRow
from vault.storage.idempotency import AnsweredRow

# More items of one field than any customer has; more would be an attack or a mistake.
MOST_ITEMS = 50
# An app that does not say where a value came from brought it itself (S2-04).
DEFAULT_SOURCE = "internal_system"


@dataclass(frozen=True, slots=True)
class Draft:
    """What one subject is to become; nothing of it is sealed or stored yet.

    ``before`` is None for a new subject, whose ident row then goes in with it. ``consents`` and ``facts`` are
    all that will stand; the seal covers them.
    """

    identity: Identity
    ident: IdentRow
    before: SubjectRow | None
    kind: SubjectKind
    gates: Gate
    consents: tuple[ConsentRow, ...]
    facts: tuple[FactRow, ...]
    entry: Entry
    changes: tuple[CellChange, ...] = ()
    records: tuple[AuthorisationRow, ...] = ()
    kept_facts: tuple[FactRow, ...] = ()
    dropped_facts: tuple[FactId, ...] = ()
    # What must reach the register with the entry.
    notice: str | None = None
    idempotency: AnsweredRow | None = None
    # The admitting app's own id of the new subject.
    pairwise: tuple[SpaceId, bytes] | None = None
    # The erasure that begins with this change.
    erasure: ErasureRow | None = None

    @property
    def subject(self) -> SubjectId:
        """Whose draft it is."""
        return self.identity.subject

    @property
    def tiers(self) -> frozenset[Tier]:
        """The tiers that need a DEK: those whose cells change."""
        return frozenset(change.field.tier for change in self.changes if change.plain is not None)


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the values of one write come from, and who brought them."""

    source: int
    by: ActorId
    at_ms: Millis


def provenance(parts: Parts, call: Call, source: str | None) -> Provenance:
    """Read the source by its code; raises InvalidValue ``unknown_source``."""
    number = call.policy.catalogue.sources.get(source or DEFAULT_SOURCE)
    if number is None:
        raise InvalidValue("unknown_source", field="source")
    return Provenance(number, call.actor.id, millis(parts.clock()))


def kind_of(text: Json) -> SubjectKind:
    """Read a subject's kind; contacts are made through their organisation."""
    kinds = {"person": SubjectKind.PERSON, "organisation": SubjectKind.ORGANISATION}
    kind = kinds.get(text) if isinstance(text, str) else None
    if kind is None:
        raise InvalidValue("unknown_code", field="kind")
    return kind


def changes(
    catalogue: Catalogue,
    fields: Mapping[str, Json],
    *,
    kind: SubjectKind,
    given: Provenance,
    revision: int = 1,
    items: Mapping[int, Sequence[int]] | None = None,
) -> tuple[CellChange, ...]:
    """Check every value and write it in canonical form; None removes.

    *items* lists, by field number, the item numbers that stand now: a repeatable field's new list takes
    the place of the old one, under numbers of the *revision* next to the one that stands.
    """
    if not fields:
        raise Invalid("empty", field="fields")
    made: list[CellChange] = []
    for name, value in fields.items():
        field = catalogue.field(name)
        if kind not in field.kinds:
            raise InvalidValue("kind", field=field.name)
        if field.type is FieldType.RELATION:
            # Only the vault ties two subjects together (POST …/contacts).
            raise InvalidValue("not_writable", field=field.name)
        standing = (items or {}).get(field.number, ())
        made += (
            _listed(field, value, standing, given, revision)
            if field.repeatable
            else [_cell(field, 0, value, given)]
        )
    return tuple(made)


def item_number(revision: int, offset: int) -> int:
    """Number an item of a repeatable field by the *revision* next to the one it was drafted on.

    Every later draft is made on a later revision than that, so no number is ever used again.
    """
    return revision << 16 | offset


def _listed(
    field: Field, value: Json, standing: Sequence[int], given: Provenance, revision: int
) -> list[CellChange]:
    listed = [] if value is None else value
    if not isinstance(listed, list) or any(one is None for one in listed):
        raise InvalidValue("type", field=field.name)
    if len(listed) > MOST_ITEMS:
        raise InvalidValue("limit", field=field.name)
    added = [_cell(field, item_number(revision, offset), one, given) for offset, one in enumerate(listed)]
    return [*(_cell(field, item, None, given) for item in standing), *added]


def _cell(field: Field, item: int, value: Json, given: Provenance) -> CellChange:
    plain = None if value is None else parse(field, value)
    return CellChange(field, item, plain, given.source, given.at_ms, given.by)
