"""Houses: a vault with as many customers as a row needs, on either database, through its own services."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final, TypeVar

from scripts.bench.records import fields_of
from vault.bootstrap import found_house, open_house, open_safe
from vault.cli.town.moving_in import consent_item
from vault.cli.town.people import Decision
from vault.cli.town.staff import call
from vault.domain.canonical import Json
from vault.domain.policy import Policy
from vault.domain.terms import PurposeId, RoleId, id_text
from vault.errors import VaultError
from vault.services import intake, safekeeping, standing_facts
from vault.services.govern import create_app
from vault.services.governing import operator
from vault.services.granting import Wish
from vault.services.issuing import issue
from vault.services.keying import Issued
from vault.services.locating import Located, locate
from vault.services.parts import Parts
from vault.services.policies import candidate, default_folder
from vault.settings import SLOTS, Settings, read

T = TypeVar("T")

_CHUNK: Final = 500
_POSTS: Final = {
    "desk": ("service_desk", "P04", ()),
    "dispatch": ("dispatcher", "P01", ()),
    "intake": ("intake", "P01", ()),
    "registry": ("intake", "P01", ("order", "contract", "assignment")),
}


@dataclass(frozen=True, slots=True)
class Bench:
    """A house that stands: how it is opened, its tokens, and its first customers as each app knows them."""

    environ: Mapping[str, str]
    settings: Settings
    tokens: Mapping[str, str]
    ids: Mapping[str, Sequence[str]]
    notice: str
    # Who the customers are assigned to.
    dispatch: str

    def headers(self, app: str) -> dict[str, str]:
        """Make the headers of a call of *app*."""
        purpose = _POSTS[app][1]
        return {"Authorization": f"Bearer {self.tokens[app]}", "Vault-Purpose": purpose}


def environ_of(state: Path, urls: Mapping[str, str]) -> dict[str, str]:
    """Write the settings of a house in production; without *urls* its stores are files in *state*."""
    stores = {f"VAULT_{name.upper()}_URL": url for name, url in urls.items()}
    secrets = {f"VAULT_ROOT_{name}_FILE": str(state.with_suffix(".slots") / name) for name in SLOTS}
    return {"VAULT_MODE": "production", "VAULT_STATE_DIR": str(state), **stores, **secrets}


def build(state: Path, urls: Mapping[str, str], *, customers: int, listed: int) -> Bench:
    """Found a house, and let *customers* move in; the ids of the first *listed* are kept."""
    environ = environ_of(state, urls)
    settings = read(environ, directory=state)
    shares = found_house(settings, candidate(default_folder()))
    with open_safe(settings) as parts:
        safekeeping.rehearse(parts, operator(os.getuid()), shares[:3])
    with open_house(settings) as parts:
        hired = {name: _hire(parts, name) for name in _POSTS}
        tokens = {name: issued.token for name, issued in hired.items()}
        notice = _notice(call(parts, tokens["intake"], "P01").policy)
        bench = Bench(environ, settings, tokens, {}, notice, id_text("app", hired["dispatch"].app))
        ids: dict[str, list[str]] = {"desk": [], "dispatch": []}
        for first in range(0, customers, _CHUNK):
            located = settle_in(parts, bench, range(first, min(first + _CHUNK, customers)), key="bench")
            if len(ids["desk"]) < listed:
                for name, known in ids.items():
                    known.extend(known_to(parts, bench, name, located))
    return replace(bench, ids={name: known[:listed] for name, known in ids.items()})


def settle_in(parts: Parts, bench: Bench, numbers: range, *, key: str) -> list[Located]:
    """Let customers in, each with an order, a contract and an assignment; who is there already is found."""
    asker = call(parts, bench.tokens["intake"], "P01")
    made = intake.admit_many(parts, asker, [record(one, bench.notice, key=f"{key}-{one}") for one in numbers])
    located = [_ok(one) for one in locate(parts, asker, [_ok(one).id for one in made])]
    registry = call(parts, bench.tokens["registry"], "P01")
    own = issue(parts, registry, [one.identity for one in located])
    for kind, purpose, to in (
        ("order", None, None),
        ("contract", None, None),
        ("assignment", "P01", bench.dispatch),
    ):
        told = zip(numbers, own, strict=True)
        said = [
            standing_facts.Statement(one, kind, f"{kind}-{number}", purpose=purpose, to=to)
            for number, one in told
        ]
        standing_facts.state_many(parts, registry, said)
    return located


def known_to(parts: Parts, bench: Bench, app: str, located: Sequence[Located]) -> list[str]:
    """Give *app* its own ids of the customers."""
    return issue(parts, call(parts, bench.tokens[app], _POSTS[app][1]), [one.identity for one in located])


def record(number: int, notice: str, *, key: str | None = None) -> dict[str, Json]:
    """Write a customer as intake takes it, with the consent that was given."""
    consent: dict[str, Json] = {
        "purpose": "P11",
        "state": "given",
        "form": "separate",
        "channel": "web",
        "notice": notice,
    }
    fields: dict[str, Json] = {**fields_of(number)}
    whole: dict[str, Json] = {"kind": "person", "fields": fields, "source": "web", "consents": [consent]}
    return whole if key is None else {**whole, "idempotency_key": key}


@contextmanager
def opened(bench: Bench) -> Iterator[Parts]:
    """Open the house in this process."""
    with open_house(bench.settings) as parts:
        yield parts


def _hire(parts: Parts, name: str) -> Issued:
    role, purpose, states = _POSTS[name]
    ends = parts.clock() + timedelta(days=365)
    wish = Wish(RoleId(role), ends, "bench", frozenset({PurposeId(purpose)}))
    return create_app(
        parts, operator(os.getuid()), name=name, sources=states, grants=[wish], secret_expires=ends
    )


def _notice(policy: Policy) -> str:
    decision = Decision("P11", "given", "separate", "web")
    return str(consent_item(policy.notices.values(), decision)["notice"])


def _ok(outcome: T | VaultError) -> T:
    if isinstance(outcome, VaultError):
        raise outcome
    return outcome
