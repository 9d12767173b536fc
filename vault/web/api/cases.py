"""Cases: what was raised about somebody, the hottest first, and what reviewers make of it."""

from collections.abc import Mapping
from typing import Any

from flask import Response

from vault.domain.instants import moment, rfc3339
from vault.domain.terms import Action, CaseId, PersonId, id_text
from vault.services import cases
from vault.services.cases import Case, Step
from vault.services.governing import GOVERNED_FOR
from vault.web import emit
from vault.web import review_schemas as schemas
from vault.web.context import Asked
from vault.web.reading import read_id, read_limit
from vault.web.routes import Parameter, Route

_MOST, _USUAL = 1_000, 100


def list_cases(asked: Asked) -> Response:
    """List cases."""
    limit = read_limit(asked.query.get("limit"), most=_MOST)
    state = asked.query.get("state")
    found = cases.ranked(asked.parts, asked.call.actor, state=state, limit=_USUAL if limit is None else limit)
    return emit.json({"items": [_described(one) for one in found]})


def show(asked: Asked, case: str) -> Response:
    """Show one case."""
    found, steps = cases.show(asked.parts, asked.call.actor, _case(case))
    return emit.json({**_described(found), "pruned": found.pruned, "steps": [_step(one) for one in steps]})


def assign(asked: Asked, case: str) -> Response:
    """Give a case to somebody."""
    to = PersonId(read_id("per", asked.body["to"]))
    cases.assign(asked.parts, asked.call.actor, _case(case), to)
    return emit.done()


def comment(asked: Asked, case: str) -> Response:
    """Say something about a case."""
    cases.comment(asked.parts, asked.call.actor, _case(case), asked.body["text"])
    return emit.done()


def decide(asked: Asked, case: str) -> Response:
    """Decide a case."""
    cases.decide(asked.parts, asked.call.actor, _case(case), asked.body["verdict"])
    return emit.done()


def notify(asked: Asked, case: str) -> Response:
    """Have the receivers of alerts told."""
    cases.notify(asked.parts, asked.call.actor, _case(case))
    return emit.done()


def _case(text: str) -> CaseId:
    return CaseId(read_id("cas", text))


def _described(one: Case) -> Mapping[str, Any]:
    row = one.row
    return {
        "id": id_text("cas", row.casefile),
        "about": one.name,
        "type": row.who_type,
        "state": row.state,
        "severity": row.severity,
        "score": round(one.heat, 1),
        "alerts": row.alerts,
        "assignee": row.assignee,
        "verdict": row.verdict,
        "opened": rfc3339(moment(row.opened_ms)),
        "changed": rfc3339(moment(row.changed_ms)),
    }


def _step(one: Step) -> Mapping[str, Any]:
    return {
        "index": one.index,
        "at": rfc3339(one.at),
        "kind": one.kind,
        "by": one.by,
        "rule": one.rule,
        "severity": one.severity,
        "score": one.score,
        "entries": list(one.entries),
        "code": one.code,
        "comment": one.comment,
    }


ROUTES = (
    Route(
        "GET",
        "/v1/cases",
        Action.REVIEW,
        list_cases,
        "List the cases about others, the hottest first; without a state those that are not decided.",
        answer=schemas.Cases,
        purpose=GOVERNED_FOR,
        query=(
            Parameter("state", "Only cases that are `open`, `assigned` or `decided`."),
            Parameter("limit", "How many at most.", type="integer", most=_MOST),
        ),
    ),
    Route(
        "GET",
        "/v1/cases/<case>",
        Action.REVIEW,
        show,
        "Show one case with its alerts, the entries that raised them, and all that was done about it.",
        answer=schemas.WholeCase,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "POST",
        "/v1/cases/<case>/assign",
        Action.REVIEW,
        assign,
        "Give a case to somebody who may review it, and whom it is not about.",
        status=204,
        body=schemas.NewAssignee,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "POST",
        "/v1/cases/<case>/comment",
        Action.REVIEW,
        comment,
        "Say something about a case; it stands sealed in the ledger.",
        status=204,
        body=schemas.NewComment,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "POST",
        "/v1/cases/<case>/verdict",
        Action.REVIEW,
        decide,
        "Say what it was; new alerts open the case again.",
        status=204,
        body=schemas.NewVerdict,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "POST",
        "/v1/cases/<case>/notify",
        Action.REVIEW,
        notify,
        "Have everybody who receives alerts told of a case once more.",
        status=204,
        purpose=GOVERNED_FOR,
    ),
)
