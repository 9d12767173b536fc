"""The access bundle: what a customer is handed, so that software of others can prove it whole (format 1)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from vault.domain.accesses import Access, read_access, read_beside, settled
from vault.domain.canonical import Json
from vault.domain.grants import token_bytes, token_text
from vault.domain.merkle import includes, leaf_hash
from vault.domain.note import Checkpoint, Note
from vault.domain.subject_map import Absence, Listed, MapHead, Place, tokens_in

FORMAT = "vault-accesses/1"


@dataclass(frozen=True, slots=True)
class Proven:
    """One entry, and the way from it to the root of the checkpoint."""

    index: int
    body: bytes
    path: tuple[bytes, ...]

    def stands_in(self, checkpoint: Checkpoint) -> bool:
        """Tell whether the ledger of *checkpoint* holds it at its index."""
        leaf = leaf_hash(self.body)
        return includes(checkpoint.root, self.path, leaf=leaf, index=self.index, size=checkpoint.size)


@dataclass(frozen=True, slots=True)
class Month:
    """One month's token of the subject, and how the map lists it; None while something is delayed."""

    month: str
    token: bytes
    proof: Place | Absence | None


@dataclass(frozen=True, slots=True)
class AccessBundle:
    """Every entry of some months that names one subject, with the proofs that they are the ledger's, and all.

    ``covers`` is the size of the ledger that was looked through; the map speaks for the entries before its
    own size. ``beside`` are entries that name nobody and say that nothing was released under another.
    """

    note: bytes
    covers: int
    head: MapHead
    sealed: Proven
    months: tuple[Month, ...]
    entries: tuple[Proven, ...]
    beside: tuple[Proven, ...]
    delayed: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of checking a bundle: faults by code, and what it proves where there is none."""

    faults: tuple[str, ...]
    size: int
    # Of the listed entries, those that the map counts, and those behind it.
    counted: int
    since: int
    delayed: bool
    accesses: tuple[Access, ...]


def check(bundle: AccessBundle) -> Checked:
    """Check every proof of *bundle* against the checkpoint in it; who signed that is for a key to tell.

    Raises ValueError ``note`` or ``checkpoint`` where there is none. A fault is a code, with the index or
    the month that it is about.
    """
    checkpoint = Note.unpack(bundle.note).checkpoint
    tokens = {one.token for one in bundle.months}
    faults: list[str] = []
    named: dict[bytes, list[int]] = {token: [] for token in tokens}
    for one in bundle.entries:
        mine = tokens & tokens_in(one.body)
        if not mine:
            faults.append(f"names_nobody:{one.index}")
        for token in mine:
            named[token].append(one.index)
    everything = (*bundle.entries, *bundle.beside, bundle.sealed)
    faults += [f"inclusion:{one.index}" for one in everything if not one.stands_in(checkpoint)]
    indexes = [one.index for one in bundle.entries]
    if any(one >= other for one, other in pairwise(indexes)):
        faults.append("order")
    if not bundle.head.size <= bundle.covers <= checkpoint.size or any(
        one >= bundle.covers for one in indexes
    ):
        faults.append("covers")
    if not bundle.head.is_sealed_by(bundle.sealed.body) or bundle.head.size > bundle.sealed.index:
        faults.append("map_sealed")
    faults += [
        f"{fault}:{one.month}"
        for one in bundle.months
        for fault in [_listing(one, named[one.token], bundle)]
        if fault
    ]
    counted = sum(1 for one in indexes if bundle.head.counts(one))
    try:
        accesses = tuple(accesses_of(bundle))
    except ValueError:
        faults.append("entry")
        accesses = ()
    return Checked(tuple(faults), bundle.head.size, counted, len(indexes) - counted, bundle.delayed, accesses)


def accesses_of(bundle: AccessBundle) -> list[Access]:
    """Read what the entries of *bundle* say, and what came of each."""
    tokens = {one.token for one in bundle.months}
    named = [read_access(one.index, one.body, tokens) for one in bundle.entries]
    return settled(named, [read_beside(one.index, one.body) for one in bundle.beside])


def _listing(month: Month, indexes: Sequence[int], bundle: AccessBundle) -> str | None:
    """Hold the entries of one month against what the map says of its token."""
    counted = [index for index in indexes if bundle.head.counts(index)]
    match month.proof:
        case None:
            return None if bundle.delayed else "map_proof"
        case Place():
            if not month.proof.stands_in(bundle.head) or month.proof.listed.token != month.token:
                return "map_proof"
            return None if Listed(month.token).named_in(counted) == month.proof.listed else "count"
        case Absence():
            if not month.proof.holds_in(bundle.head, month.token):
                return "map_proof"
            return "count" if counted else None


# ---- as JSON ----


def write(bundle: AccessBundle) -> dict[str, Json]:
    """Lay a bundle out as JSON; hashes and tokens are unpadded base64url, bodies and the note are texts."""
    return {
        "format": FORMAT,
        "checkpoint": bundle.note.decode(),
        "covers": bundle.covers,
        "delayed": bundle.delayed,
        "map": {
            "start": bundle.head.start,
            "size": bundle.head.size,
            "tokens": bundle.head.tokens,
            "tree": token_text(bundle.head.tree),
            "sealed": _proven(bundle.sealed),
        },
        "months": [
            {
                "month": one.month,
                "token": token_text(one.token),
                "listed": _place(one.proof) if isinstance(one.proof, Place) else None,
                "absent": (
                    {"before": _place(one.proof.before), "after": _place(one.proof.after)}
                    if isinstance(one.proof, Absence)
                    else None
                ),
            }
            for one in bundle.months
        ],
        "entries": [_proven(one) for one in bundle.entries],
        "beside": [_proven(one) for one in bundle.beside],
    }


def read(text: bytes) -> AccessBundle:
    """Read a bundle of format 1; raises ValueError ``bundle`` for anything else."""
    try:
        found = json.loads(text)
        _ = {FORMAT: None}[found["format"]]
        head = found["map"]
        return AccessBundle(
            note=found["checkpoint"].encode(),
            covers=_number(found["covers"]),
            head=MapHead(
                _number(head["size"]),
                _number(head["tokens"]),
                token_bytes(head["tree"]),
                _number(head["start"]),
            ),
            sealed=_read_proven(head["sealed"]),
            months=tuple(
                Month(one["month"], token_bytes(one["token"]), _read_proof(one)) for one in found["months"]
            ),
            entries=tuple(map(_read_proven, found["entries"])),
            beside=tuple(map(_read_proven, found["beside"])),
            delayed=found["delayed"] is True,
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        raise ValueError("bundle") from None


def _proven(one: Proven) -> dict[str, Json]:
    return {"index": one.index, "body": one.body.decode(), "path": [token_text(each) for each in one.path]}


def _place(one: Place | None) -> Json:
    if one is None:
        return None
    return {
        "token": token_text(one.listed.token),
        "count": one.listed.count,
        "indexes": token_text(one.listed.indexes),
        "position": one.position,
        "path": [token_text(each) for each in one.path],
    }


def _read_proven(found: Mapping[str, Any]) -> Proven:
    return Proven(_number(found["index"]), found["body"].encode(), _path(found["path"]))


def _read_proof(found: Mapping[str, Any]) -> Place | Absence | None:
    if found["listed"] is not None:
        return _read_place(found["listed"])
    if found["absent"] is not None:
        sides = found["absent"]
        return Absence(
            *(None if sides[one] is None else _read_place(sides[one]) for one in ("before", "after"))
        )
    return None


def _read_place(found: Mapping[str, Any]) -> Place:
    listed = Listed(token_bytes(found["token"]), _number(found["count"]), token_bytes(found["indexes"]))
    return Place(listed, _number(found["position"]), _path(found["path"]))


def _path(found: Sequence[str]) -> tuple[bytes, ...]:
    return tuple(map(token_bytes, found))


def _number(found: object) -> int:
    # A bool is an int to Python, and not to JSON; counts are written in eight bytes.
    if type(found) is not int or not 0 <= found < 2**63:
        raise ValueError("number")
    return found
