"""Staff: the applications of the demo town, what each is for, and the calls that it makes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from vault.domain.terms import AppId, PurposeId, RequestId, RoleId
from vault.services.authenticate import authenticate, policy_in_force
from vault.services.govern import create_app
from vault.services.governing import operator
from vault.services.granting import Wish
from vault.services.parts import Call, Parts

_LASTING = timedelta(days=3650)
_SOURCE = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Post:
    """An application with one role for one purpose.

    ``fields`` are worth asking for as this application, ``feed`` is the one it may take, ``states`` are the
    kinds of facts that it may state.
    """

    name: str
    role: str
    purpose: str
    does: str
    fields: str = ""
    feed: str = ""
    states: tuple[str, ...] = ()


READERS: Final = (
    Post("servicedesk", "service_desk", "P04", "answers enquiries", "name,mobile,email,address,grade"),
    Post(
        "dispatch",
        "dispatcher",
        "P01",
        "fetches and delivers",
        "name,mobile,address,delivery_note",
        feed="F02",
    ),
    Post(
        "complaints",
        "complaint_clerk",
        "P05",
        "settles complaints and claims",
        "name,mobile,bank_account,notes",
    ),
    Post(
        "settlement", "settlement_clerk", "P06", "invoices and pays out", "name,id_number,bank_account,mobile"
    ),
    Post("marketing", "marketing", "P11", "sends offers", "name,mobile,email"),
    Post("statistics", "analyst", "P15", "counts and compares", "name,address,birthday"),
)
WRITERS: Final = (
    Post("intake", "intake", "P01", "takes customers in"),
    Post(
        "registry",
        "intake",
        "P01",
        "says what is open and who works on it",
        states=("order", "case", "contract", "duty", "objection", "assignment"),
    ),
    Post("officer", "privacy_officer", "P18", "restricts, and answers customers"),
)


@dataclass(frozen=True, slots=True)
class Hired:
    """An application as it stands in a house: its id, and the token that is shown once."""

    post: Post
    app: AppId
    token: str


def hire(parts: Parts, uid: int) -> Mapping[str, Hired]:
    """Create every application of the town, as the operator *uid* of this machine."""
    ends = parts.clock() + _LASTING
    hired = {}
    for post in (*READERS, *WRITERS):
        wish = Wish(RoleId(post.role), ends, "demo", frozenset({PurposeId(post.purpose)}))
        issued = create_app(
            parts, operator(uid), name=post.name, sources=post.states, grants=[wish], secret_expires=ends
        )
        hired[post.name] = Hired(post, issued.app, issued.token)
    return hired


def call(parts: Parts, token: str, purpose: str, *, reason: str | None = None) -> Call:
    """Make the call that an application with *token* makes; raises Unauthenticated."""
    actor, standing = authenticate(parts, f"Bearer {token}", source=_SOURCE, at=parts.clock())
    policy = policy_in_force(parts, standing)
    return Call(
        actor=actor,
        standing=standing,
        policy=policy,
        purpose=PurposeId(purpose),
        request=RequestId(parts.new_id()),
        source=_SOURCE,
        reason=reason,
    )
