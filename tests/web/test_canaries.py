"""Nothing that a caller sends by mistake is kept: not in a store, a log, a file, or an answer."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.house import House

pytestmark = pytest.mark.slow

CANARY = "canary13800138000"


@pytest.fixture
def watched(sqlite_house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A house whose temporary files lie in a folder of their own; everything is searched afterwards."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    sqlite_house.remember(CANARY)
    yield sqlite_house
    sqlite_house.parts.ledger.flush_counts(sqlite_house.clock())
    sqlite_house.check()
    for file in tmp_path.rglob("*"):
        if file.is_file():
            assert CANARY.encode() not in file.read_bytes(), file
    assert list(temporary.iterdir()) == []


@pytest.fixture
def quiet(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Nothing of it stands in what the process wrote."""
    yield
    assert CANARY not in "".join(capfd.readouterr())


def everywhere(client: Any, path: str, **more: Any) -> Iterator[Any]:
    """Send the canary in each header, with a method that answers and one that does not."""
    headers = {
        "Idempotency-Key": CANARY,
        "Vault-Ticket": CANARY,
        "User-Agent": CANARY,
        "Referer": f"https://example.com/{CANARY}",
        "Cookie": f"a={CANARY}",
        "X-Forwarded-For": CANARY,
        "Accept-Language": CANARY,
        CANARY: CANARY,
    }
    for name, value in headers.items():
        for method in ("get", "post", "patch", "delete", "put"):
            yield getattr(client, method)(path, headers={name: value}, **more)


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(
    "path",
    [
        "/v1/subjects",
        "/v1/profiles/batch",
        f"/v1/profiles/{CANARY}?fields={CANARY}",
        f"/{CANARY}",
        "/metrics",
    ],
)
def test_a_canary_in_a_header_or_an_address_is_nowhere(path: str, watched: House) -> None:
    client = watched.client("intake")

    for response in everywhere(client, path, json={"kind": "person", "fields": {"name": "王小明"}}):
        assert CANARY not in response.get_data(as_text=True)
        assert CANARY not in str(response.headers)

    assert CANARY not in client.get("/metrics").get_data(as_text=True)


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(
    "body",
    [
        {CANARY: 1},
        {"kind": CANARY, "fields": {}},
        {"kind": "person", "fields": {CANARY: CANARY}},
        {"kind": "person", "fields": {"name": {CANARY: CANARY}}},
        {"kind": "person", "fields": {"id_number": CANARY}},
        {"kind": "person", "fields": {"email": CANARY}},
        {"kind": "person", "fields": {"birthday": CANARY}},
        {"kind": "person", "fields": {"name": f"{CANARY}\ud800"}},
        {"kind": "person", "fields": {"name": "x"}, "source": CANARY},
        {"kind": "person", "fields": {"name": "x"}, "jurisdiction": CANARY},
        {"kind": "person", "fields": {"name": "x"}, "consents": [{CANARY: CANARY}]},
        {
            "kind": "person",
            "fields": {"name": "x"},
            "consents": [{"purpose": CANARY, "state": CANARY, "notice": CANARY}],
        },
        [CANARY],
        CANARY,
    ],
)
def test_a_canary_in_a_body_that_is_refused_is_nowhere(body: Any, watched: House) -> None:
    before = watched.rows_of("data", "SELECT count(*) FROM subject")

    single: Any = watched.client("intake").post("/v1/subjects", json=body)
    batch: Any = watched.client("intake").post("/v1/subjects/batch", json={"records": [body]})

    assert 400 <= single.status_code < 500, single.get_json()
    assert CANARY not in single.get_data(as_text=True)
    assert CANARY not in batch.get_data(as_text=True)
    assert watched.rows_of("data", "SELECT count(*) FROM subject") == before


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(
    "content_type",
    ["application/json", "multipart/form-data; boundary=b", "application/x-www-form-urlencoded"],
)
def test_a_canary_in_a_large_upload_is_nowhere_and_never_touches_the_disk(
    content_type: str, watched: House
) -> None:
    part = f'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n{CANARY}'.encode()
    raw = part + CANARY.encode() * 500_000

    response: Any = watched.client("intake").post("/v1/subjects", data=raw, content_type=content_type)

    assert response.status_code in {413, 415}
    assert CANARY not in response.get_data(as_text=True)


@pytest.mark.usefixtures("quiet")
def test_a_canary_that_is_searched_or_matched_is_nowhere(watched: House) -> None:
    customer = watched.known_to("servicedesk", watched.admit())
    client = watched.client("servicedesk")
    value = {"field": "email", "value": f"{CANARY}@example.com"}

    responses: list[Any] = [
        client.post("/v1/subjects/lookup", json=value),
        client.post(f"/v1/subjects/{customer}/match", json=value),
        client.post(f"/v1/subjects/{CANARY}/match", json=value),
        client.post("/v1/profiles/batch", json={"ids": [CANARY], "fields": ["name"]}),
        client.post("/v1/profiles/batch", json={"ids": [customer], "fields": [CANARY]}),
        client.post(f"/v1/subjects/{customer}/reveal", json={"field": CANARY}, headers={"Vault-Reason": "x"}),
    ]

    assert not any(CANARY in response.get_data(as_text=True) for response in responses)


@pytest.mark.usefixtures("quiet")
def test_a_token_of_a_stranger_is_nowhere(watched: House) -> None:
    for header in (f"Bearer {CANARY}", f"Basic {CANARY}", f"Bearer vault_{CANARY}_{CANARY}"):
        response: Any = watched.client().get("/v1/profiles/x?fields=name", headers={"Authorization": header})
        assert CANARY not in response.get_data(as_text=True)


@pytest.mark.usefixtures("quiet")
def test_a_canary_is_nowhere_when_a_store_fails_under_it(watched: House) -> None:
    client = watched.client("intake")
    file = watched.parts.stores.data.path
    assert file is not None
    gone = file.rename(f"{file}.gone")
    try:
        response: Any = client.post("/v1/subjects", json={"kind": "person", "fields": {"name": CANARY}})
    finally:
        gone.rename(file)

    assert response.status_code == 503
    assert CANARY not in response.get_data(as_text=True)
