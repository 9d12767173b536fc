"""Routes: what each call is named, the action it asks for, what it takes and what it answers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from flask import Response, g, request
from marshmallow import Schema

from vault.domain.terms import Action
from vault.errors import VaultError

View: TypeAlias = Callable[..., Response]

KIBIBYTE = 1024
BODY_BYTES = 1024 * KIBIBYTE
BATCH_BODY_BYTES = 8 * BODY_BYTES
BATCH_ITEMS = 1000


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a query string; ids and codes only, since addresses are logged by others."""

    name: str
    meaning: str
    required: bool = False
    type: str = "string"
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """One call of the API; the permission it needs stands here and nowhere else.

    ``action`` None means open to whoever reaches the house; with a body it takes what a stranger sends.
    ``body`` and ``answer`` describe both sides; ``reader`` takes the parsed body in place of the schema on
    the hot routes.
    """

    method: str
    rule: str
    action: Action | None
    view: View
    summary: str
    status: int = 200
    body: type[Schema] | None = None
    body_bytes: int = BODY_BYTES
    reader: Callable[[Any], Any] | None = None
    # What it answers, or one of several.
    answer: type[Schema] | tuple[type[Schema], ...] | None = None
    media_type: str = "application/json"
    # Whether the answer carries the customer's revision as an ETag.
    tagged: bool = False
    query: tuple[Parameter, ...] = ()
    # The headers beyond Authorization and Vault-Purpose: what a call needs, and what it may carry.
    reason: bool = False
    etag: bool = False
    idempotent: bool = False
    # The purpose of a call that touches no customer; it need not be said.
    purpose: str = ""
    # Whether a second person's word may be named (Vault-Approval).
    approvable: bool = False
    # Whether its description offers Vault-On-Behalf, where a customer is touched; what refuses it is the
    # service, which knows why.
    behalf: bool = True
    # Whether the body is a form, as OAuth has it, in the place of JSON.
    form: bool = False
    # How it says no where a standard has words of its own; it raises what is not in them.
    refusing: Callable[[VaultError], Response] | None = None
    # Whether half of a log-in is enough: the second factor is to be shown by it.
    half: bool = False
    # Whether parameters that are not listed are left alone, as RFC 6749 4.1.2 asks of who is sent a code.
    tolerant: bool = False
    # Whether it may take hold before its entry is durable (202): what protects the customer does.
    deferrable: bool = False

    @property
    def name(self) -> str:
        """How logs and metrics call it: never with an id in it."""
        return f"{self.method} {self.rule}"


def whereabouts() -> dict[str, str]:
    """Name the route and the request for a log line; a route that is none of ours has no name."""
    return {"route": request.endpoint or "none", "request": request_id()}


def request_id() -> str:
    """The id that the answer, the log lines and the entry of this request share."""
    return str(g.get("request_id", "none"))
