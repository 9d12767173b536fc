"""Stores that are full, locked, gone or refusing: every promise holds, and what comes back is used again."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

from tests.custody.ledgers import eventually
from tests.house import ADA, Clock, House, a_house
from tests.postgres import Server
from tests.services.faults import ON_POSTGRESQL, ON_SQLITE, befall
from tests.services.meddling import interrupted
from vault.domain.grants import token_bytes
from vault.errors import Refused, Unavailable
from vault.services import consent, restrict
from vault.storage.unit_of_work import STORE_NAMES, StoreName

pytestmark = pytest.mark.slow

# Nothing of it is unique: the house of these tests has many of them.
PERSON = {name: ADA[name] for name in ("name", "mobile", "email", "address", "birthday")}
SHOWN = {"name": "欧阳**", "mobile": "138****8000"}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, founded_sqlite: Path) -> Iterator[House]:
    """A house on files that goes through all of it."""
    state = shutil.copytree(founded_sqlite, tmp_path_factory.mktemp("files") / "house")
    with a_house({store: f"sqlite:///{state}/{store}.db" for store in STORE_NAMES}, state, Clock()) as house:
        yield house
        house.check()


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, founded_postgresql: tuple[Server, Path]
) -> Iterator[House]:
    """A house on PostgreSQL that goes through all of it, under a role from which rights can be taken."""
    postgresql, slots = founded_postgresql
    state = shutil.copytree(slots, tmp_path_factory.mktemp("server") / "house")
    with postgresql.database() as url:
        role = sql.Identifier(name := f"{make_url(url).database}_app")
        with closing(psycopg.connect(url, autocommit=True)) as owner:
            owner.execute(sql.SQL("CREATE ROLE {}").format(role))
            for store in STORE_NAMES:
                owner.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(sql.Identifier(store), role))
                owner.execute(
                    sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {} TO {}").format(
                        sql.Identifier(store), role
                    )
                )
        urls = {
            store: make_url(url)
            .update_query_dict({"options": f"-csearch_path={store} -crole={name}"})
            .render_as_string(hide_password=False)
            for store in STORE_NAMES
        }
        with a_house(urls, state, Clock()) as house:
            yield house
            house.check()
        with closing(psycopg.connect(url, autocommit=True)) as owner:
            owner.execute(sql.SQL("DROP OWNED BY {}").format(role))
            owner.execute(sql.SQL("DROP ROLE {}").format(role))


CASES = [
    pytest.param(
        fixture,
        store,
        what,
        id=f"{fixture}-{store}-{what}",
        marks=[pytest.mark.postgresql] if fixture == "server" else [],
    )
    for fixture, faults in (("files", ON_SQLITE), ("server", ON_POSTGRESQL))
    for store in STORE_NAMES
    for what in faults
]


@pytest.fixture
def known(request: pytest.FixtureRequest) -> tuple[House, str, str]:
    """A house that came through whatever befell it before, and a customer by the ids of intake and desk."""
    house: House = request.getfixturevalue(request.param)
    customer = house.admit(PERSON, consents=["P11"])
    house.state(customer, "contract")
    ids = [house.known_to(app, customer) for app in ("servicedesk", "marketing")]
    for app, own in zip(("servicedesk", "marketing"), ids, strict=True):
        house.disclose(app, own, "name", "mobile")
    return house, customer, ids[0]


def read(house: House, own: str) -> Any:
    """Fetch a profile over HTTP; whatever else happens, a failure says nothing of the customer."""
    path = f"/v1/profiles/{own}?fields=name,mobile"
    response: Any = house.client("servicedesk").get(path)
    text = response.get_data(as_text=True)
    if response.status_code == 200:
        assert response.get_json()["fields"] == SHOWN
        return response
    assert response.status_code == 503, text
    assert not any(str(value) in text for value in (*PERSON.values(), *SHOWN.values()))
    assert response.headers["Retry-After"]
    return response


def requests(house: House, kind: str) -> list[str]:
    """The requests that the ledger tells *kind* of."""
    return [token_bytes(str(entry["req"])).hex() for entry in house.entries() if entry["kind"] == kind]


@pytest.mark.parametrize(("known", "store", "what"), CASES, indirect=["known"])
def test_a_read_is_answered_with_its_entry_or_503_and_again_once_the_store_is_back(
    known: tuple[House, str, str], store: StoreName, what: str
) -> None:
    house, _, own = known
    readings = set(requests(house, "profile.disclosed"))

    with befall(house, store, what):
        # The last pages of a file that is full may have room for an entry or two.
        during = [read(house, own) for _ in range({"full": 15, "locked": 1}.get(what, 2))]

    after = read(house, own)
    assert after.status_code == 200
    answered = {one.get_json()["request"] for one in (*during, after) if one.status_code == 200}
    told = set(requests(house, "profile.disclosed"))
    assert answered <= told, "an answer without its entry"
    eventually(lambda: told - answered - readings <= set(requests(house, "release.failed")))
    if store == "audit":
        assert {one.status_code for one in during[-2:]} == {503}


@pytest.mark.parametrize(("known", "store", "what"), CASES, indirect=["known"])
def test_an_admission_is_whole_or_nothing_and_its_key_completes_it(
    known: tuple[House, str, str], store: StoreName, what: str
) -> None:
    house, customer, _ = known
    fields = {"name": "王小明", "mobile": "+8613900139000", "customer_no": customer[4:]}
    customers = len(house.rows_of("data", "SELECT subject FROM subject"))
    admitted = [entry["kind"] for entry in house.entries()].count("subject.admitted")

    def admit() -> Any:
        client: Any = house.client("intake")
        record = {"kind": "person", "fields": fields}
        return client.post("/v1/subjects", json=record, headers={"Idempotency-Key": customer})

    with befall(house, store, what):
        during = [admit() for _ in range(1 if what == "locked" else 3)]

    after = admit()
    assert {response.status_code for response in during} <= {201, 503}
    assert after.status_code == 201, after.get_data(as_text=True)
    assert (
        len({response.get_json()["id"] for response in (*during, after) if response.status_code == 201}) == 1
    )
    assert len(house.rows_of("data", "SELECT subject FROM subject")) == customers + 1
    assert [entry["kind"] for entry in house.entries()].count("subject.admitted") == admitted + 1
    eventually(lambda: house.rows_of("data", "SELECT entry FROM outbox") == [])


# A locked store costs everybody seconds; what a withdrawal does with it shows where it must not wait.
WITHDRAWALS = [
    case for case in CASES if case.values[2] != "locked" or case.values[1] in {"audit", "register"}
]


@pytest.mark.parametrize(("known", "store", "what"), WITHDRAWALS, indirect=["known"])
def test_a_withdrawal_holds_as_soon_as_it_is_answered_and_its_entry_comes(
    known: tuple[House, str, str], store: StoreName, what: str
) -> None:
    house, customer, _ = known
    (item,) = consent.listing(house.parts, house.call("intake"), customer)
    own = house.known_to("marketing", customer)
    path = f"/v1/subjects/{customer}/consents/{item['id']}/withdraw"
    withdrawn = [entry["kind"] for entry in house.entries()].count("consent.withdrawn")

    with befall(house, store, what):
        answer: Any = house.client("intake").post(path, json={})
        seen: Any = house.client("marketing").get(f"/v1/profiles/{own}?fields=name")

    assert answer.status_code in {202, 204, 503}, answer.get_data(as_text=True)
    if answer.status_code != 503:
        assert seen.status_code in {403, 503}
    if store in {"audit", "register"} and answer.status_code != 204:
        assert answer.status_code == 202, "what protects the customer does not wait for the ledger"
    for _ in range(2):
        again: Any = house.client("intake").post(path, json={})
        assert again.status_code == 204
    refused: Any = house.client("marketing").get(f"/v1/profiles/{own}?fields=name")
    assert refused.status_code == 403
    assert [entry["kind"] for entry in house.entries()].count("consent.withdrawn") == withdrawn + 1
    assert house.rows_of("register", "SELECT kind FROM record") == [("withdrawn",)] * (withdrawn + 1)
    eventually(lambda: house.rows_of("data", "SELECT entry FROM outbox") == [])


def test_an_accepted_withdrawal_cannot_be_taken_back_with_an_older_data_store(
    unchecked_house: House,
) -> None:
    house = unchecked_house
    customer = house.admit(consents=["P11"])
    own = house.known_to("marketing", customer)
    (item,) = consent.listing(house.parts, house.call("intake"), customer)
    before = house.rows_of("data", "SELECT * FROM subject")
    with befall(house, "audit", "gone"):
        withdrawn = consent.withdraw(house.parts, house.call("intake"), customer, str(item["id"]))
        again = consent.withdraw(house.parts, house.call("intake"), customer, str(item["id"]))
    assert (withdrawn.accepted, again.accepted) == (True, True)

    columns = house.column_names("data", "subject")
    house.by_hand("data", "DELETE FROM outbox")
    house.by_hand("data", "UPDATE consent SET state = 'given'")
    names, slots = ", ".join(columns), ", ".join(f":{name}" for name in columns)
    house.by_hand("data", "DELETE FROM subject")
    for row in before:
        house.by_hand(
            "data", f"INSERT INTO subject ({names}) VALUES ({slots})", **dict(zip(columns, row, strict=True))
        )

    response: Any = house.client("marketing").get(f"/v1/profiles/{own}?fields=name")
    assert response.status_code == 500
    assert response.get_json()["code"] == "sealed_value_rejected"


@pytest.mark.parametrize("store", ["audit", "register"])
def test_a_restriction_holds_though_nobody_can_be_told_yet_and_is_told_later(
    house: House, store: StoreName
) -> None:
    customer = house.admit()
    house.state(customer, "contract")
    own, officers = house.known_to("servicedesk", customer), house.known_to("officer", customer)
    call = house.call("officer")

    with befall(house, store, "gone"):
        answers = [restrict.restrict(house.parts, call, officers, "disputed") for _ in range(2)]
        floor = house.rows_of("keys", "SELECT max(rev_floor) FROM ident")

    assert answers == [True, True], "accepted, and not called done by being said twice"
    assert floor == house.rows_of("data", "SELECT max(revision) FROM subject")
    with pytest.raises(Refused, match="restriction"):
        house.disclose("servicedesk", own, "name")
    assert restrict.restrict(house.parts, call, officers, "disputed") is False
    assert [entry["kind"] for entry in house.entries()].count("restriction.set") == 1
    eventually(lambda: house.rows_of("register", "SELECT kind FROM record") == [("restricted",)])


@pytest.mark.parametrize("store", ["data", "keys"])
def test_a_store_that_goes_away_between_any_two_looks_of_a_reader_leaves_no_entry_unexplained(
    house: House, store: StoreName
) -> None:
    customer = house.admit(PERSON)
    house.state(customer, "contract")
    own = house.known_to("servicedesk", customer)
    answered: set[str] = set()
    failed_late = 0

    for at in range(1, 40):
        with ExitStack() as outage:
            begin = partial(outage.enter_context, befall(house, store, "gone"))
            # What failed is told by the worker that failed, once the store is back.
            with interrupted(house, at, begin, lives_on=True) as (worker, moments):
                told = len(requests(house, "profile.disclosed"))
                try:
                    answered.add(worker.disclose("servicedesk", own, "name").request)
                except Unavailable:
                    failed_late += len(requests(house, "profile.disclosed")) - told
        if not moments.came:
            break
        if house.parts.stores.audit.path is None:
            # Sessions that the server had ended are noticed, and replaced, at their next use.
            house.parts.ledger.settle([])

    unanswered = set(requests(house, "profile.disclosed")) - answered
    assert failed_late == len(unanswered)
    # The keys are the first that is read behind the entry: no look of this reader lies between the two.
    assert unanswered or store == "keys", "no read failed behind its entry"
    eventually(lambda: set(requests(house, "release.failed")) == unanswered)
