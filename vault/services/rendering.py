"""Rendering: what a search found, as JSON and as CSV, with the names of now beside the ids of then."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from vault.domain.canonical import Json
from vault.domain.grants import token_bytes, token_text
from vault.domain.instants import moment, rfc3339
from vault.domain.query import Names
from vault.domain.terms import ID_BYTES, id_text
from vault.services.faceting import Facet
from vault.services.looking import Bars, Found
from vault.storage.derived import LineRow

COLUMNS: Final = (
    "index leaf checkpoint at kind outcome actor actor_type actor_name on_behalf role action purpose tier n"
    " reason request object_type object"
).split()
# The prefix of the id by which other calls name an actor or an object; what is not here has none.
_PREFIXES: Final[Mapping[str, str]] = {
    "app": "app",
    "approval": "apv",
    "campaign": "cmp",
    "case": "cas",
    "grant": "grt",
    "hold": "hld",
    "link": "lnk",
    "login_key": "key",
    "person": "per",
    "secret": "sec",
    "session": "ses",
    "view": "viw",
}
# What a spreadsheet would take for a formula.
_FORMULAS: Final = ("=", "+", "-", "@", "\t")


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found, how entries' actors are called, and how much of the ledger was looked at."""

    found: Found
    names: Names
    facets: tuple[Facet, ...]
    cursor: str | None
    # Entries from ``indexed`` on were not looked at yet; the ledger had ``size`` of them.
    indexed: int
    size: int
    checkpoint: int | None


def as_json(answer: Answer) -> dict[str, Json]:
    """Write an answer down."""
    found = answer.found
    told: dict[str, Json] = {
        "entries": found.entries,
        "items": [item(line, leaf, answer.names) for line, leaf in found.lines],
        "next": answer.cursor,
        "indexed": answer.indexed,
        "size": answer.size,
        "checkpoint": answer.checkpoint,
    }
    if answer.facets:
        told["facets"] = {one.name: _facet(one, answer.names) for one in answer.facets}
    if found.bars is not None:
        told["histogram"] = _histogram(found.bars)
    return told


def as_csv(answer: Answer) -> str:
    """Write the lines of an answer as CSV."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for line, leaf in answer.found.lines:
        about = _object_id(line)
        values = (
            line.idx,
            leaf.hex(),
            answer.checkpoint,
            rfc3339(moment(line.at_ms)),
            line.kind,
            _outcome(line),
            shown_actor(line.actor, line.actor_type),
            line.actor_type,
            answer.names.of.get(line.actor),
            line.behalf,
            line.role,
            line.action,
            line.purpose,
            line.tier,
            line.n,
            line.reason_code,
            line.request.hex() if line.request else None,
            line.object_type,
            line.object_code if about is None else about,
        )
        writer.writerow(["" if one is None else _cell(one) for one in values])
    return out.getvalue()


def item(line: LineRow, leaf: bytes, names: Names) -> dict[str, Json]:
    """Lay out one line; what an entry does not have is null."""
    behalf: Json = None
    if line.behalf is not None:
        behalf = {"id": line.behalf, "name": names.of.get(line.behalf)}
    about: Json = None
    if line.object_type is not None:
        about = {"type": line.object_type, "id": _object_id(line), "code": line.object_code}
    return {
        "index": line.idx,
        "leaf": leaf.hex(),
        "at": rfc3339(moment(line.at_ms)),
        "kind": line.kind,
        "outcome": _outcome(line),
        "actor": {
            "id": shown_actor(line.actor, line.actor_type),
            "type": line.actor_type,
            "name": names.of.get(line.actor),
        },
        "on_behalf": behalf,
        "role": line.role,
        "action": line.action,
        "purpose": line.purpose,
        "tier": line.tier,
        "n": line.n,
        "reason": line.reason_code,
        "request": line.request.hex() if line.request else None,
        "object": about,
    }


def shown_actor(actor: str, actor_type: str) -> str:
    """Write an actor's id as other calls know it; one that has none is a code already."""
    prefix = _PREFIXES.get(actor_type)
    return actor if prefix is None else _as_id(prefix, actor)


def _as_id(prefix: str, text: str) -> str:
    try:
        raw = token_bytes(text)
    except ValueError:
        return text
    return id_text(prefix, raw) if len(raw) == ID_BYTES else text


def _object_id(line: LineRow) -> str | None:
    if line.object_id is None:
        return None
    prefix = _PREFIXES.get(line.object_type or "")
    return token_text(line.object_id) if prefix is None else id_text(prefix, line.object_id)


def _outcome(line: LineRow) -> str:
    return f"{line.outcome}:{line.code}" if line.code else line.outcome


def _facet(one: Facet, names: Names) -> Json:
    values: list[Json] = []
    for value, entries in one.values:
        name = names.of.get(value) if one.name == "actor" else None
        values.append({"value": value, "name": name, "entries": entries})
    return {"top": values, "other_values": one.other_values, "other_entries": one.other_entries}


def _histogram(bars: Bars) -> Json:
    return {
        "width_seconds": bars.width_ms // 1000,
        "bars": [{"from": rfc3339(moment(at)), "entries": entries} for at, entries in bars.entries],
    }


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULAS) else value
