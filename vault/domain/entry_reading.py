"""Reading an entry back, strictly: for the verifier, and before an outbox row enters the ledger."""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from vault.domain.canonical import canonical
from vault.domain.entry import MAX_BODY_BYTES, ActorRef, Entry, ObjectRef, OutcomeSet, PolicyRef
from vault.domain.grants import token_bytes
from vault.domain.kinds import Kind
from vault.domain.policy import ContextClass
from vault.domain.terms import (
    ID_BYTES,
    Action,
    EntryId,
    FieldName,
    Millis,
    PurposeId,
    RequestId,
    RoleId,
    Tier,
    Treatment,
)

T = TypeVar("T")


def read_entry(body: bytes) -> Entry:
    """Read an entry of version 1; raises ValueError ``length``, ``form`` or ``canonical``.

    It is written again and compared: one entry has one spelling, and an unknown, repeated or reordered key,
    a wrong count or a grant digest that is not that of its sets is no entry.
    """
    if len(body) > MAX_BODY_BYTES:
        raise ValueError("length")
    try:
        entry = _entry(json.loads(body.decode()))
        again = entry.body()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError("form") from None
    if again != body:
        raise ValueError("canonical")
    return entry


def look_at(body: bytes) -> Entry:
    """Read an entry that stands in the ledger, for whoever only looks; raises ValueError ``form``.

    It is not written again, which takes as long as reading it: whether the bytes are canonical is for whoever
    verifies, and nothing is opened or decided by what is looked at.
    """
    try:
        return _entry(json.loads(body))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError("form") from None


def read_id(body: bytes) -> EntryId:
    """Read only the id, of canonical bytes of any version; raises ValueError ``form`` or ``canonical``.

    While a release is being rolled out, a worker may meet entries of kinds that it does not know yet.
    """
    try:
        found = json.loads(body.decode())
        again = canonical(found)
        entry = EntryId(_bytes(found["id"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError("form") from None
    if again != body or len(body) > MAX_BODY_BYTES or len(entry) != ID_BYTES:
        raise ValueError("canonical")
    return entry


def read_tiers(body: bytes) -> frozenset[Tier]:
    """Read only which tiers the change that an entry tells of has written; none where it is no such entry."""
    try:
        return frozenset(Tier(tier) for tier, _, _ in json.loads(body).get("revs", ()))
    except (ValueError, TypeError, AttributeError, RecursionError):
        return frozenset()


def _entry(found: Mapping[str, Any]) -> Entry:
    sets = tuple(_set(one) for one in found.get("sets", ()))
    part = found.get("part")
    return Entry(
        id=EntryId(_bytes(found["id"])),
        at_ms=Millis(_number(found["t"])),
        kind=Kind(found["kind"]),
        actor=_actor(found["actor"]),
        outcome=_text(found["outcome"]),
        action=_maybe(Action, found.get("action")),
        purpose=_maybe(_text, found.get("purpose"), PurposeId),
        reason_code=_maybe(_text, found.get("reason_code")),
        ticket=_maybe(_bytes, found.get("ticket")),
        sets=sets,
        times=_number(found.get("n", 0)) - sum(len(one.subjects) for one in sets),
        tier=_maybe(Tier, found.get("tier")),
        policy=_maybe(_policy, found.get("policy")),
        context=_maybe(_context, found.get("ctx")),
        role_set=tuple(RoleId(_text(one)) for one in found.get("role_set", ())),
        gates=tuple(_text(one) for one in found.get("gates", ())),
        authority=_maybe(_number, found.get("authority")),
        revs=tuple(
            (Tier(tier), _number(rev), _bytes(manifest)) for tier, rev, manifest in found.get("revs", ())
        ),
        request=_maybe(_bytes, found.get("req"), RequestId),
        part=None if part is None else (_number(part[0]), _number(part[1])),
        object=_maybe(_about, found.get("object")),
        detail=_maybe(_bytes, found.get("det")),
        key_epoch=_maybe(_number, found.get("key_epoch")),
    )


def _set(found: Mapping[str, Any]) -> OutcomeSet:
    return OutcomeSet(
        subjects=tuple(_bytes(token) for token in found.get("subjects", ())),
        fields=tuple(FieldName(_text(name)) for name in found.get("fields", ())),
        treatments=tuple(Treatment(treatment) for treatment in found.get("treatments", ())),
        withheld=tuple(
            (FieldName(name), _text(reason)) for name, reason in found.get("withheld", {}).items()
        ),
        outcome=_maybe(_text, found.get("outcome")),
    )


def _actor(found: Mapping[str, Any]) -> ActorRef:
    return ActorRef(
        id=_text(found["id"]),
        type=_text(found["type"]),
        role=_maybe(_text, found.get("role")),
        session=_maybe(_text, found.get("session")),
        on_behalf=_maybe(_text, found.get("on_behalf")),
    )


def _policy(found: Mapping[str, Any]) -> PolicyRef:
    return PolicyRef(_bytes(found["id"]), _number(found["version"]))


def _context(found: Mapping[str, Any]) -> ContextClass:
    return ContextClass(
        reason=_flag(found["reason"]),
        ticket=_flag(found["ticket"]),
        approvals=_number(found["approvals"]),
        strength=_number(found["strength"]),
        actor=_text(found["actor"]),
    )


def _about(found: Mapping[str, Any]) -> ObjectRef:
    return ObjectRef(_text(found["type"]), _maybe(_bytes, found.get("id")), _maybe(_text, found.get("code")))


def _maybe(read: Callable[[Any], Any], found: object, name: Callable[[Any], T] = lambda one: one) -> T | None:
    return None if found is None else name(read(found))


def _text(found: object) -> str:
    if not isinstance(found, str):
        raise TypeError("text")
    return found


def _number(found: object) -> int:
    # A bool is an int to Python, and not to JSON.
    if type(found) is not int:
        raise TypeError("number")
    return found


def _flag(found: object) -> bool:
    if not isinstance(found, bool):
        raise TypeError("flag")
    return found


def _bytes(found: object) -> bytes:
    return token_bytes(_text(found))
