"""Crashes: a worker is killed at every commit of a write; who comes next finds it whole, or not there."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.custody.ledgers import eventually
from tests.house import House
from vault.domain.canonical import Json
from vault.errors import NotFound, Refused, VaultError
from vault.services import consent, disclose, erase, intake, restrict, standing_facts
from vault.storage.unit_of_work import StoreName

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("dying.py")
# Beyond so many commits no write goes.
MOST_COMMITS = 12


class Dying:
    """The workers that die; each order is carried out by a new one."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def order(self, **order: object) -> bool:
        """Let a worker carry out *order*; True where it was killed over it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps(order)}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        assert answer in {"killed", "lived"}, self._process.stderr and self._process.stderr.read()
        return answer == "killed"


@pytest.fixture
def dying(house: House) -> Iterator[Dying]:
    """Workers of the same house, whom each of these apps may ask."""
    apps = {name: house.app(name) for name in ("intake", "servicedesk", "officer", "registry")}
    told = {
        "state": str(house.settings.state_dir),
        "urls": dict(house.settings.urls),
        "slots": {name: str(path) for name, path in house.settings.slots.items()},
        "mirror": house.settings.register_mirror,
        "at": house.clock().isoformat(),
        "apps": {name: {"token": app.token, "purpose": app.purpose} for name, app in apps.items()},
    }
    with subprocess.Popen(
        [sys.executable, SCRIPT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
    ) as process:
        assert process.stdin is not None
        process.stdin.write(f"{json.dumps(told)}\n")
        process.stdin.flush()
        yield Dying(process)
        process.stdin.close()


def killed_everywhere(
    dying: Dying, begin: Callable[[int], dict[str, Any]], *, steps: int = 4, most: int = MOST_COMMITS
) -> Iterator[dict[str, Any]]:
    """Kill one worker before and one behind each commit; yields each order after its worker is gone."""
    number = 0
    for at in range(1, most):
        for before in (True, False):
            number += 1
            order = begin(number)
            was_killed = dying.order(**order, at=at, before=before)
            yield order
            if not was_killed:
                assert at > steps, "it has more steps than that"
                return
    pytest.fail("the write commits without an end")


def check_keys(house: House) -> None:
    """Nothing waits, each floor is at its revision, and a DEK is in use exactly where there is data."""
    house.parts.ledger.settle([])
    eventually(lambda: house.rows_of("data", "SELECT entry FROM outbox") == [])
    revisions = {
        bytes(row[0]): row[1] for row in house.rows_of("data", "SELECT subject, revision FROM subject")
    }
    floors = {bytes(row[0]): row[1] for row in house.rows_of("keys", "SELECT subject, rev_floor FROM ident")}
    assert {subject: floors[subject] for subject in revisions} == revisions
    assert all(floor == 0 for subject, floor in floors.items() if subject not in revisions)
    used = {tuple(row) for row in house.rows_of("data", "SELECT subject, tier FROM sealed")}
    active = {
        tuple(row) for row in house.rows_of("keys", "SELECT subject, tier FROM dek WHERE state = 'active'")
    }
    assert active == used


def workers(house: House, number: int) -> Iterator[House]:
    """Ask a worker that lived through it, and every now and then one that has just been started."""
    yield house
    if number % 5 == 1:
        yield house.another()


def kinds(house: House, kind: str) -> int:
    return [entry["kind"] for entry in house.entries()].count(kind)


def test_an_admission_that_was_killed_anywhere_is_completed_by_its_key(house: House, dying: Dying) -> None:
    def begin(number: int) -> dict[str, Any]:
        fields: dict[str, Json] = {"name": f"客户{number}", "customer_no": f"C-{number}"}
        return {"verb": "admit", "key": f"key-{number}", "fields": fields}

    for number, order in enumerate(killed_everywhere(dying, begin), 1):
        record = {"kind": "person", "fields": order["fields"]}
        again = {
            intake.admit(worker.parts, worker.call("intake", key=order["key"]), record).id
            for worker in workers(house, number)
        }

        assert len(house.rows_of("data", "SELECT subject FROM subject")) == number
        assert kinds(house, "subject.admitted") == number
        check_keys(house)
        (customer,) = again
        house.amend("intake", customer, {"name": "王小明"})


def test_a_change_that_was_killed_anywhere_holds_or_does_not_and_the_next_one_works(
    house: House, dying: Dying
) -> None:
    def begin(number: int) -> dict[str, Any]:
        customer = house.admit({"name": f"客户{number}", "mobile": "+8613900139000"})
        house.state(customer, "contract")
        # The first value of a tier, so that a key is laid for it.
        passport = f"E{10_000_000 + number}"
        return {"verb": "amend", "id": customer, "fields": {"passport": passport, "name": "王小明"}}

    for number, order in enumerate(killed_everywhere(dying, begin), 1):
        own = house.known_to("settlement", order["id"])
        changed = kinds(house, "subject.changed")
        seen = {
            str(worker.disclose("settlement", own, "name").fields["name"])
            for worker in workers(house, number)
        }
        assert seen in ({f"客户{number}"}, {"王小明"})

        house.parts.ledger.settle([])
        assert kinds(house, "subject.changed") in {changed, changed + 1}
        holds = seen == {"王小明"}
        check_keys(house)
        before = kinds(house, "subject.changed")
        house.amend("intake", order["id"], {"passport": f"G{20_000_000 + number}"})
        assert kinds(house, "subject.changed") == before + 1
        check_keys(house)
        revisions = house.rows_of(
            "data", "SELECT revision FROM subject WHERE subject = :one", one=house.subject_of(order["id"])
        )
        # Admitted, stated, changed by who died, or announced at least, or neither, and changed.
        assert revisions[0][0] in ({4} if holds else {3, 4})


def test_a_withdrawal_that_was_killed_anywhere_holds_or_can_be_said_again(house: House, dying: Dying) -> None:

    def begin(number: int) -> dict[str, Any]:
        return {"verb": "withdraw", "id": house.admit({"name": f"客户{number}"}, consents=["P11"])}

    for number, order in enumerate(killed_everywhere(dying, begin), 1):
        own = house.known_to("marketing", order["id"])
        (item,) = consent.listing(house.parts, house.call("intake"), order["id"])
        if item["state"] == "withdrawn":
            with pytest.raises(Refused, match="basis"):
                house.disclose("marketing", own, "name")

        said = consent.withdraw(house.parts, house.call("intake"), order["id"], str(item["id"]))

        assert not said.accepted
        for worker in workers(house, number):
            with pytest.raises(Refused, match="basis"):
                worker.disclose("marketing", own, "name")
        assert kinds(house, "consent.withdrawn") == number
        assert len(house.rows_of("register", "SELECT ref FROM record")) == number
        check_keys(house)


@pytest.mark.parametrize(
    "is_lifted", [False, pytest.param(True, marks=pytest.mark.soak)], ids=["set", "lifted"]
)
def test_a_restriction_that_was_killed_anywhere_holds_or_can_be_said_again(
    house: House, dying: Dying, *, is_lifted: bool
) -> None:
    def begin(number: int) -> dict[str, Any]:
        customer = house.admit({"name": f"客户{number}"})
        house.state(customer, "contract")
        officers = house.known_to("officer", customer)
        if is_lifted:
            restrict.restrict(house.parts, house.call("officer"), officers, "disputed")
        verb = "lift" if is_lifted else "restrict"
        return {"verb": verb, "app": "officer", "id": officers, "customer": customer}

    def is_shown(worker: House, own: str) -> bool:
        (answer,) = disclose.profiles(worker.parts, worker.call("servicedesk"), [own], ["name"])
        assert not isinstance(answer, VaultError) or answer.code == "restriction"
        return not isinstance(answer, VaultError)

    for number, order in enumerate(killed_everywhere(dying, begin), 1):
        own = house.known_to("servicedesk", order["customer"])
        assert len({is_shown(worker, own) for worker in workers(house, number)}) == 1
        if is_lifted:
            accepted = restrict.lift(house.parts, house.call("officer"), order["id"])
        else:
            accepted = restrict.restrict(house.parts, house.call("officer"), order["id"], "disputed")

        assert not accepted
        assert {is_shown(worker, own) for worker in workers(house, number)} == {is_lifted}
        assert kinds(house, "restriction.set") == number
        assert kinds(house, "restriction.lifted") == (number if is_lifted else 0)
        assert len(house.rows_of("register", "SELECT ref FROM record")) == (2 if is_lifted else 1) * number
        check_keys(house)


def test_a_fact_whose_writer_was_killed_anywhere_is_completed_by_its_key(house: House, dying: Dying) -> None:
    def begin(number: int) -> dict[str, Any]:
        customer = house.admit({"name": f"客户{number}"})
        own = house.known_to("registry", customer)
        order = {"verb": "state", "app": "registry", "key": f"key-{number}", "ref": f"K-{number}"}
        return {**order, "id": own, "customer": customer}

    for number, order in enumerate(killed_everywhere(dying, begin), 1):
        own = house.known_to("settlement", order["customer"])
        call = house.call("registry", key=order["key"])
        standing_facts.record_fact(
            house.parts, call, order["id"], kind="contract", ref=order["ref"], until=None
        )

        for worker in workers(house, number):
            assert worker.disclose("settlement", own, "name").fields == {"name": f"客户{number}"}
        assert kinds(house, "fact.recorded") == number
        check_keys(house)


def test_a_read_that_was_killed_anywhere_leaves_its_entry_or_nothing_and_the_next_one_works(
    house: House, dying: Dying
) -> None:
    customer = house.admit({"name": "王小明"})
    house.state(customer, "contract")
    own = house.known_to("servicedesk", customer)

    def begin(_number: int) -> dict[str, Any]:
        return {"verb": "show", "app": "servicedesk", "id": own, "told": kinds(house, "profile.disclosed")}

    for number, order in enumerate(killed_everywhere(dying, begin, steps=1), 1):
        before = kinds(house, "profile.disclosed")
        assert before - order["told"] in {0, 1}
        for worker in workers(house, number):
            worker.disclose("servicedesk", own, "name")
        check_keys(house)


def test_an_erasure_that_was_killed_anywhere_holds_or_is_completed(house: House, dying: Dying) -> None:
    lapsed: list[str] = []

    def begin(number: int) -> dict[str, Any]:
        customer = house.admit({"name": f"客户{number}"}, consents=["P11"])
        officers = house.known_to("officer", customer)
        own = house.known_to("marketing", customer)
        shown, _ = erase.planned(house.parts, house.call("officer"), officers)
        subject = house.subject_of(customer).hex()
        order = {"verb": "erase", "app": "officer", "id": officers, "lapsed": lapsed}
        return {**order, "plan": shown.digest, "own": own, "subject": subject}

    def is_shown(worker: House, own: str) -> bool:
        try:
            worker.disclose("marketing", own, "name")
        except NotFound:
            return False
        return True

    for number, order in enumerate(killed_everywhere(dying, begin, steps=10, most=40), 1):
        asked = house.parts, house.call("officer"), order["id"]
        if {is_shown(worker, order["own"]) for worker in workers(house, number)} - {False}:
            # It had not begun: nothing changed, and it is asked for again.
            erase.erase(*asked, digest=order["plan"], reason="request")
        erase.go_on(house.parts)

        assert not any(is_shown(worker, order["own"]) for worker in workers(house, number))
        assert kinds(house, "subject.erased") == number
        records = house.rows_of("register", "SELECT ref FROM record WHERE kind = 'erased'")
        assert len(records) == len(set(records)) == number
        for store, rows in where_still(house, bytes.fromhex(order["subject"])):
            assert not rows, store
        check_keys(house)
        states = {row[0] for row in house.rows_of("data", "SELECT state FROM erasure")}
        assert states == {"erased"}


def where_still(house: House, subject: bytes) -> list[tuple[str, list[Any]]]:
    """Where the subject's id still stands, by table."""
    named: list[tuple[StoreName, str]] = [
        *(("keys", table) for table in ("ident", "dek", "pairwise")),
        *(("data", table) for table in ("subject", "sealed", "consent", "outbox", "erasure")),
    ]
    return [
        (table, house.rows_of(store, f"SELECT subject FROM {table} WHERE subject = :one", one=subject))
        for store, table in named
    ]
