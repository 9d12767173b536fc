"""Disclose: the sanitized part of a customer that a purpose allows, one or a thousand at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from typing_extensions import override

from vault.domain.canonical import Json
from vault.domain.catalogue import Field, FieldType
from vault.domain.sanitize import show
from vault.domain.terms import Action, Treatment, id_text
from vault.errors import Corrupt, Refused, TierUnavailable, VaultError
from vault.services.issuing import related
from vault.services.locating import locate
from vault.services.parts import Call, Parts
from vault.services.permitting import permit_each
from vault.services.releasing import Opened, release

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


def profiles(
    parts: Parts, call: Call, ids: Sequence[str], fields: Sequence[str]
) -> list[Answer | VaultError]:
    """Show *fields* of each customer by its app's own id; order kept, each item its own outcome.

    Raises Refused where purpose or role forbid it for any customer, InvalidValue for an unknown field,
    LedgerUnavailable where the entry cannot be made durable.
    """
    opened = release(parts, call, Action.READ, fields, targets=ids, find=locate)
    return [_shown(parts, one) if isinstance(one, Opened) else one for one in opened]


def reveal(parts: Parts, call: Call, customer: str, field: str) -> Answer:
    """Show one field plain, for a reason; raises NotFound, Refused, Corrupt as the single read does."""
    # The one field that is asked for: what refuses it is told as a refusal, and not as a grant of nothing.
    permit_each(parts, call, Action.REVEAL, [field])
    (opened,) = release(parts, call, Action.REVEAL, [field], targets=[customer], find=locate)
    if isinstance(opened, VaultError):
        raise opened
    for name, reason in opened.grant.withheld.items():
        raise TierUnavailable(field=name) if reason == "tier_not_served" else Refused("field", field=name)
    return _answer(parts, opened)


def _shown(parts: Parts, opened: Opened) -> Answer | VaultError:
    try:
        return _answer(parts, opened)
    except Corrupt as fault:
        # A contact of this customer was tampered with: that spoils no other item.
        return fault


def _answer(parts: Parts, opened: Opened) -> Answer:
    call, identity = opened.call, opened.located.identity
    catalogue = call.policy.catalogue
    shown: dict[str, Json] = {
        name: _field(parts, opened, catalogue.field(name), treatment)
        for name, treatment in opened.grant.items
    }
    return Answer(
        id_text("cus", identity.pairwise(call.actor.space, opened.located.row.subject)),
        identity.etag(call.actor.space, opened.located.row.revision).hex(),
        shown,
        {str(name): treatment.value for name, treatment in opened.grant.items},
        dict(opened.grant.withheld.items()),
        call.policy.number,
        call.request.hex(),
    )


def _field(parts: Parts, opened: Opened, field: Field, treatment: Treatment) -> Json:
    """Treat each value of the field: one value, a list where the field repeats, None where there is none."""
    values = opened.profile.values(field)
    if field.type is FieldType.RELATION:
        return related(parts, opened.call, [plain for _, plain in values if plain is not None])
    space = opened.call.actor.space
    shown: list[Json] = [
        show(
            field,
            treatment,
            # A token needs no plaintext and none was opened; the manifest proved that there is a value.
            plain if plain is not None else _UNOPENED,
            mask=opened.mask,
            shadow=lambda item=item: opened.located.identity.shadow(field.number, item, space),  # type: ignore[misc]
        )
        for item, plain in values
    ]
    if field.repeatable:
        return shown
    return shown[0] if shown else None
