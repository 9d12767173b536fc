"""Canaries: a day's work over HTTP leaves no value where none must be, in whatever spelling."""

import hashlib
import json
import logging
import os
import tempfile
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.house import House
from vault.domain.canonical import Json
from vault.domain.terms import Tier
from vault.services import watch

pytestmark = pytest.mark.slow

# For every field above L2 a value that nobody meets by chance; short ones are longer here.
PERSON: dict[str, Json] = {
    "name": "独孤金丝雀一号",
    "mobile": "+8613912345678",
    "landline": "+861082345671",
    "email": "canary.email.one@example.com",
    "address": "云南省昆明市盘龙区金丝雀路7301号9幢8单元7702室",
    "id_number": "53010219200508011X",
    "passport": "E87654321",
    "birthday": "1931-07-29",
    "plate": "云AQ7Z39",
    "notes": "canary notes one: rings the bell thrice",
    "bank_account": "6222021234567894",
    "delivery_note": "canary delivery note one",
    "opinions": ["canary opinion one", "canary opinion two"],
    "credit_inputs": "canary credit inputs one",
    "yearly_amount": {"amount": "73019283.47", "currency": "CNY"},
}
ORGANISATION: dict[str, Json] = {"company_name": "云雀示例有限公司", "person_in_charge": "独孤金丝雀二号"}
CONTACT: dict[str, Json] = {"name": "独孤金丝雀三号", "mobile": "+8613812345679"}
LATER: dict[str, Json] = {"notes": "canary notes two", "mobile": "+8613712345670", "address": None}
# What callers send that is no field's value, and what stays with them.
SENT = {
    "ticket": "CANARY-TICKET-7301",
    "key": "canary-idempotency-7301",
    "agent": "canary-agent/7301",
    "json key": "canary_json_key_7301",
    "typed": "+8613612345671",
    "typed ending": "canary.typed@example.com",
    "fact": "CANARY-ORDER-7301",
    "case": "CANARY-CASE-7301",
    "upload": "canary-upload-7301",
    "path": "canary-path-7301",
    "token": "canary-token-7301",
}
# What a field of these types may hold is a code of the catalogue, or an id of the house.
CODES = {"payment_record", "contacts"}


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A temporary folder that is searched, and every library's log turned up as far as it goes."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    for name in ("TMPDIR", "SQLITE_TMPDIR"):
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    root, level = logging.getLogger(), logging.getLogger().level
    root.setLevel(logging.DEBUG)
    yield folder
    root.setLevel(level)


def test_every_field_above_l2_has_its_canary(house: House) -> None:
    catalogue = house.call("intake").policy.catalogue.by_name

    above = {str(name) for name, field in catalogue.items() if field.decision_tier >= Tier.L3}

    assert above == PERSON.keys() | {"person_in_charge"} | CODES


def test_a_days_work_leaves_no_value_where_it_must_not_be(
    quiet: Path,
    house: House,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    canaries = [text for record in (PERSON, ORGANISATION, CONTACT, LATER) for text in texts(record)]
    canaries = [*(text for text in canaries if text != ORGANISATION["company_name"]), *SENT.values()]
    caplog.set_level(logging.DEBUG)
    before = set(os.environ.items())

    work(house)
    house.parts.ledger.flush_counts(house.clock())
    watch.look(house.parts)
    house.parts.ledger.settle([])

    said = "".join(capfd.readouterr()) + caplog.text + json.dumps(dict(set(os.environ.items()) - before))
    places = {"stores": b"\n".join(house.bytes_of_stores()), "what was said": said.encode()}
    for file in (*quiet.rglob("*"), *house.settings.state_dir.rglob("*")):
        if file.is_file():
            places[str(file)] = file.read_bytes()
    found = [
        (place, canary, form)
        for place, content in places.items()
        for canary in canaries
        for form, spelt in spellings(canary).items()
        if spelt in content
    ]
    assert found == []
    assert not any(file.is_file() for file in quiet.rglob("*")), "a temporary file was left"


def test_a_days_work_leaves_no_value_in_the_files_of_the_server(postgresql_house: House) -> None:
    work(postgresql_house)
    ((folder,),) = postgresql_house.rows_of("data", "SELECT current_setting('data_directory')")
    data = Path(str(folder))
    if not os.access(data, os.R_OK | os.X_OK):
        pytest.skip("the server's files are another user's")

    ((own,),) = postgresql_house.rows_of("data", "SELECT pg_relation_filepath('subject')")
    canaries = [text.encode() for record in (PERSON, ORGANISATION, CONTACT, LATER) for text in texts(record)]
    canaries = [*(text for text in canaries if text.decode() != ORGANISATION["company_name"])]
    canaries += [text.encode() for text in SENT.values()]
    places = [(data / str(own)).parent, data / "pg_wal", data / "base" / "pgsql_tmp"]
    files = [file for place in places for file in place.rglob("*") if file.is_file()]
    assert files
    for file in (*files, *data.glob("*.log")):
        content = file.read_bytes()
        assert [canary for canary in canaries if canary in content] == [], file


def test_the_search_finds_what_it_looks_for_in_every_spelling() -> None:
    for value in (*texts(PERSON), *SENT.values()):
        for form, spelt in spellings(value).items():
            assert spelt in noise(value, form), form


def noise(value: str, form: str) -> bytes:
    """Something that holds *value* in a spelling, between other things."""
    raw = value.encode()
    match form.partition(" ")[0]:
        case "base64":
            return b64encode(b"abc"[: int(form[-1])] + raw + b"xyz")
        case "base64url":
            return urlsafe_b64encode(b"abc"[: int(form[-1])] + raw + b"xyz")
        case _:
            return b"ab" + spellings(value)[form] + b"yz"


def spellings(value: str) -> Mapping[str, bytes]:
    """Every way in which a careless writer may have kept *value*, keyless hashes included."""
    raw = value.encode()
    found = {
        "utf-8": raw,
        "utf-16-le": value.encode("utf-16-le"),
        "utf-16-be": value.encode("utf-16-be"),
        "json": json.dumps(value)[1:-1].encode(),
        "quoted": quote(value, safe="").encode(),
        "hex": raw.hex().encode(),
        "HEX": raw.hex().upper().encode(),
        "sha256": hashlib.sha256(raw).digest(),
        "sha256 in hex": hashlib.sha256(raw).hexdigest().encode(),
        "sha1": hashlib.sha1(raw, usedforsecurity=False).digest(),
        "md5": hashlib.md5(raw, usedforsecurity=False).digest(),
    }
    for shift in range(3):
        for name, encode in (("base64", b64encode), ("base64url", urlsafe_b64encode)):
            # Only the letters that hang on no neighbour of the value.
            held = encode(bytes(shift) + raw)[: (shift + len(raw)) * 8 // 6]
            found[f"{name} {shift}"] = held[(shift * 8 + 5) // 6 :]
    return found


def texts(value: Json) -> list[str]:
    """Every text in a record that is long enough not to be met by chance."""
    match value:
        case str():
            return [value] if len(value.encode()) >= 8 else []
        case dict():
            return [text for one in value.values() for text in texts(one)]
        case list():
            return [text for one in value for text in texts(one)]
        case _:
            return []


def work(house: House) -> None:
    """Let every app do what it does in a day, mistakes included, each with canaries wherever it can."""
    headers = {"Vault-Ticket": SENT["ticket"], "User-Agent": SENT["agent"], "Vault-Reason": "check"}
    intake: Any = house.client("intake")
    keyed = {**headers, "Idempotency-Key": SENT["key"]}
    record = {"kind": "person", "fields": PERSON, "consents": [house.consent("P11")]}
    admitted = [intake.post("/v1/subjects", json=record, headers=keyed) for _ in range(2)]
    assert [one.status_code for one in admitted] == [201, 201], admitted[0].get_json()
    customer = admitted[0].get_json()["id"]
    again = intake.post("/v1/subjects", json={**record, "source": "phone"}, headers=headers)
    assert again.status_code == 409
    changed = intake.patch(
        f"/v1/subjects/{customer}",
        json={"fields": LATER},
        headers={**headers, "If-Match": admitted[1].headers["ETag"]},
    )
    assert changed.status_code == 200, changed.get_json()
    organisation = intake.post(
        "/v1/subjects", json={"kind": "organisation", "fields": ORGANISATION}, headers=headers
    )
    assert organisation.status_code == 201, organisation.get_json()
    contact = intake.post(
        f"/v1/subjects/{organisation.get_json()['id']}/contacts",
        json={"role": "payer", "fields": CONTACT},
        headers=headers,
    )
    assert contact.status_code == 201, contact.get_json()
    state_facts(house, customer, headers)
    for app in ("servicedesk", "settlement", "dispatch", "marketing", "statistics", "realname", "accounts"):
        read(house, app, customer, headers)
    mistake(house, customer, headers)


def state_facts(house: House, customer: str, headers: Mapping[str, str]) -> None:
    registry: Any = house.client("registry")
    own = house.known_to("registry", customer)
    for kind, ref in (("order", "fact"), ("contract", "fact"), ("case", "case")):
        stated = registry.post(
            f"/v1/subjects/{own}/facts", json={"kind": kind, "ref": SENT[ref]}, headers=headers
        )
        assert stated.status_code == 201, stated.get_json()
    for app in ("dispatch", "accounts"):
        house.assign(customer, app, SENT["case"])


def read(house: House, app: str, customer: str, headers: Mapping[str, str]) -> None:
    """Fetch, search, match and reveal as one app, whatever it may."""
    client: Any = house.client(app)
    own = house.known_to(app, customer)
    fields = ",".join(PERSON)
    responses = [
        client.get(f"/v1/profiles/{own}?fields={fields}", headers=headers),
        client.post("/v1/profiles/batch", json={"ids": [own], "fields": [*PERSON]}, headers=headers),
        client.get(f"/v1/subjects/{own}/history", headers=headers),
        *(
            client.post("/v1/subjects/lookup", json=typed, headers=headers)
            for typed in (
                {"field": "mobile", "value": LATER["mobile"]},
                {"field": "mobile", "value": "5670", "suffix": True},
                {"field": "mobile", "value": SENT["typed"]},
                {"field": "email", "value": SENT["typed ending"]},
                {"field": "id_number", "value": PERSON["id_number"]},
            )
        ),
        *(
            client.post(f"/v1/subjects/{own}/match", json={"field": name, "value": value}, headers=headers)
            for name, value in {**PERSON, "mobile": SENT["typed"]}.items()
        ),
        *(
            client.post(f"/v1/subjects/{own}/reveal", json={"field": name}, headers=headers)
            for name in PERSON
        ),
    ]
    assert {one.status_code for one in responses} <= {200, 403, 422}, [one.get_json() for one in responses]
    assert responses[0].status_code == 200, responses[0].get_json()


def mistake(house: House, customer: str, headers: Mapping[str, str]) -> None:
    """Send what is refused, in every part of a request."""
    client: Any = house.client("intake")
    wrong: list[Json] = [
        {"kind": "person", "fields": {"name": SENT["json key"], SENT["json key"]: SENT["json key"]}},
        {SENT["json key"]: PERSON},
        {"kind": "person", "fields": {**PERSON, "mobile": f"{PERSON['mobile']}{SENT['upload']}"}},
        [SENT["upload"] * 100_000],
    ]
    for body in wrong:
        assert client.post("/v1/subjects", json=body, headers=headers).status_code in {400, 413, 422}
    large = SENT["upload"].encode() * (2 * 1024 * 1024 // len(SENT["upload"]))
    for kind in ("application/json", "application/octet-stream", "multipart/form-data; boundary=b"):
        refused = client.post("/v1/subjects", data=large, content_type=kind, headers=headers)
        assert refused.status_code in {400, 413, 415}
    assert client.get(f"/v1/{SENT['path']}", headers=headers).status_code == 404
    assert client.get(f"/v1/profiles/{customer}?{SENT['path']}=1", headers=headers).status_code == 422
    stranger: Any = house.client()
    for authorization in (f"Bearer {SENT['token']}", f"Basic {SENT['token']}"):
        answer = stranger.get(
            f"/v1/profiles/{customer}?fields=name", headers={**headers, "Authorization": authorization}
        )
        assert answer.status_code == 401
