"""Subjects: customers go in, are corrected, found again and matched, and show their history."""

from typing import Any

from flask import Response

from vault.domain.terms import Action
from vault.errors import Invalid, InvalidValue, VaultError
from vault.services import history, intake, lookup, rectify
from vault.services.answering import Admitted
from vault.web import emit, schemas
from vault.web.context import Asked
from vault.web.problems import problem
from vault.web.reading import load
from vault.web.routes import BATCH_BODY_BYTES, BATCH_ITEMS, Parameter, Route

_PAGE = 100


def admit(asked: Asked) -> Response:
    """Admit one customer."""
    return _admitted(intake.admit(asked.parts, asked.call, asked.body), status=201)


def admit_many(asked: Asked) -> Response:
    """Admit each record by itself; one that is wrong spoils no other. A dry run stores nothing."""
    records: list[Any] = asked.body
    good = {position: record for position, record in enumerate(records) if not isinstance(record, VaultError)}
    carry_out = intake.check_many if _flag(asked, "dry_run") else intake.admit_many
    outcomes = dict(zip(good, carry_out(asked.parts, asked.call, list(good.values())), strict=True))
    request = asked.call.request.hex()
    items = [item(outcomes.get(position, record), request) for position, record in enumerate(records)]
    return emit.json({"items": items})


def amend(asked: Asked, customer: str) -> Response:
    """Change fields of the revision that If-Match names."""
    fields, source = asked.body["fields"], asked.body.get("source")
    return _admitted(
        rectify.rectify(asked.parts, asked.call, customer, asked.etag, fields=fields, source=source)
    )


def add_contact(asked: Asked, customer: str) -> Response:
    """Admit a person as a contact of an organisation."""
    role, fields, source = asked.body["role"], asked.body["fields"], asked.body.get("source")
    added = intake.add_contact(asked.parts, asked.call, customer, role=role, fields=fields, source=source)
    return _admitted(added, status=201)


def look_up(asked: Asked) -> Response:
    """Find customers by a value of an indexed field."""
    (name,) = asked.known([asked.body["field"]])
    value, suffix = asked.body["value"], asked.body.get("suffix", False)
    return emit.json({"ids": lookup.lookup(asked.parts, asked.call, name, value, suffix=suffix)})


def match(asked: Asked, customer: str) -> Response:
    """Say whether a value is the customer's."""
    (name,) = asked.known([asked.body["field"]])
    return emit.json({"match": lookup.match(asked.parts, asked.call, customer, name, asked.body["value"])})


def show_history(asked: Asked, customer: str) -> Response:
    """List the customer's changes, a page at a time."""
    limit, cursor = _limit(asked.query.get("limit")), asked.query.get("cursor")
    page = history.history(asked.parts, asked.call, customer, limit=limit, cursor=cursor)
    return emit.json({"items": page.items, "next": page.next})


def read_records(body: Any) -> list[Any]:
    """Read each record of a batch by itself: a wrong one stands in the list as its own error."""
    return [_read_record(record) for record in load(schemas.Records, body)["records"]]


def item(outcome: Admitted | intake.Checked | VaultError, request: str) -> dict[str, Any]:
    """Say what became of one record of a batch, or would."""
    if isinstance(outcome, VaultError):
        return {"id": None, "error": problem(outcome, request)}
    told = {"warnings": outcome.warnings, **({"replayed": True} if outcome.replayed else {})}
    if isinstance(outcome, intake.Checked):
        return {"id": None, **told}
    return {"id": outcome.id, "etag": outcome.etag, **told}


def _read_record(record: Any) -> Any:
    try:
        return load(schemas.NewSubjectRecord, record)
    except Invalid as fault:
        return fault


def _flag(asked: Asked, name: str) -> bool:
    text = asked.query.get(name, "false")
    if text not in {"true", "false"}:
        raise InvalidValue("type", field=name)
    return text == "true"


def _limit(text: str | None) -> int:
    if text is None:
        return _PAGE
    if not (text.isascii() and text.isdigit() and 0 < len(text) <= 4):
        raise InvalidValue("type", field="limit")
    limit = int(text)
    if not 1 <= limit <= BATCH_ITEMS:
        raise Invalid("limit", field="limit", limit=BATCH_ITEMS)
    return limit


def _admitted(admitted: Admitted, *, status: int = 200) -> Response:
    body = {"id": admitted.id, "warnings": admitted.warnings}
    response = emit.json(body, status=status, etag=admitted.etag)
    if admitted.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response


ROUTES = (
    Route(
        "POST",
        "/v1/subjects",
        Action.ADMIT,
        admit,
        "Admit a customer.",
        status=201,
        body=schemas.NewSubject,
        answer=schemas.Admitted,
        tagged=True,
        idempotent=True,
    ),
    Route(
        "POST",
        "/v1/subjects/batch",
        Action.ADMIT,
        admit_many,
        "Admit up to a thousand customers, each by itself.",
        body=schemas.NewSubjects,
        body_bytes=BATCH_BODY_BYTES,
        reader=read_records,
        query=(
            Parameter("dry_run", "true: say what would become of each, and store nothing", type="boolean"),
        ),
        answer=schemas.AdmittedItems,
    ),
    Route(
        "PATCH",
        "/v1/subjects/<customer>",
        Action.WRITE,
        amend,
        "Change a customer; null removes a field.",
        body=schemas.Changes,
        answer=schemas.Admitted,
        tagged=True,
        etag=True,
    ),
    Route(
        "POST",
        "/v1/subjects/<customer>/contacts",
        Action.ADMIT,
        add_contact,
        "Admit a person as a contact of an organisation.",
        status=201,
        body=schemas.NewContact,
        answer=schemas.Admitted,
        tagged=True,
        idempotent=True,
    ),
    Route(
        "POST",
        "/v1/subjects/lookup",
        Action.LOOKUP,
        look_up,
        "Find customers by an exact value, or by its last characters.",
        body=schemas.LookupAsked,
        answer=schemas.Found,
    ),
    Route(
        "POST",
        "/v1/subjects/<customer>/match",
        Action.MATCH,
        match,
        "Say whether a value is the customer's, and show nothing.",
        body=schemas.ValueAsked,
        answer=schemas.Matched,
    ),
    Route(
        "GET",
        "/v1/subjects/<customer>/history",
        Action.READ,
        show_history,
        "List the changes of a customer, the newest first.",
        query=(
            Parameter(
                "limit", "how many at most; 100 where nothing is said", type="integer", most=BATCH_ITEMS
            ),
            Parameter("cursor", "the next of the page before"),
        ),
        answer=schemas.Revisions,
    ),
)
