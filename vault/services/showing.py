"""Showing: an opened customer as one app may see it, each value as its treatment says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from typing_extensions import override

from vault.domain.canonical import Json
from vault.domain.catalogue import Field, FieldType
from vault.domain.sanitize import show
from vault.domain.terms import Treatment, id_text
from vault.errors import Corrupt, VaultError
from vault.services.issuing import related
from vault.services.parts import Parts
from vault.services.releasing import Opened

# Stands in for a value that is there and stayed sealed; no treatment that opens nothing looks at it.
_UNOPENED = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """One customer as one app may see it; every requested field is in exactly one of fields and withheld."""

    id: str
    etag: str
    fields: Mapping[str, Json]
    treatments: Mapping[str, str]
    withheld: Mapping[str, str]
    policy: int
    request: str

    @override
    def __repr__(self) -> str:
        """Keep what was opened out of logs and traces."""
        return "<Answer sealed from view>"


def shown(parts: Parts, opened: Opened) -> Answer | VaultError:
    """Show what was opened; a fault in what it leads to is this customer's own answer."""
    try:
        return answer(parts, opened)
    except Corrupt as fault:
        # A contact of this customer was tampered with: that spoils no other item.
        return fault


def answer(parts: Parts, opened: Opened) -> Answer:
    """Show what was opened; raises Corrupt where a contact that it names was tampered with."""
    call, identity = opened.call, opened.located.identity
    catalogue = call.policy.catalogue
    held = opened.profile.by_field()
    values: dict[str, Json] = {}
    for name, treatment in opened.grant.items:
        field = catalogue.field(name)
        values[name] = _field(parts, opened, field, treatment, held.get(field.number, ()))
    return Answer(
        id_text("cus", identity.pairwise(call.actor.space, opened.located.row.subject)),
        identity.etag(call.actor.space, opened.located.row.revision).hex(),
        values,
        {str(name): treatment.value for name, treatment in opened.grant.items},
        dict(opened.grant.withheld.items()),
        call.policy.number,
        call.request.hex(),
    )


def _field(
    parts: Parts,
    opened: Opened,
    field: Field,
    treatment: Treatment,
    values: Sequence[tuple[int, bytes | None]],
) -> Json:
    """Treat each value of the field: one value, a list where the field repeats, None where there is none."""
    if field.type is FieldType.RELATION:
        return related(parts, opened.call, [plain for _, plain in values if plain is not None])
    treated = [_value(opened, field, treatment, item, plain) for item, plain in values]
    if field.repeatable:
        return treated
    return treated[0] if treated else None


def _value(opened: Opened, field: Field, treatment: Treatment, item: int, plain: bytes | None) -> Json:
    return show(
        field,
        treatment,
        # A token needs no plaintext and none was opened; the manifest proved that there is a value.
        plain if plain is not None else _UNOPENED,
        mask=opened.mask,
        shadow=lambda: opened.located.identity.shadow(field.number, item, opened.call.actor.space),
    )
