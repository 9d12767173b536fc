"""Ruling: a privacy officer decides that an entry is shown later, or who of the staff stood behind it."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from vault.custody.standing import Standing as Authority
from vault.domain.accesses import UNTIL
from vault.domain.entry import ObjectRef, OutcomeSet
from vault.domain.grants import token_bytes, token_text
from vault.domain.instants import day, moment, month
from vault.domain.kinds import Kind
from vault.domain.subject_map import tokens_in
from vault.domain.terms import Action, AppId, Millis, PersonId, id_bytes, is_word
from vault.errors import Invalid, InvalidValue, NotFound, Refused
from vault.services import witness
from vault.services.amending import Standing
from vault.services.evidencing import entry_at
from vault.services.granting import owned_by
from vault.services.parts import Call, Parts
from vault.services.permitting import refuse
from vault.services.serving import LONGEST_DELAY_DAYS, serve


@dataclass(frozen=True, slots=True)
class Staff:
    """Who stood behind an entry: by kind, and by name where this house knows one."""

    kind: str
    name: str | None
    on_behalf: str | None


def delay(parts: Parts, call: Call, customer: str, index: int, *, until: str, reason: str) -> None:
    """Keep one entry from the customer up to a day; of several decisions the last holds.

    All of them together keep it no longer than a year from the entry itself. The decision names the customer
    as any entry does: it is shown together with what it kept back. Raises InvalidValue ``unknown_code``,
    Invalid ``until``, NotFound where the entry is not of this customer, Refused ``people_only``, and Refused
    ``own_entry`` where the caller made the entry, or an application that the caller answers for.
    """
    call = _for(call, reason)
    ends = _day(until)
    standing, entry = _entry(parts, call, customer, index)
    if _is_own(call, entry["actor"]):
        refuse(parts, call, Action.REVIEW, Refused("own_entry"))
    if not day(parts.clock()) <= ends <= day(moment(entry["t"]) + timedelta(days=LONGEST_DELAY_DAYS)):
        raise Invalid("until", field="until", most=LONGEST_DELAY_DAYS)
    about = ObjectRef("entry", token_bytes(entry["id"]), f"{UNTIL}{ends}")
    _tell(parts, call, standing, Kind.ACCESS_DELAYED, about, outcome="recorded")


def disclose_staff(parts: Parts, call: Call, customer: str, index: int, *, reason: str) -> Staff:
    """Name who stood behind one entry, after that is an entry itself.

    A customer has a right to that only where it is essential to use other rights (CJEU C-579/21): so it is
    a decision, with a reason, about one entry at a time. Raises as :func:`delay` does.
    """
    call = _for(call, reason)
    standing, entry = _entry(parts, call, customer, index)
    about = ObjectRef("entry", token_bytes(entry["id"]))
    _tell(parts, call, standing, Kind.IDENTITY_DISCLOSED, about, outcome="granted")
    return _named(call.standing, entry["actor"])


def _for(call: Call, reason: str) -> Call:
    if not is_word(reason, longest=32):
        raise InvalidValue("unknown_code", field="reason_code")
    return replace(call, reason=reason)


def _entry(parts: Parts, call: Call, customer: str, index: int) -> tuple[Standing, dict[str, Any]]:
    """Find the customer, and the entry, which must name it; raises NotFound for any other."""
    if call.actor.kind != "person":
        refuse(parts, call, Action.REVIEW, Refused("people_only"))
    standing = serve(parts, call, customer, Action.REVIEW)
    body = entry_at(parts, index)
    entry: dict[str, Any] = json.loads(body)
    at = moment(Millis(entry["t"]))
    # What cancels a release near midnight names the customer as the release did, by the month before.
    months = {month(at), month(at - timedelta(days=1))}
    identity = standing.located.identity
    if not tokens_in(body) & {identity.audit_token(one) for one in months}:
        raise NotFound
    return standing, entry


def _is_own(call: Call, actor: dict[str, Any]) -> bool:
    """Tell whether the caller made an entry: as itself, by an application, or by one it answers for."""
    behalf = actor.get("on_behalf")
    own = {token_text(one) for one in (call.actor.id, *owned_by(call.standing, call.actor.id))}
    return actor["id"] in own or (behalf is not None and id_bytes("per", behalf) == call.actor.id)


def _tell(
    parts: Parts, call: Call, standing: Standing, kind: Kind, about: ObjectRef, *, outcome: str
) -> None:
    grant = standing.grant
    parts.ledger.append(
        witness.entry(
            parts,
            call,
            kind,
            Action.REVIEW,
            outcome=outcome,
            sets=[OutcomeSet(subjects=(grant.token,))],
            about=about,
            at=grant.at,
        )
    )


def _named(authority: Authority, actor: dict[str, Any]) -> Staff:
    kind, text = str(actor["type"]), str(actor["id"])
    behalf = actor.get("on_behalf")
    name: str | None = text
    if kind == "person":
        name = _login(authority, token_bytes(text))
    elif kind == "app":
        app = authority.apps.get(AppId(token_bytes(text)))
        name = None if app is None else app.name
    return Staff(kind, name, None if behalf is None else _login(authority, id_bytes("per", behalf)))


def _login(authority: Authority, person: bytes | None) -> str | None:
    row = None if person is None else authority.people.get(PersonId(person))
    return None if row is None else row.login


def _day(text: str) -> str:
    try:
        at = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise Invalid("until", field="until", most=LONGEST_DELAY_DAYS) from None
    if day(at) != text:
        raise Invalid("until", field="until", most=LONGEST_DELAY_DAYS)
    return text
