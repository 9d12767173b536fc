"""OCSF: an entry as an event of the Open Cybersecurity Schema Framework, of the one version named here."""

from typing import Final

from vault.domain.canonical import Json
from vault.domain.entry import ActorRef, Entry
from vault.domain.event_kinds import OTHER, Class, EventKind
from vault.domain.events import PRODUCT, Mark, Placed, code_of, kind_of, outcome_of, own_words
from vault.domain.grants import token_text

VERSION: Final = "1.8.0"
_SUCCESS, _FAILURE = 1, 2
_STATUS: Final = {"granted": _SUCCESS, "recorded": _SUCCESS, "refused": _FAILURE, "failed": _FAILURE}
# A finding has other states than an activity: new, in progress, resolved.
_FINDING_STATUS: Final = {1: 1, 2: 2, 3: 4}
_USER_TYPE: Final = {"person": 1, "operator": 2, "system": 3, "app": 4}
_RULE: Final = 1


def event(placed: Placed, mark: Mark) -> dict[str, Json]:
    """Write an entry as an event."""
    entry, kind = placed.entry, kind_of(placed.entry)
    outcome, code = outcome_of(entry)
    name = entry.kind.value if entry else "entry.unreadable"
    written: dict[str, Json] = {
        "category_uid": kind.ocsf // 1000,
        "class_uid": int(kind.ocsf),
        "activity_id": kind.activity,
        "type_uid": kind.ocsf * 100 + kind.activity,
        "time": entry.at_ms if entry else mark.at_ms,
        "severity_id": int(kind.severity),
        "status_id": _STATUS.get(outcome, OTHER),
        "status": outcome,
        "message": f"{name} {outcome}",
        "metadata": _metadata(placed, mark, name),
        "unmapped": {PRODUCT.replace("-", "_"): own_words(placed, mark)},
        **_of_class(entry, kind, name),
    }
    if code is not None:
        written["status_code"] = code
    if kind.activity == OTHER:
        written["activity_name"] = name
    return written


def _metadata(placed: Placed, mark: Mark, name: str) -> dict[str, Json]:
    entry = placed.entry
    found: dict[str, Json] = {
        "version": VERSION,
        "product": {"name": PRODUCT, "vendor_name": PRODUCT, "version": mark.version},
        "log_name": mark.checkpoint.origin if mark.checkpoint else mark.house,
        "event_code": name,
        "sequence": placed.idx,
        "tenant_uid": mark.house,
    }
    if entry is not None:
        found["uid"] = token_text(entry.id)
        if entry.request is not None:
            found["correlation_uid"] = token_text(entry.request)
    return found


def _of_class(entry: Entry | None, kind: EventKind, name: str) -> dict[str, Json]:
    actor = _actor(entry.actor if entry else None)
    match kind.ocsf:
        case Class.FINDING:
            return _finding(entry, kind, name)
        case Class.AUTHENTICATION:
            return {"actor": actor, "user": actor["user"], "service": {"name": PRODUCT}}
        case Class.USER_ACCESS:
            return {"actor": actor, **_right(entry)}
        case Class.DATASTORE:
            return {"actor": actor, "src_endpoint": _source(entry), "databucket": _BUCKET}
        case Class.API:
            called: dict[str, Json] = {"operation": name, "service": {"name": PRODUCT}}
            return {"actor": actor, "src_endpoint": _source(entry), "api": called, **_resources(entry)}


def _finding(entry: Entry | None, kind: EventKind, name: str) -> dict[str, Json]:
    about = entry.object if entry else None
    # What is found, looked into and closed is one finding: that of its object, or of the house itself.
    raw = about.id if about else None
    return {
        "finding_info": {
            "uid": token_text(raw) if raw else name.partition(".")[0],
            "title": name,
            "analytic": {"name": name, "type_id": _RULE},
        },
        "status_id": _FINDING_STATUS.get(kind.activity, OTHER),
        "evidences": [{"actor": _actor(entry.actor if entry else None)}],
        **_resources(entry),
    }


def _right(entry: Entry | None) -> dict[str, Json]:
    """Say which role, and whose: a grant's code is both."""
    role, _, holder = (code_of(entry) or "" if entry else "").partition(":")
    return {
        "user": {"uid": holder} if holder else _user(entry.actor if entry else None),
        "privileges": [role] if role else [],
        **_resources(entry),
    }


def _resources(entry: Entry | None) -> dict[str, Json]:
    about = entry.object if entry else None
    if entry is None or about is None:
        return {}
    code = code_of(entry)
    found: dict[str, Json] = {"type": about.type}
    if about.id is not None:
        found["uid"] = token_text(about.id)
    if code is not None or about.id is None:
        found["name"] = code or about.type
    return {"resources": [found]}


def _actor(actor: ActorRef | None) -> dict[str, Json]:
    found: dict[str, Json] = {"user": _user(actor)}
    if actor is not None and actor.session:
        found["session"] = {"uid": actor.session}
    if actor is not None and actor.type == "app":
        found["app_uid"] = actor.id
    return found


def _user(actor: ActorRef | None) -> dict[str, Json]:
    if actor is None:
        return {"uid": "unknown", "type_id": 0}
    return {"uid": actor.id, "type": actor.type, "type_id": _USER_TYPE.get(actor.type, OTHER)}


def _source(entry: Entry | None) -> dict[str, Json]:
    """Name whoever called: the address itself is sealed in the entry, and stays there."""
    if entry is None:
        return {"uid": "unknown"}
    return {"uid": entry.actor.session or entry.actor.id, "type": entry.actor.type}


_BUCKET: Final[dict[str, Json]] = {"name": "customers", "type": PRODUCT, "type_id": OTHER}
