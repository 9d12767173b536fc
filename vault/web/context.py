"""Context: from an HTTP request to a call that a service can judge; every header and parameter checked."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from flask import Request

from vault.domain.terms import PurposeId, RequestId, is_code, is_word
from vault.errors import Invalid, InvalidValue, Refused
from vault.services import using
from vault.services.acting import act_for
from vault.services.parts import Call, Parts
from vault.services.visiting import Visit
from vault.web import body
from vault.web.auth import identify
from vault.web.callers import Caller, calling
from vault.web.places import Place
from vault.web.reading import is_key, load
from vault.web.routes import Route, request_id

_ETAG = re.compile(r'"([0-9A-Za-z_-]{1,64})"', re.ASCII)
_MOST_PARAMETERS = 16


@dataclass(frozen=True, slots=True)
class Asked:
    """One call as a view gets it: authenticated, its headers, query and body read and checked."""

    parts: Parts
    call: Call
    etag: str
    query: Mapping[str, str]
    body: Any
    # The session that was shown, where a person asks.
    visit: Visit | None = None
    # The request that a second person has approved, where one is named.
    approval: str = ""

    def visited(self) -> Visit:
        """Give the session of a person; raises Refused ``people_only`` for applications."""
        if self.visit is None:
            raise Refused("people_only")
        return self.visit

    def known(self, names: Sequence[str]) -> Sequence[str]:
        """Refuse a field that the catalogue does not have by its position; its name is not said back."""
        catalogue = self.call.policy.catalogue.by_name
        for position, name in enumerate(names):
            if name not in catalogue:
                raise InvalidValue("unknown_field", position=position)
        if len(set(names)) != len(names):
            raise Invalid("repeated", field="fields")
        return names


def ask(parts: Parts, route: Route, request: Request, *, place: Place) -> Asked:
    """Read *request* as a call of *route*.

    The token comes first: a stranger learns nothing from the rest, and none of his body is read.
    """
    begun, visit = identify(parts, request, RequestId(bytes.fromhex(request_id())), half=route.half)
    environ = request.environ
    # What touches no customer has one purpose, which need not be said.
    missing = "" if route.purpose else "purpose_required"
    purpose = _header(environ, "Vault-Purpose", is_code, missing=missing) or route.purpose
    reason = _header(environ, "Vault-Reason", is_word, missing="reason_required" if route.reason else "")
    ticket = _header(environ, "Vault-Ticket", is_code)
    key = _header(environ, "Idempotency-Key", is_key)
    agreed = _header(environ, "Vault-Approval", is_code)
    if agreed and not route.approvable:
        raise Invalid("header", field="Vault-Approval")
    person = _header(environ, "Vault-On-Behalf", is_code)
    etag = _header(environ, "If-Match", _is_etag, missing="if_match_required" if route.etag else "")
    query = _parameters(route, environ.get("QUERY_STRING", ""))
    call = begun(
        purpose=PurposeId(purpose),
        reason=reason or None,
        ticket=ticket or None,
        idempotency_key=key if key and route.idempotent else None,
    )
    place.belong_to(call.actor.id)
    if person and route.action is not None:
        call = act_for(parts, call, route.action, person)
    using.note(parts, call)
    sent = _body(route, request, place)
    return Asked(parts, call, etag.strip('"'), query, sent, visit, agreed)


@dataclass(frozen=True, slots=True)
class Told:
    """What a stranger sent, before anybody is known: to log in, to join, to be given a token."""

    parts: Parts
    caller: Caller
    query: Mapping[str, str]
    body: Any
    # What the Authorization header says, where the body is not all that is shown.
    header: str = ""

    @property
    def source(self) -> str:
        """From where it came."""
        return self.caller.source


def hear(parts: Parts, route: Route, request: Request, *, place: Place) -> Told:
    """Read *request* as a call of a *route* that is open to strangers."""
    query = _parameters(route, request.environ.get("QUERY_STRING", ""))
    sent = _body(route, request, place)
    return Told(parts, calling(), query, sent, request.environ.get("HTTP_AUTHORIZATION", ""))


def _header(environ: Mapping[str, Any], name: str, fits: Callable[[str], bool], *, missing: str = "") -> str:
    """Read a header that is a plain code; *missing* is the code of the refusal where it must be there.

    Some servers join a header that was given twice by a comma, and hand on one that is not ASCII as an
    empty one: neither fits.
    """
    text = environ.get(f"HTTP_{name.upper().replace('-', '_')}")
    if text is None:
        if missing:
            raise Invalid(missing)
        return ""
    if not isinstance(text, str) or not fits(text):
        raise Invalid("header", field=name)
    return text


def _is_etag(text: str) -> bool:
    return _ETAG.fullmatch(text) is not None


def _parameters(route: Route, text: str) -> dict[str, str]:
    known = {parameter.name for parameter in route.query}
    try:
        pairs = (
            parse_qsl(
                text,
                keep_blank_values=True,
                strict_parsing=True,
                errors="strict",
                max_num_fields=_MOST_PARAMETERS,
            )
            if text
            else []
        )
    except ValueError:
        raise Invalid("query") from None
    found = dict(pairs)
    if not found.keys() <= known and not route.tolerant:
        raise Invalid("unknown_parameter")
    if len(found) != len(pairs):
        raise Invalid("repeated")
    for parameter in route.query:
        if parameter.required and not found.get(parameter.name):
            raise Invalid("required", field=parameter.name)
    return found


def _body(route: Route, request: Request, place: Place) -> Any:
    if route.body is None:
        body.refuse(request, waiting=place.left)
        return None
    if route.form:
        raw = body.read(request, route.body_bytes, waiting=place.left, expected=body.FORM)
        parsed: Any = body.parse_form(raw)
    else:
        parsed = body.parse(body.read(request, route.body_bytes, waiting=place.left))
    return route.reader(parsed) if route.reader is not None else load(route.body, parsed)
