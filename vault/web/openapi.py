"""OpenAPI: the description of the API, made from its routes and schemas and from nothing else."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

from vault.web import schemas
from vault.web.body import FORM
from vault.web.emit import JSON
from vault.web.problems import CONTENT_TYPE
from vault.web.routes import Route

_PATH_PARAMETER = re.compile(r"<(\w+)>")
_CODE = {"type": "string", "pattern": "^[A-Za-z0-9._:/-]{1,64}$"}
_WORD = {"type": "string", "pattern": "^[A-Za-z][A-Za-z._:/-]{0,63}$"}
_HEADERS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "Vault-Purpose": ("Why the data is used: a purpose of the policy, such as P04.", _CODE),
    "Vault-Reason": ("A word that says why now, such as customer_call; it is kept in the ledger.", _WORD),
    "Vault-Ticket": ("The case it is for; kept sealed, and as a keyed hash.", _CODE),
    "Vault-Csrf": ("What the log-in answered; sessions need it for every change.", {"type": "string"}),
    "Vault-Approval": ("The request that a second person has approved, such as apv_….", _CODE),
    "Vault-On-Behalf": (
        "The person for whom an application asks, such as per_…; it is shown no more than both may see.",
        {"type": "string", "pattern": "^per_[0-9a-hjkmnp-tv-z]{26}$"},
    ),
    "If-Match": (
        "The ETag of the revision that is changed.",
        {"type": "string", "pattern": '^"[0-9A-Za-z_-]{1,64}"$'},
    ),
    "Idempotency-Key": (
        "The same key with the same body is carried out once within 24 hours.",
        {"type": "string", "pattern": "^[!-+\\--~]{1,128}$"},
    ),
}
CHECKPOINT_HEADER = "Vault-Checkpoint"
_CHECKPOINT: dict[str, Any] = {
    "description": (
        "The size and the root of the newest signed checkpoint of the ledger that this worker knows; keep"
        " some, and nobody can show you another past. Absent before the first."
    ),
    "schema": {"type": "string", "pattern": "^[0-9]+:[0-9a-f]{64}$"},
}
_WORDS = {
    "session": "the id of one of your sessions",
    "key": "the id of a key",
    "link": "the id of a promised secret",
    "person": "the id of a person",
    "app": "the id of an application",
    "secret": "the id of a secret",
    "grant": "the id of a grant",
    "approval": "the id of a request",
    "number": "the number of a policy version",
    "role": "the id of a role",
    "campaign": "the id of a campaign",
    "index": "the number of an entry of the ledger",
    "view": "the id of a saved query",
    "case": "the id of a case",
    "day": "a day in UTC, such as 2026-11-27",
    "customer": "the application's own id of the customer",
    "item": "the application's own id of the consent",
    "fact": "the application's own id of the fact",
    "erasure": "the id of an erasure",
    "feed": "the id of the feed, such as F02",
}
_ALWAYS = (400, 401, 403, 422, 428, 429, 500, 503)


def describe(routes: Iterable[Route]) -> dict[str, Any]:
    """Write the OpenAPI 3.1 document of *routes*."""
    spec = APISpec(
        title="Customer Vault",
        version="1",
        openapi_version="3.1.0",
        info={"description": "Sealed customer data, shown by purpose. Every code is explained in /docs."},
        plugins=[MarshmallowPlugin(schema_name_resolver=lambda schema: _schema_class(schema).__name__)],
        security=[{"token": []}, {"session": []}],
    )
    spec.components.security_scheme("token", {"type": "http", "scheme": "bearer"})
    spec.components.security_scheme("session", {"type": "apiKey", "in": "cookie", "name": "vault"})
    for name, (meaning, form) in _HEADERS.items():
        spec.components.parameter(name, "header", {"description": meaning, "schema": form})
    spec.components.header(CHECKPOINT_HEADER, _CHECKPOINT)
    spec.components.response("problem", _content(schemas.Problem, "Why not.", CONTENT_TYPE))
    for route in routes:
        path = _PATH_PARAMETER.sub(r"{\1}", route.rule)
        spec.path(path, operations={route.method.lower(): _operation(route)})
    return spec.to_dict()


def _operation(route: Route) -> dict[str, Any]:
    noun, _, _ = route.rule.removeprefix("/v1").strip("/").partition("/")
    operation: dict[str, Any] = {
        "operationId": "-".join([route.method.lower(), *re.findall(r"\w+", route.rule)]),
        "tags": [noun],
        "summary": route.summary,
        "parameters": [*_path_parameters(route), *_query_parameters(route), *_header_parameters(route)],
        "responses": _responses(route),
    }
    if route.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {FORM if route.form else JSON: {"schema": route.body}},
        }
    if route.action is None:
        operation["security"] = []
    else:
        operation["x-action"] = route.action.value
        if route.purpose:
            operation["security"] = [{"session": []}]
    return operation


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {
            "in": "path",
            "name": name,
            "required": True,
            "description": _WORDS[name],
            "schema": {"type": "string"},
        }
        for name in _PATH_PARAMETER.findall(route.rule)
    ]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {
            "in": "query",
            "name": one.name,
            "required": one.required,
            "description": one.meaning,
            "schema": {"type": one.type, **({"minimum": 1, "maximum": one.most} if one.most else {})},
        }
        for one in route.query
    ]


def _header_parameters(route: Route) -> list[Any]:
    if route.action is None:
        return []
    needed = {"Vault-Purpose": True, "Vault-Reason": route.reason, "Vault-Ticket": False}
    if route.behalf:
        needed["Vault-On-Behalf"] = False
    if route.purpose:
        needed = {}
    if route.method != "GET":
        needed["Vault-Csrf"] = bool(route.purpose)
    if route.approvable:
        needed["Vault-Approval"] = False
    if route.etag:
        needed["If-Match"] = True
    if route.idempotent:
        needed["Idempotency-Key"] = False
    return [
        {
            "in": "header",
            "name": name,
            "required": required,
            "description": _HEADERS[name][0],
            "schema": _HEADERS[name][1],
        }
        for name, required in needed.items()
    ]


def _responses(route: Route) -> dict[str, Any]:
    responses: dict[str, Any] = {str(route.status): _success(route)}
    if route.deferrable:
        responses["202"] = _content(route.answer, "It holds; its entry in the ledger is still to come.", JSON)
    if route.action is not None:
        statuses = {*_ALWAYS, *(status for status, possible in _sometimes(route) if possible)}
        responses |= {str(status): "problem" for status in sorted(statuses)}
    return responses


def _sometimes(route: Route) -> list[tuple[int, bool]]:
    return [
        (404, "<" in route.rule),
        (429, route.media_type != JSON),
        (409, route.method != "GET"),
        (412, route.etag),
        (413, route.body is not None),
        (415, route.body is not None),
    ]


def _success(route: Route) -> dict[str, Any]:
    response = _content(route.answer, "Done.", route.media_type)
    if route.tagged:
        response["headers"]["ETag"] = {
            "description": "The customer's revision.",
            "schema": {"type": "string"},
        }
    return response


def _content(
    schema: type[Any] | tuple[type[Any], ...] | None, meaning: str, media_type: str
) -> dict[str, Any]:
    told: dict[str, Any] = {"description": meaning, "headers": {CHECKPOINT_HEADER: CHECKPOINT_HEADER}}
    if schema is None:
        return told
    described = {"oneOf": list(schema)} if isinstance(schema, tuple) else schema
    return {**told, "content": {media_type: {"schema": described}}}


def _schema_class(schema: Any) -> type[Any]:
    return schema if isinstance(schema, type) else type(schema)
