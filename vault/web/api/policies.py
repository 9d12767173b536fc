"""Policies: what the versions say, what a candidate would change, and how one comes in force."""

from collections.abc import Mapping
from typing import Any

from flask import Response

from vault.domain.instants import moment, rfc3339
from vault.domain.policy import ContextClass, policy_digest
from vault.domain.terms import Action, id_text, is_code
from vault.errors import Invalid, NotFound
from vault.services import policies, simulating
from vault.services.governing import GOVERNED_FOR, view
from vault.services.policies import Applied, Plan
from vault.web import emit
from vault.web import policy_schemas as schemas
from vault.web.context import Asked
from vault.web.routes import Parameter, Route

_LONGEST_DAYS = 3650


def list_versions(asked: Asked) -> Response:
    """List every version."""
    view(asked.parts, asked.call.actor, "policies")
    items = [
        {
            "number": row.number,
            "digest": row.digest.hex(),
            "applied": rfc3339(moment(row.created_ms)),
            "author": row.author,
        }
        for row in policies.versions(asked.parts)
    ]
    return emit.json({"items": items})


def export(asked: Asked, number: str) -> Response:
    """Give the files of a version."""
    view(asked.parts, asked.call.actor, "policy")
    files = policies.version_files(asked.parts, _number(number))
    return emit.json({"digest": policy_digest(files).hex(), "files": dict(files)})


def diff(asked: Asked, number: str) -> Response:
    """Compare two versions."""
    view(asked.parts, asked.call.actor, "policy")
    compared = policies.compare(asked.parts, _number(asked.query["since"]), _number(number))
    return emit.json({"says": list(compared.words())})


def plan(asked: Asked) -> Response:
    """Say what a candidate would change, or what is wrong with it."""
    view(asked.parts, asked.call.actor, "policy_plan")
    return emit.json(_planned(policies.plan(asked.parts, _files(asked))))


def apply(asked: Asked) -> Response:
    """Put a candidate in force."""
    base = asked.body.get("base")
    if base is None:
        raise Invalid("required", field="base")
    applied = policies.apply_policy(
        asked.parts,
        asked.call.actor,
        files=_files(asked),
        base_digest=_digest(base),
        author=_author(asked),
    )
    return _applied(applied)


def roll_back(asked: Asked) -> Response:
    """Put an earlier version in force again."""
    applied = policies.roll_back(
        asked.parts,
        asked.call.actor,
        asked.body["number"],
        base_digest=_digest(asked.body["base"]),
        author=_author(asked),
    )
    return _applied(applied)


def simulate(asked: Asked) -> Response:
    """Judge anew what was asked."""
    view(asked.parts, asked.call.actor, "policy_simulation")
    days = asked.body["days"]
    if not 1 <= days <= _LONGEST_DAYS:
        raise Invalid("limit", field="days", limit=_LONGEST_DAYS)
    found = simulating.simulate(asked.parts, _files(asked), days=days)
    return emit.json({"entries": found.entries, "judged": found.judged, "says": list(found.words())})


def explain(asked: Asked) -> Response:
    """Answer a question, and say why."""
    view(asked.parts, asked.call.actor, "access")
    sent = asked.body
    context = ContextClass(
        reason=sent["reason"],
        ticket=sent["ticket"],
        approvals=sent["approvals"],
        strength=sent["strength"],
        actor=sent["actor"],
    )
    explained = policies.explain(
        asked.parts,
        roles=sent["roles"],
        purpose=sent["purpose"],
        action=sent["action"],
        field=sent["field"],
        context=context,
    )
    says = [f"{one.file}:{one.line}: {one.says}" for one in explained.because]
    return emit.json({"says": [explained.answer, *says]})


def _planned(planned: Plan) -> Mapping[str, Any]:
    return {
        "base": planned.base.hex() if planned.base is not None else None,
        "digest": planned.digest.hex(),
        "changed": list(planned.changed),
        "mistakes": [str(one) for one in planned.mistakes],
        "says": list(planned.compared.words()) if not planned.mistakes else [],
    }


def _applied(applied: Applied) -> Response:
    body = {
        "number": applied.number,
        "digest": applied.digest.hex(),
        "waits": id_text("apv", applied.waits) if applied.waits is not None else None,
    }
    return emit.json(body, status=201 if applied.waits is None else 202)


def _files(asked: Asked) -> dict[str, str]:
    files = asked.body["files"]
    if not all(isinstance(text, str) for text in files.values()):
        raise Invalid("type", field="files")
    return dict(files)


def _author(asked: Asked) -> str:
    name = asked.call.actor.name
    return name if is_code(name) else "person"


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise NotFound
    return int(text)


def _digest(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise Invalid("format", field="base") from None


ROUTES = (
    Route(
        "GET",
        "/v1/policies",
        Action.GOVERN,
        list_versions,
        "List every version of the policy that was ever in force.",
        answer=schemas.Versions,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "POST",
        "/v1/policies",
        Action.GOVERN,
        apply,
        "Put a set of policy files in force, once a second person has approved.",
        status=202,
        body=schemas.PolicyFiles,
        answer=schemas.AppliedPolicy,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "GET",
        "/v1/policies/<number>",
        Action.GOVERN,
        export,
        "Give the files of a version, as they were applied.",
        answer=schemas.VersionFiles,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "GET",
        "/v1/policies/<number>/diff",
        Action.GOVERN,
        diff,
        "Say in words what a version allows that an earlier one does not, and the other way round.",
        answer=schemas.Compared,
        query=(Parameter("since", "the number of the other version", required=True),),
        purpose=GOVERNED_FOR,
    ),
    Route(
        "POST",
        "/v1/policies/plan",
        Action.GOVERN,
        plan,
        "Say what a set of files would change, and what is wrong with it; nothing is changed.",
        body=schemas.Candidate,
        answer=schemas.Planned,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "POST",
        "/v1/policies/simulate",
        Action.GOVERN,
        simulate,
        "Judge anew, under a set of files, what was asked in the last days; nothing is opened.",
        body=schemas.Simulated,
        answer=schemas.SimulatedAnswer,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "POST",
        "/v1/policies/rollback",
        Action.GOVERN,
        roll_back,
        "Put the files of an earlier version in force again, once a second person has approved.",
        status=202,
        body=schemas.RollBack,
        answer=schemas.AppliedPolicy,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "POST",
        "/v1/access/explain",
        Action.GOVERN,
        explain,
        "Say what the policy in force answers to one question, and by which rule, file and line.",
        body=schemas.Question,
        answer=schemas.Explained,
        purpose=GOVERNED_FOR,
    ),
)
