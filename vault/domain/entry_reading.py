"""Reading an entry back, strictly: for the verifier, and before an outbox row enters the ledger."""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import orjson

from vault.domain.canonical import canonical
from vault.domain.entry import MAX_BODY_BYTES, ActorRef, Entry, ObjectRef, OutcomeSet, PolicyRef
from vault.domain.grants import loose_token_bytes, token_bytes
from vault.domain.kinds import Kind
from vault.domain.policy import ContextClass
from vault.domain.terms import (
    ID_BYTES,
    Action,
    EntryId,
    Millis,
    RequestId,
    Tier,
    Treatment,
)

T = TypeVar("T")
# A look into these costs a third of what their classes take to find a member.
_KINDS = {one.value: one for one in Kind}
_ACTIONS = {one.value: one for one in Action}
_TREATMENTS = {one.value: one for one in Treatment}


def read_entry(body: bytes) -> Entry:
    """Read an entry of version 1; raises ValueError ``length``, ``form`` or ``canonical``.

    It is written again and compared: one entry has one spelling, and an unknown, repeated or reordered key,
    a wrong count or a grant digest that is not that of its sets is no entry.
    """
    if len(body) > MAX_BODY_BYTES:
        raise ValueError("length")
    try:
        entry = _entry(orjson.loads(body))
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
        entry = EntryId(token_bytes(found["id"]))
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
    # The verifier comes here millions of times, so each absent key costs one look and no call; what has to be
    # a code is held to it where the entry is written again.
    get = found.get
    sets = tuple([_set(one) for one in get("sets", ())])
    part, action, tier = get("part"), get("action"), get("tier")
    return Entry(
        id=EntryId(_bytes(found["id"])),
        at_ms=Millis(_number(found["t"])),
        kind=_KINDS[found["kind"]],
        actor=_actor(found["actor"]),
        outcome=found["outcome"],
        action=None if action is None else _ACTIONS[action],
        purpose=get("purpose"),
        reason_code=get("reason_code"),
        ticket=_maybe(_bytes, get("ticket")),
        sets=sets,
        times=_number(get("n", 0)) - sum([len(one.subjects) for one in sets]),
        tier=None if tier is None else Tier(tier),
        policy=_maybe(_policy, get("policy")),
        context=_maybe(_context, get("ctx")),
        role_set=tuple(get("role_set", ())),
        gates=tuple(get("gates", ())),
        authority=_maybe(_number, get("authority")),
        revs=tuple([(Tier(tier), _number(rev), _bytes(manifest)) for tier, rev, manifest in get("revs", ())]),
        request=_maybe(_bytes, get("req"), RequestId),
        part=None if part is None else (_number(part[0]), _number(part[1])),
        object=_maybe(_about, get("object")),
        detail=_maybe(_bytes, get("det")),
        key_epoch=_maybe(_number, get("key_epoch")),
        proof=_maybe(_bytes, get("proof")),
    )


def _set(found: Mapping[str, Any]) -> OutcomeSet:
    get = found.get
    return OutcomeSet(
        subjects=tuple([_bytes(token) for token in get("subjects", ())]),
        fields=tuple(get("fields", ())),
        treatments=tuple([_TREATMENTS[treatment] for treatment in get("treatments", ())]),
        withheld=tuple(get("withheld", {}).items()),
        outcome=get("outcome"),
    )


def _actor(found: Mapping[str, Any]) -> ActorRef:
    get = found.get
    return ActorRef(found["id"], found["type"], get("role"), get("session"), get("on_behalf"))


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


def _maybe(read: Callable[[Any], Any], found: object, name: Callable[[Any], T] | None = None) -> T | None:
    if found is None:
        return None
    return read(found) if name is None else name(read(found))


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
    # A spelling that is not the one shows when the whole entry is compared.
    return loose_token_bytes(_text(found))
