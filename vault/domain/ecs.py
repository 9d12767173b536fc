"""ECS: an entry as a document of the Elastic Common Schema, of the one version named here."""

from base64 import b64encode
from typing import Final

from vault.domain.canonical import Json
from vault.domain.entry import Entry
from vault.domain.event_kinds import Class
from vault.domain.events import PRODUCT, Mark, Placed, code_of, kind_of, outcome_of, own_words
from vault.domain.grants import token_text
from vault.domain.instants import moment, rfc3339

VERSION: Final = "9.4.0"
_OUTCOME: Final = {"granted": "success", "recorded": "success", "refused": "failure", "failed": "failure"}


def event(placed: Placed, mark: Mark) -> dict[str, Json]:
    """Write an entry as a document."""
    entry, kind = placed.entry, kind_of(placed.entry)
    outcome, code = outcome_of(entry)
    name = entry.kind.value if entry else "entry.unreadable"
    leaf = b64encode(placed.leaf).decode()
    told: dict[str, Json] = {
        "kind": "alert" if kind.ocsf is Class.FINDING else "event",
        "category": [kind.category],
        "type": [kind.type],
        "action": name,
        "outcome": _OUTCOME.get(outcome, "unknown"),
        "dataset": "customer_vault.ledger",
        "module": "customer_vault",
        "provider": mark.checkpoint.origin if mark.checkpoint else mark.house,
        "sequence": placed.idx,
        "severity": int(kind.severity),
        "hash": leaf,
    }
    if code is not None:
        told["reason"] = code
    document: dict[str, Json] = {
        "@timestamp": rfc3339(moment(entry.at_ms if entry else mark.at_ms)),
        "ecs": {"version": VERSION},
        "message": f"{name} {outcome}",
        "event": told,
        "service": {"name": PRODUCT, "type": PRODUCT, "id": mark.house, "version": mark.version},
        "related": {"hash": [leaf]},
        PRODUCT.replace("-", "_"): own_words(placed, mark),
    }
    if kind.ocsf is Class.FINDING:
        document["rule"] = {"name": name}
    if entry is None:
        return document
    told["id"] = token_text(entry.id)
    if entry.request is not None:
        document["transaction"] = {"id": token_text(entry.request)}
    document["user"] = _user(entry, kind.ocsf)
    users = {entry.actor.id, *filter(None, (entry.actor.on_behalf,))}
    document["related"] = {"hash": [leaf], "user": [*sorted(users)]}
    return document


def _user(entry: Entry, ocsf: Class) -> dict[str, Json]:
    found: dict[str, Json] = {"id": entry.actor.id}
    if entry.role_set or entry.actor.role:
        found["roles"] = [*(entry.role_set or filter(None, (entry.actor.role,)))]
    if entry.actor.on_behalf:
        found["effective"] = {"id": entry.actor.on_behalf}
    _, _, holder = (code_of(entry) or "").partition(":")
    if ocsf is Class.USER_ACCESS and holder:
        found["target"] = {"id": holder}
    return found
