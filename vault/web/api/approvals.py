"""Approvals: what waits for a second person, shown as the vault reads it, and decided once."""

from collections.abc import Mapping
from typing import Any

from flask import Response

from vault.domain.instants import moment, rfc3339
from vault.domain.terms import Action, ActorId, ApprovalId, id_text
from vault.services import approvals, disclose
from vault.services.approvals import Rendered
from vault.services.governing import GOVERNED_FOR
from vault.web import emit
from vault.web import governing_schemas as schemas
from vault.web.context import Asked
from vault.web.reading import read_id
from vault.web.routes import Parameter, Route


def list_requests(asked: Asked) -> Response:
    """List requests."""
    state = asked.query.get("state", "waiting")
    found = approvals.requests(asked.parts, asked.call.actor, state=None if state == "all" else state)
    return emit.json({"items": [_described(one) for one in found]})


def show(asked: Asked, approval: str) -> Response:
    """Show one request."""
    return emit.json(
        _described(approvals.look(asked.parts, asked.call.actor, ApprovalId(read_id("apv", approval))))
    )


def ask(asked: Asked) -> Response:
    """Ask for a second person's word to reveal a field."""
    (name,) = asked.known([asked.body["field"]])
    waits = disclose.ask_to_reveal(asked.parts, asked.call, asked.body["subject"], name)
    return emit.json({"id": id_text("apv", waits), "waits": id_text("apv", waits)}, status=201)


def ask_for_more(asked: Asked) -> Response:
    """Ask for more customers than a brake lets through."""
    named = asked.body.get("app")
    holder = ActorId(read_id("app", named)) if named is not None else asked.call.actor.id
    waits = approvals.ask_for_more(
        asked.parts,
        asked.visited().actor,
        holder,
        customers=asked.body["customers"],
        reason=asked.body["reason"],
    )
    text = id_text("apv", waits) if waits is not None else None
    return emit.json({"id": text, "waits": text}, status=201)


def approve(asked: Asked, approval: str) -> Response:
    """Approve a request."""
    digest = _digest(asked.body["digest"])
    state = approvals.approve(
        asked.parts, asked.call.actor, ApprovalId(read_id("apv", approval)), digest=digest
    )
    return emit.json({"state": state})


def refuse(asked: Asked, approval: str) -> Response:
    """Refuse a request."""
    approvals.refuse(asked.parts, asked.call.actor, ApprovalId(read_id("apv", approval)))
    return emit.done()


def withdraw(asked: Asked, approval: str) -> Response:
    """Take back a request of one's own."""
    approvals.withdraw(asked.parts, asked.call.actor, ApprovalId(read_id("apv", approval)))
    return emit.done()


def _described(one: Rendered) -> Mapping[str, Any]:
    return {
        "id": id_text("apv", one.row.approval),
        "kind": one.row.kind,
        "state": one.state,
        "asked_by": one.asked_by,
        "asked": rfc3339(moment(one.row.created_ms)),
        "until": rfc3339(moment(one.row.expires_ms)),
        "says": list(one.says),
        "digest": one.digest.hex(),
        "not_mine": one.not_mine,
    }


def _digest(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        # No command has such a digest.
        return b""


ROUTES = (
    Route(
        "GET",
        "/v1/approvals",
        Action.APPROVE,
        list_requests,
        "List the requests that you made, gain by or may decide on, the newest first.",
        answer=schemas.Requests,
        query=(Parameter("state", "waiting (if not said), executed, refused, withdrawn, expired or all"),),
        purpose=GOVERNED_FOR,
    ),
    Route(
        "POST",
        "/v1/approvals",
        Action.REVEAL,
        ask,
        "Ask for a second person's word to reveal one field of one customer, once.",
        status=201,
        body=schemas.NewRequest,
        answer=schemas.Waiting,
        reason=True,
        behalf=False,
    ),
    Route(
        "POST",
        "/v1/brakes",
        Action.OWN,
        ask_for_more,
        "Ask that you, or an application, may meet more customers within a day than the brake lets through.",
        status=201,
        body=schemas.MoreCustomers,
        answer=schemas.Waiting,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "GET",
        "/v1/approvals/<approval>",
        Action.APPROVE,
        show,
        "Show a request in words, with the digest that an approval repeats.",
        answer=schemas.OneRequest,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "POST",
        "/v1/approvals/<approval>/approve",
        Action.APPROVE,
        approve,
        "Approve a request: the command is carried out as it is stored, once.",
        body=schemas.Decision,
        answer=schemas.Decided,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "POST",
        "/v1/approvals/<approval>/refuse",
        Action.APPROVE,
        refuse,
        "Refuse a request for good.",
        status=204,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "POST",
        "/v1/approvals/<approval>/withdraw",
        Action.OWN,
        withdraw,
        "Take back a request of your own.",
        status=204,
        purpose=GOVERNED_FOR,
    ),
)
