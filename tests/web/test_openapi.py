"""The description of the API: valid, complete, and a page that needs no script and no network."""

import html.parser
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from typing_extensions import override

from tests.house import House
from tests.web.test_routes import ENTRANCES
from vault.app import create_app
from vault.web.codes import CODES

VOID = {"meta", "link", "br"}


@pytest.fixture
def client(sqlite_house: House) -> FlaskClient:
    return create_app(sqlite_house.parts, sqlite_house.settings).test_client()


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    described: dict[str, Any] = client.get("/openapi.json").get_json()
    return described


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def walk(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for inner in node.values():
            yield from walk(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from walk(inner)


def test_the_description_is_openapi_3_1_and_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    assert document["info"]["title"]

    for node in walk(document):
        target: Any = document
        for step in node.get("$ref", "#").removeprefix("#").strip("/").split("/"):
            target = target[step] if step else target
        assert "nullable" not in node, "3.1 says null by a type"


def test_every_operation_has_a_name_of_its_own_and_describes_its_path(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)

    for path, _, operation in operations(document):
        told = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
        assert told == set(re.findall(r"{(\w+)}", path)), path
        assert all(one["required"] for one in operation["parameters"] if one["in"] == "path"), path
        assert all(re.fullmatch(r"[1-5]\d\d", status) for status in operation["responses"]), path
        assert all("description" in one or "$ref" in one for one in operation["responses"].values()), path


def test_every_closed_operation_asks_for_a_token_and_a_purpose(document: dict[str, Any]) -> None:
    assert document["security"] == [{"token": []}, {"session": []}]

    for path, method, operation in operations(document):
        needed = {one["name"] for one in operation["parameters"] if one["in"] == "header" and one["required"]}
        is_closed = path.startswith("/v1/") and path not in ENTRANCES
        is_for_people = operation.get("security") == [{"session": []}]
        assert ("Vault-Purpose" in needed) == (is_closed and not is_for_people), path
        assert ("Vault-Csrf" in needed) == (is_for_people and method.lower() != "get"), path
        assert (operation.get("security") == []) == (not is_closed), path


def test_a_person_can_be_named_where_customers_are_touched_and_a_person_may_do_it(
    document: dict[str, Any],
) -> None:
    named = {
        f"{method.upper()} {path}"
        for path, method, operation in operations(document)
        if any(one["name"] == "Vault-On-Behalf" for one in operation["parameters"])
    }

    assert "GET /v1/profiles/{customer}" in named
    assert "POST /v1/subjects/lookup" in named
    # A feed is for applications, a fact for registered sources, and governing for whoever has logged in.
    assert not [
        one for one in named if re.search("/v1/(feeds|assignments|approvals|people|me|grants)|/facts", one)
    ]


def test_every_object_is_closed_and_so_says_its_schema(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        assert schema["type"] == "object", name
        assert schema["additionalProperties"] is False, name


def test_a_described_key_is_never_one_of_the_programs_own_names(document: dict[str, Any]) -> None:
    keys = {key for schema in document["components"]["schemas"].values() for key in schema["properties"]}

    assert not keys & {"values", "names", "fields_"}
    assert "fields" in keys


class Page(html.parser.HTMLParser):
    """What a page links to, names, and nests."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.names: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in {"href", "src", "action"}]
        self.names += [value or "" for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    @override
    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_needs_no_script_and_no_network_and_every_link_leads_somewhere(client: FlaskClient) -> None:
    page = Page()

    response = client.get("/docs")
    page.feed(response.get_data(as_text=True))

    assert page.open == []
    assert not page.tags & {"script", "iframe", "object", "img", "form", "style"}
    assert not {name for name in page.attributes if name.startswith("on")} | ({"style"} & page.attributes)
    assert len(set(page.names)) == len(page.names)
    for link in page.links:
        parts = urlsplit(link)
        assert not parts.scheme
        assert not parts.netloc
        assert parts.fragment in page.names if parts.fragment else client.get(parts.path).status_code == 200
    assert "script-src" not in response.headers["Content-Security-Policy"]
    assert "unsafe" not in response.headers["Content-Security-Policy"]


def test_the_page_explains_every_operation_and_the_type_of_every_problem(
    client: FlaskClient, document: dict[str, Any]
) -> None:
    page = Page()

    page.feed(client.get("/docs").get_data(as_text=True))

    assert {operation["operationId"] for _, _, operation in operations(document)} <= set(page.names)
    assert set(CODES) <= set(page.names)


def test_a_demo_says_that_it_is_one(client: FlaskClient) -> None:
    assert "This is a demo" in client.get("/docs").get_data(as_text=True)


def test_nothing_of_the_machine_stands_in_the_description(document: dict[str, Any]) -> None:
    assert str(Path(__file__).parents[2]) not in json.dumps(document)


def test_a_list_says_how_much_one_call_may_carry(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]

    for name, key in (("ProfilesAsked", "ids"), ("ProfilesAsked", "fields"), ("NewSubjects", "records")):
        assert schemas[name]["properties"][key]["minItems"] == 1
        assert schemas[name]["properties"][key]["maxItems"] == 1000
        assert key in schemas[name]["required"]


def test_a_closed_set_of_codes_is_listed(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]

    assert schemas["NewSubject"]["properties"]["kind"]["enum"] == ["organisation", "person"]
    assert schemas["NewFact"]["properties"]["kind"]["enum"] == [
        "case",
        "contract",
        "duty",
        "objection",
        "order",
    ]
    assert schemas["ConsentDecision"]["properties"]["state"]["enum"] == ["given", "refused"]
