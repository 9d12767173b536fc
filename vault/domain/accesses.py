"""Accesses: what the entries that name a subject say of who was shown what, and why; roles, never people.

A subject is told when its data was consulted and what for, and not by which member of staff (CJEU C-579/21);
so a role stands in the place of a name. What was granted and then not released did not happen.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import orjson

from vault.domain.grants import token_bytes
from vault.domain.instants import day, moment
from vault.domain.kinds import Kind
from vault.domain.terms import Action

SHOWN, RECORDED, REFUSED, NOT_RELEASED = "shown", "recorded", "refused", "not_released"
# What stands behind this in a delay's object is the first day on which the entry is shown again.
UNTIL = "until:"
_ENDING = frozenset({Kind.RELEASE_CANCELLED.value, Kind.VALUE_REJECTED.value})


@dataclass(frozen=True, slots=True)
class Access:
    """One entry as it concerns one subject; ``fields`` says how each was shown, None where only its name is.

    ``outcome`` is ``shown``, ``recorded``, ``refused``, or ``not_released`` where nothing came of a grant.
    """

    index: int
    id: bytes
    on: str
    kind: str
    action: str
    purpose: str | None
    roles: tuple[str, ...]
    # The kind of actor; the house itself is named, people and applications are not.
    by: str
    fields: Mapping[str, str | None]
    outcome: str
    code: str | None
    request: bytes | None
    part: tuple[int, int] | None
    about: bytes | None
    until: str | None

    @property
    def is_processing(self) -> bool:
        """Tell whether the house worked on the data by itself, and nobody saw any of it."""
        return self.action == Action.PROCESS.value


@dataclass(frozen=True, slots=True)
class Processed:
    """What the house did by itself, summed up."""

    by: str
    purpose: str | None
    times: int
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Beside:
    """An entry that names no subject and tells of one that does.

    Either the first part of an entry in several parts, by whose id the whole is spoken of, or a
    ``release.failed``: ``failed`` is then the id of the entry under which nothing was released.
    """

    index: int
    id: bytes
    failed: bytes | None


def read_access(index: int, body: bytes, tokens: Collection[bytes]) -> Access:
    """Read what an entry says of the subject of *tokens*; raises ValueError ``entry`` where it is none.

    That these are the ledger's bytes is for a proof to show: what they say is taken as it stands.
    """
    try:
        found = orjson.loads(body)
        mine = [one for one in found.get("sets", ()) if _names(one, tokens)]
        about = found.get("object", {})
        part = found.get("part")
        return Access(
            index=index,
            id=token_bytes(found["id"]),
            on=day(moment(found["t"])),
            kind=found["kind"],
            action=found.get("action", ""),
            purpose=found.get("purpose"),
            roles=tuple(found.get("role_set", ())),
            by=found["actor"]["id" if found["actor"]["type"] == "system" else "type"],
            fields={name: how for one in mine for name, how in _fields(one)},
            outcome=_outcome(found, mine),
            code=_code(found, mine),
            request=_bytes(found.get("req")),
            part=None if part is None else (part[0], part[1]),
            about=_bytes(about.get("id")) if about.get("type") == "entry" else None,
            until=_until(found["kind"], about.get("code")),
        )
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        raise ValueError("entry") from None


def read_beside(index: int, body: bytes) -> Beside:
    """Read what an entry beside those of the subject is; raises ValueError ``entry`` where it is none."""
    try:
        found = orjson.loads(body)
        has_failed = found["kind"] == Kind.RELEASE_FAILED.value and found["object"]["type"] == "entry"
        failed = token_bytes(found["object"]["id"]) if has_failed else None
        return Beside(index, token_bytes(found["id"]), failed)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError("entry") from None


def first_part(one: Access) -> int | None:
    """Say where the first part stands of an entry in parts, which are neighbours; None for its own."""
    return None if one.part is None or one.part[0] == 1 else one.index - one.part[0] + 1


def concerning(accesses: Iterable[Access], beside: Iterable[Beside]) -> frozenset[int]:
    """Name by index the entries of *beside* that tell of *accesses*."""
    listed, others = list(accesses), list(beside)
    firsts = {first_part(one) for one in listed}
    ids = {one.id for one in listed} | {one.id for one in others if one.index in firsts}
    return frozenset(one.index for one in others if one.index in firsts or one.failed in ids)


def settled(accesses: Sequence[Access], beside: Iterable[Beside]) -> list[Access]:
    """Say of each what came of it: what was cancelled, rejected or failed was not released.

    *accesses* stand in the order of the ledger. Whoever cancels names the subject and the request of the
    newest grant before; a release that failed is told of the first part of its entry.
    """
    others = {one.index: one for one in beside}
    failed = {one.failed for one in others.values()}
    open_grants: dict[bytes | None, int] = {}
    done: list[Access] = []
    for one in accesses:
        if one.kind in _ENDING:
            was = open_grants.pop(one.request, None)
            if was is not None:
                done[was] = replace(done[was], outcome=NOT_RELEASED)
            done.append(replace(one, outcome=NOT_RELEASED))
            continue
        place = first_part(one)
        first = None if place is None else others.get(place)
        if one.outcome == SHOWN and (one.id if first is None else first.id) in failed:
            done.append(replace(one, outcome=NOT_RELEASED))
            continue
        if one.outcome == SHOWN:
            open_grants[one.request] = len(done)
        done.append(one)
    return done


def withheld(accesses: Iterable[Access], today: str) -> frozenset[int]:
    """Name by index what is not shown yet: entries that a delay speaks of, and whatever tells of one of them.

    That is what belongs to the same request (a cancelled release), and what is about it (the delay itself,
    that its actor was named), and so on. Of several decisions about one entry the last holds; when it is
    over, all of it is shown.
    """
    latest: dict[bytes, Access] = {}
    listed = list(accesses)
    for one in listed:
        if one.until is not None and one.about is not None:
            latest[one.about] = one
    ids = {about for about, one in latest.items() if one.until is not None and today < one.until}
    hidden: frozenset[int] = frozenset()
    while True:
        requests = {one.request for one in listed if one.id in ids and one.request is not None}
        found = [one for one in listed if one.id in ids or one.about in ids or one.request in requests]
        if len(found) == len(hidden):
            return hidden
        hidden = frozenset(one.index for one in found)
        ids |= {one.id for one in found}


def processed(accesses: Iterable[Access]) -> list[Processed]:
    """Sum up what the house did by itself."""
    summed: dict[tuple[str, str | None], Processed] = {}
    for one in accesses:
        if one.is_processing:
            key = one.by, one.purpose
            was = summed.get(key) or Processed(one.by, one.purpose, 0, one.on, one.on)
            summed[key] = replace(
                was, times=was.times + 1, first=min(was.first, one.on), last=max(was.last, one.on)
            )
    return [summed[key] for key in sorted(summed, key=str)]


def _names(one: Mapping[str, Any], tokens: Collection[bytes]) -> bool:
    return any(token_bytes(token) in tokens for token in one.get("subjects", ()))


def _fields(one: Mapping[str, Any]) -> Iterable[tuple[str, str | None]]:
    names, treatments = one.get("fields", ()), one.get("treatments", ())
    return zip(names, treatments or [None] * len(names), strict=True)


def _outcome(found: Mapping[str, Any], mine: Sequence[Mapping[str, Any]]) -> str:
    words = {_said(found, one).partition(":")[0] for one in mine} or {_word(found["outcome"])}
    if "granted" in words:
        return SHOWN
    return RECORDED if "recorded" in words else REFUSED if "refused" in words else NOT_RELEASED


def _code(found: Mapping[str, Any], mine: Sequence[Mapping[str, Any]]) -> str | None:
    codes = [code for one in mine for code in [_said(found, one).partition(":")[2]] if code]
    return codes[0] if codes else None


def _said(found: Mapping[str, Any], one: Mapping[str, Any]) -> str:
    # Where a call met several outcomes, a set without one of its own was granted.
    said = str(one.get("outcome", found["outcome"]))
    return "granted" if said == "mixed" else said


def _word(text: str) -> str:
    return text.partition(":")[0]


def _until(kind: str, code: str | None) -> str | None:
    if kind != Kind.ACCESS_DELAYED.value or code is None:
        return None
    return date.fromisoformat(code.removeprefix(UNTIL)).isoformat()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else token_bytes(text)
