"""Erasing: what was shown is what happens, nobody reads meanwhile, and afterwards nothing leads back."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.house import House
from tests.services.leads import followed, ids, rows
from tests.services.putting_back import copied, put_back
from vault.domain.erasure import Plan, register_ref
from vault.domain.kinds import Kind
from vault.domain.terms import Action, Gate, HouseId, SubjectId, id_bytes
from vault.errors import Conflict, Corrupt, InvalidValue, NotFound, Refused, StoreUnavailable
from vault.services import (
    accesses,
    amending,
    consent,
    ending,
    erase,
    history,
    intake,
    lookup,
    restrict,
    standing_facts,
)
from vault.services.locating import Located, locate_subjects
from vault.services.parts import Call
from vault.services.writing import write
from vault.storage import register
from vault.storage.unit_of_work import Store, StoreName

LAPSED = ("realname", "settlement")


def officer(house: House, customer: str) -> tuple[Call, str]:
    """The officer's call, and the id by which the officer's app knows the customer."""
    return house.call("officer"), house.known_to("officer", customer)


def plan(house: House, call: Call, own: str, *, lapsed: tuple[str, ...] = LAPSED) -> Plan:
    shown, _ = erase.planned(house.parts, call, own, lapsed=lapsed)
    return shown


def forget(house: House, customer: str) -> erase.Begun:
    """Erase as an officer does: look at the plan, and have it carried out."""
    call, own = officer(house, customer)
    shown = plan(house, call, own)
    return erase.erase(house.parts, call, own, digest=shown.digest, reason="request", lapsed=LAPSED)


def ref_of(house: House, subject: bytes) -> bytes:
    return register_ref(HouseId(house.parts.house.house), SubjectId(subject))


def common(house: House) -> set[bytes]:
    """Ids that stand everywhere and say nothing of one customer: the house, its apps and what they hold."""
    found = {bytes(house.parts.house.house), bytes(house.parts.tenant), bytes(16)}
    tables = {"app", "app_secret", "role_grant", "policy_version", "authority", "house", "app_terms"}
    for (_, table), row in rows(house):
        if table in tables:
            found |= {one for value in row.values() for one in ids(value)}
    return found


def test_an_erased_customer_is_absent_for_everybody_and_nothing_of_it_is_left(house: House) -> None:
    customer = house.admit(consents=["P11"])
    own, subject = house.known_to("marketing", customer), house.subject_of(customer)
    house.disclose("marketing", own, "name")
    house.amend("intake", customer, {"mobile": "+8613900139000"})
    _, at_officer = officer(house, customer)

    done = forget(house, customer)

    assert done.state == "erased"
    for app, known in (("marketing", own), ("officer", at_officer)):
        with pytest.raises(NotFound):
            house.disclose(app, known, "name")
    with pytest.raises(NotFound):
        consent.listing(house.parts, house.call("intake"), customer)
    told = {place for place, row in rows(house) if any(subject in ids(value) for value in row.values())}
    assert told == set()
    assert house.rows_of("keys", "SELECT * FROM pairwise") == []
    kept = {row[0] for row in house.rows_of("data", "SELECT pairwise FROM ended")}
    assert {id_bytes("cus", one) for one in (customer, own, at_officer)} <= kept
    for name in ("data", "keys"):
        store = house.parts.stores.named(name)
        if store.path is not None:
            for file in store.path.parent.glob(f"{store.path.name}*"):
                assert subject not in file.read_bytes(), file.name


def test_after_an_erasure_nothing_leads_from_the_customer_to_an_entry_that_names_it(house: House) -> None:
    customer = house.admit(consents=["P11"])
    subject = house.subject_of(customer)
    house.disclose("marketing", house.known_to("marketing", customer), "name")
    house.amend("intake", customer, {"mobile": "+8613900139000"})
    before = {
        token for entry in house.entries() for one in entry.get("sets", ()) for token in one["subjects"]
    }

    forget(house, customer)

    met, places = followed(house, {subject, ref_of(house, subject)}, common=common(house))
    assert places == {("register", "record"), ("data", "erasure"), ("audit", "entry")}
    for entry in house.entries():
        if ids(json.dumps(entry)) & met:
            assert entry["kind"] in {"erasure.planned", "erasure.begun", "subject.erased"}
            assert "sets" not in entry
    assert not {one for token in before for one in ids(token)} & met


def test_a_plan_is_carried_out_as_it_was_shown_or_not_at_all(house: House) -> None:
    customer = house.admit()
    call, own = officer(house, customer)
    shown = plan(house, call, own)
    assert "name" in shown.fields
    assert shown.refused == ()

    house.amend("intake", customer, {"name": "王小明"})

    with pytest.raises(Conflict, match="plan_changed"):
        erase.erase(house.parts, call, own, digest=shown.digest, reason="request", lapsed=LAPSED)
    with pytest.raises(InvalidValue):
        erase.erase(house.parts, call, own, digest=shown.digest, reason="because", lapsed=LAPSED)
    with pytest.raises(InvalidValue):
        plan(house, call, own, lapsed=("customer",))
    assert house.known_to("officer", customer) == own


def test_what_the_law_keeps_refuses_an_erasure_until_its_time_is_over(house: House) -> None:
    customer = house.admit()
    house.apps["officer"] = house.hire("officer", "privacy_officer", "P18", days=800)
    call, own = officer(house, customer)

    refused = plan(house, call, own, lapsed=())

    assert refused.refused == ("law:realname",)
    with pytest.raises(Conflict, match="erasure_refused"):
        erase.erase(house.parts, call, own, digest=refused.digest, reason="request")
    house.stand_until(house.clock() + house.hours(24 * 366))
    assert plan(house, house.call("officer"), own, lapsed=()).refused == ()


@pytest.mark.parametrize("kind", ["order", "contract", "case", "duty"])
def test_what_is_open_refuses_an_erasure_until_it_is_closed(house: House, kind: str) -> None:
    customer = house.admit()
    fact = house.state(customer, kind)
    call, own = officer(house, customer)
    assert plan(house, call, own).refused == (f"open_{kind}",)

    standing_facts.close_fact(house.parts, house.call("registry"), house.known_to("registry", customer), fact)

    assert plan(house, call, own).refused == ()


def test_a_legal_hold_refuses_an_erasure(house: House) -> None:
    customer = house.admit()
    call, own = officer(house, customer)
    standing = amending.stand(house.parts, call, own, Action.RESTRICT)
    held = amending.draft(house.parts, call, standing, Kind.RESTRICTION_SET, gates=Gate.LEGAL_HOLD)
    write(house.parts, call, [held])

    assert plan(house, call, own).refused == ("legal_hold",)


def test_only_a_privacy_officer_erases(house: House) -> None:
    customer = house.admit()

    for app in ("intake", "servicedesk", "registry"):
        with pytest.raises(Refused, match="role"):
            plan(house, house.call(app), house.known_to(app, customer))


def test_a_restricted_customer_can_be_erased(house: House) -> None:
    customer = house.admit()
    call, own = officer(house, customer)
    restrict.restrict(house.parts, call, own, "disputed")

    assert forget(house, customer).state == "erased"


def test_nobody_is_erased_where_the_register_has_no_second_place(house: House) -> None:
    customer = house.admit()
    call, own = officer(house, customer)
    shown = plan(house, call, own)
    alone = replace(house.parts, mirror=None)

    with pytest.raises(Conflict, match="mirror_missing"):
        erase.erase(alone, call, own, digest=shown.digest, reason="request", lapsed=LAPSED)

    assert house.amend("intake", customer, {"name": "王小明"}).id == customer


def test_the_mirror_holds_what_the_register_holds(house: House) -> None:
    customer = house.admit()
    subject = house.subject_of(customer)

    forget(house, customer)

    assert house.parts.mirror is not None
    with house.parts.mirror().read() as conn:
        mirrored = register.page(conn)
    with house.parts.stores.register.read() as conn:
        assert register.page(conn) == mirrored
    (erased,) = [row for row in mirrored if row.kind == "erased"]
    assert erased.ref == ref_of(house, subject)
    assert erased.at_ms % (24 * 60 * 60 * 1000) == 0


def test_a_certificate_is_signed_told_by_the_ledger_and_proved_under_the_notarys_checkpoint(
    house: House,
) -> None:
    customer = house.admit(consents=["P11"])
    house.known_to("marketing", customer)
    subject = house.subject_of(customer)
    done = forget(house, customer)
    house.attended()

    shown = dict(erase.certificate(house.parts, house.call("officer"), done.id))

    said: Any = shown["says"]
    assert said["ref"] in json.dumps(said)
    assert subject.hex() not in json.dumps(shown)
    assert {one["app"] for one in said["told"]} == {"intake", "marketing", "officer"}
    checked = erase.verify(house.parts, house.operator, shown)
    assert checked.ok
    assert checked.proved
    assert checked.found == {}
    tampered = {**shown, "certificate": str(shown["certificate"]).replace("a", "b", 1)}
    with pytest.raises(InvalidValue):
        erase.verify(house.parts, house.operator, tampered)


def test_a_row_that_is_put_back_is_found_by_the_certificate_and_read_by_nobody(house: House) -> None:
    customer = house.admit(consents=["P11"])
    own, subject = house.known_to("marketing", customer), house.subject_of(customer)
    places: list[tuple[StoreName, str]] = [
        *(("keys", table) for table in ("ident", "dek", "pairwise")),
        *(("data", table) for table in ("subject", "sealed", "consent", "authorisation")),
    ]
    kept = {
        (store, table): house.rows_of(store, f"SELECT * FROM {table} WHERE subject = :one", one=subject)
        for store, table in places
    }
    done = forget(house, customer)
    shown = dict(erase.certificate(house.parts, house.call("officer"), done.id))
    assert erase.verify(house.parts, house.operator, shown).ok

    for (store, table), old in kept.items():
        names = house.column_names(store, table)
        for row in old:
            marks = ", ".join(f":{name}" for name in names)
            house.by_hand(
                store, f"INSERT INTO {table} VALUES ({marks})", **dict(zip(names, row, strict=True))
            )

    checked = erase.verify(house.parts, house.operator, shown)
    assert not checked.ok
    assert {"keys.ident.subject", "data.subject.subject"} <= checked.found.keys()
    with pytest.raises(NotFound):
        house.disclose("marketing", own, "name")


def test_who_is_admitted_again_after_an_erasure_is_somebody_new(house: House) -> None:
    customer = house.admit({"name": "王小明", "customer_no": "C-77"})
    subject = house.subject_of(customer)
    forget(house, customer)

    again = house.admit({"name": "王小明", "customer_no": "C-77"})

    assert house.subject_of(again) != subject
    assert house.known_to("officer", again)


class Silent:
    """A mirror that does not answer."""

    def __call__(self) -> Store:
        raise StoreUnavailable("store_unavailable", store="register", reason="silent")


def begun_only(house: House, customer: str) -> erase.Begun:
    """Begin an erasure whose mirror falls silent behind the first step."""
    call, own = officer(house, customer)
    shown = plan(house, call, own)
    mirror, asked = house.parts.mirror, list[int]()

    def once() -> Store:
        asked.append(1)
        assert mirror is not None
        return mirror() if len(asked) == 1 else Silent()()

    halting = replace(house.parts, mirror=once)
    return erase.erase(halting, call, own, digest=shown.digest, reason="request", lapsed=LAPSED)


def test_who_is_being_erased_is_absent_until_it_is_done_and_the_job_completes_it(house: House) -> None:
    customer = house.admit(consents=["P11"])
    own, subject = house.known_to("marketing", customer), house.subject_of(customer)
    at_officer = house.known_to("officer", customer)

    begun = begun_only(house, customer)

    assert begun.state == "erasing"
    for worker in (house, house.another()):
        with pytest.raises(NotFound):
            worker.disclose("marketing", own, "name")
        with pytest.raises(NotFound):
            history.history(worker.parts, worker.call("officer"), at_officer)
    found = lookup.lookup(house.parts, house.call("servicedesk"), "mobile", "+8613800138000")
    assert found == []
    assert house.rows_of("keys", "SELECT subject FROM dek") != []
    assert erase.certificate(house.parts, house.call("officer"), begun.id)["state"] == "erasing"

    erase.go_on(house.parts)

    assert erase.certificate(house.parts, house.call("officer"), begun.id)["state"] == "erased"
    assert house.rows_of("keys", "SELECT subject FROM dek WHERE subject = :one", one=subject) == []


def test_an_erasure_that_was_begun_is_gone_on_with_by_the_same_call(house: House) -> None:
    customer = house.admit()
    call, own = officer(house, customer)
    shown = plan(house, call, own)
    begun = begun_only(house, customer)

    again = erase.erase(house.parts, call, own, digest=shown.digest, reason="request", lapsed=LAPSED)

    assert (again.id, again.state) == (begun.id, "erased")


def test_a_row_that_somebody_wrote_erases_nobody(house: House) -> None:
    erased, other = house.admit(), house.admit({"name": "王小明"})
    begun_only(house, erased)
    statement = "UPDATE erasure SET subject = :other"
    house.by_hand("data", statement, other=house.subject_of(other))

    with pytest.raises(Corrupt):
        erase.go_on(house.parts)

    assert house.amend("intake", other, {"name": "李四"}).id == other


def test_the_data_of_before_an_erasure_put_back_opens_for_nobody(house: House) -> None:
    customer = house.admit(consents=["P11"])
    own, subject = house.known_to("marketing", customer), SubjectId(house.subject_of(customer))
    # All who ask are there before: else the authority itself would be an old one.
    house.app("officer")
    before = copied(house)
    forget(house, customer)

    put_back(house, before, "data")

    for worker in (house, house.another()):
        with pytest.raises(NotFound):
            worker.disclose("marketing", own, "name")
        assert not isinstance(locate_subjects(worker.parts, [subject])[subject], Located)


def test_data_and_keys_of_before_an_erasure_put_back_lock_the_house_and_name_nobody(house: House) -> None:
    customer = house.admit(consents=["P11"])
    own = house.known_to("marketing", customer)
    house.app("officer")
    before = copied(house)
    forget(house, customer)

    put_back(house, before, "data", "keys")

    other = house.another()
    ending.read_on(other.parts)
    for worker in (house, other):
        with pytest.raises(NotFound):
            worker.disclose("marketing", own, "name")


def test_who_saw_an_erased_customers_data_is_told_to_nobody(house: House) -> None:
    customer = house.admit(consents=["P11"])
    call, own = officer(house, customer)
    forget(house, customer)

    with pytest.raises(NotFound):
        accesses.report(house.parts, call, own)


def test_an_erasure_is_irrecoverable_once_every_epoch_its_keys_lay_under_is_destroyed(house: House) -> None:
    customer = house.admit()
    done = forget(house, customer)
    erase.go_on(house.parts)
    assert erase.certificate(house.parts, house.call("officer"), done.id)["state"] == "erased"

    house.by_hand("keys", "UPDATE sealed_key SET state = 'destroyed' WHERE purpose = 1")
    erase.go_on(house.parts)
    erase.go_on(house.parts)

    shown: Any = erase.certificate(house.parts, house.call("officer"), done.id)
    assert shown["state"] == "irrecoverable"
    told = [entry for entry in house.entries() if entry["kind"] == "erasure.completed"]
    assert len(told) == 1
    assert json.loads(shown["irrecoverable"]["entry"]) == told[0]


def test_answers_that_were_kept_for_a_key_go_with_the_customer(house: House) -> None:
    record: Any = {"kind": "person", "fields": {"name": "王小明"}}
    customer = intake.admit(house.parts, house.call("intake", key="key-1"), record).id
    assert house.rows_of("data", "SELECT result FROM idempotency") != []

    forget(house, customer)

    assert house.rows_of("data", "SELECT result FROM idempotency") == []


def test_a_restriction_of_before_leads_from_an_erased_customer_to_nothing(house: House) -> None:
    customer = house.admit()
    subject = house.subject_of(customer)
    call, own = officer(house, customer)
    restrict.restrict(house.parts, call, own, "disputed")

    forget(house, customer)

    met, _ = followed(house, {subject, ref_of(house, subject)}, common=common(house))
    assert not [
        entry for entry in house.entries() if entry["kind"] == "restriction.set" and ids(entry["id"]) & met
    ]
