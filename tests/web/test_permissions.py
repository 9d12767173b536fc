"""Every route with every role: what is refused and what is reached stands in a reviewed file."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import pytest
from werkzeug.test import TestResponse

from tests.house import House
from tests.staff import hire
from tests.web.test_documented import GUIDE, PEOPLE, REVIEWING, examples, office
from vault.app import create_app
from vault.app import routes as every_route
from vault.domain.terms import Action, id_text
from vault.web.routes import Route

REVIEWED = Path(__file__).parents[1] / "plan" / "routes_and_roles.txt"

# By route: by outcome: the roles.
Told: TypeAlias = dict[str, dict[str, list[str]]]
NOBODYS = "x_00000000000000000000000000"

pytestmark = pytest.mark.slow


def routes(house: House) -> dict[str, Route]:
    """Every route by its name."""
    listed = every_route(house.parts, house.settings, lambda: b"", lambda _error, _where: None)
    return {route.name: route for route in listed}


def asked(known: dict[str, str]) -> Iterator[tuple[str, str, dict[str, str], str]]:
    """The examples of all guides, without who asks; people act on behalf of nobody."""
    for guide in (GUIDE, PEOPLE, REVIEWING):
        for method, path, headers, body in examples(guide, known):
            if "Vault-On-Behalf" in headers:
                continue
            more = {
                name: value
                for name, value in headers.items()
                if name not in {"Authorization", "Cookie", "Vault-Csrf"}
            }
            yield method, path, more, body


def tell(told: Told, route: Route, answer: TestResponse, role: str) -> None:
    """Note whether *role* was refused by its standing, or got as far as what it asked for."""
    code = answer.get_json(silent=True)
    refused = answer.status_code in {401, 403}
    outcome = str(code["code"]) if refused and code else "reached"
    assert answer.status_code != 500, (route.name, code)
    line = f"{route.name}  [{route.action or 'open'}]"
    told.setdefault(line, {}).setdefault(outcome, []).append(role)


def test_what_each_role_reaches_is_what_was_reviewed(sqlite_house: House) -> None:
    house = sqlite_house
    known, _, one, other = office(house)
    app = create_app(house.parts, house.settings)
    by_name = routes(house)
    policy = house.call("intake").policy
    known |= {
        "CUSTOMER": known["SUBJECT"],
        "ORGANISATION": known["SUBJECT"],
        "NOTICE": next(one.sha256 for one in policy.notices.values() if "P11" in one.purposes),
        "FEED": "F02",
        "ETAG": '"00"',
        "CONSENT": id_text("con", bytes(16)),
        "FACT": id_text("fct", bytes(16)),
        "AUDITOR": "",
        "AUDITOR_CSRF": "",
        "INDEX": "0",
        "VIEW": id_text("viw", bytes(16)),
    }
    told: Told = {}
    # Whoever governs comes last: what is reached then may end what the others came by.
    for role in sorted(policy.roles.values(), key=lambda one: (Action.GOVERN in one.verbs, one.id)):
        person = hire(one, other, f"h.{role.id}".replace("_", "."), str(role.id))
        for method, path, headers, body in asked(known):
            match = app.url_map.bind("").match(path.partition("?")[0], method)
            route = by_name[str(match[0])]
            if route.action in {None, Action.OWN}:
                continue
            if "Vault-Purpose" in headers:
                headers["Vault-Purpose"] = min(role.purposes)
            answer = person.browser.open(
                path, method=method, headers={**headers, "Vault-Csrf": person.csrf}, data=body
            )
            tell(told, route, answer, str(role.id))
        # What is one's own, and what is open, last: with nothing in it, so that nobody is changed by it.
        for route in sorted(by_name.values(), key=lambda each: (each.name.endswith("/logout"), each.name)):
            if route.action in {None, Action.OWN}:
                path = re.sub("<[^>]+>", NOBODYS, route.rule)
                headers = {"Vault-Csrf": person.csrf, "Content-Type": "application/json"}
                tell(
                    told,
                    route,
                    person.browser.open(path, method=route.method, headers=headers, data="{}"),
                    str(role.id),
                )

    assert {line.partition("  ")[0] for line in told} == by_name.keys()

    written = "".join(
        f"{line}\n" + "".join(f"    {outcome:<30} {' '.join(sorted(set(held)))}\n" for outcome, held in pairs)
        for line, pairs in sorted((line, sorted(found.items())) for line, found in told.items())
    )
    # After a wanted change: look at the difference, and then keep what this has written.
    REVIEWED.with_suffix(".found").write_text(written, encoding="utf-8")
    assert written == REVIEWED.read_text(encoding="utf-8")
    REVIEWED.with_suffix(".found").unlink()
