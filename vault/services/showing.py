"""Showing: an opened customer as one app may see it, each value as its treatment says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from typing_extensions import override

from vault.domain.canonical import Json
from vault.domain.catalogue import Field, FieldType
from vault.domain.sanitize import Show, shower_of, token
from vault.errors import Corrupt, VaultError
from vault.services.issuing import related
from vault.services.naming import shown_id
from vault.services.parts import Parts
from vault.services.releasing import Opened


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


class Showing:
    """Shows what one call has opened; how a field is shown is found out once for all its customers."""

    def __init__(self, parts: Parts) -> None:
        """Know nothing yet."""
        self._parts = parts
        self._plans: dict[tuple[object, ...], _Plan] = {}

    def shown(self, opened: Opened) -> Answer | VaultError:
        """Show what was opened; a fault in what it leads to is this customer's own answer."""
        try:
            return self.answer(opened)
        except Corrupt as fault:
            # A contact of this customer was tampered with: that spoils no other item.
            return fault

    def answer(self, opened: Opened) -> Answer:
        """Show what was opened; raises Corrupt where a contact that it names was tampered with."""
        call, identity, profile = opened.call, opened.located.identity, opened.profile
        plan = self._plan(opened)
        held = profile.items()
        values: dict[str, Json] = {}
        for field, shower in plan.showers:
            number = field.number
            items = held.get(number)
            if items is None:
                values[field.name] = [] if field.repeatable else None
            elif shower is None:
                values[field.name] = _unread(self._parts, opened, field, items)
            elif field.repeatable:
                values[field.name] = [shower(profile.said[number, item]) for item in items]
            else:
                values[field.name] = shower(profile.said[number, items[0]])
        return Answer(
            shown_id(call.actor, identity, opened.located.row.subject),
            identity.etag(call.actor.space, opened.located.row.revision).hex(),
            values,
            plan.treatments,
            plan.withheld,
            call.policy.number,
            call.request.hex(),
        )

    def _plan(self, opened: Opened) -> "_Plan":
        grant, call = opened.grant, opened.call
        key = grant.items, tuple(grant.withheld.items()), opened.mask, call.policy.digest
        plan = self._plans.get(key)
        if plan is None:
            catalogue = call.policy.catalogue
            showers = [
                (field, None if field.type is FieldType.RELATION else shower_of(field, how, mask=opened.mask))
                for field, how in ((catalogue.field(name), how) for name, how in grant.items)
            ]
            treatments = {str(name): how.value for name, how in grant.items}
            plan = self._plans[key] = _Plan(showers, treatments, dict(grant.withheld.items()))
        return plan


class _Plan(NamedTuple):
    """What all answers of one projection have in common; who has no shower is no value that was read."""

    showers: Sequence[tuple[Field, Show | None]]
    treatments: Mapping[str, str]
    withheld: Mapping[str, str]


def _unread(parts: Parts, opened: Opened, field: Field, items: Sequence[int]) -> Json:
    """Show relations, which lead to other customers, and tokens, for which nothing was opened."""
    identity, space = opened.located.identity, opened.call.actor.space
    if field.type is FieldType.RELATION:
        plains = (opened.profile.plains[field.number, item] for item in items)
        return related(parts, opened.call, [plain for plain in plains if plain is not None])
    tokens: list[Json] = [token(field, identity.shadow(field.number, item, space)) for item in items]
    return tokens if field.repeatable else tokens[0]
