"""Events: every kind of entry has one in OCSF and in ECS, valid by the schemas that those publish."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from vault.domain import ecs, event_samples, ocsf
from vault.domain.canonical import Json
from vault.domain.entry import ActorRef, Entry, ObjectRef, OutcomeSet
from vault.domain.event_kinds import KINDS, Class, Severity
from vault.domain.event_samples import MARK
from vault.domain.events import MOST_LISTED, Placed, kind_of
from vault.domain.kinds import Kind
from vault.domain.syslog import MAX_BYTES
from vault.domain.terms import FieldName, Treatment

VECTORS = Path(__file__).parents[1] / "vectors"
OCSF: Mapping[str, Any] = json.loads((VECTORS / "ocsf-1.8.0.json").read_text(encoding="utf-8"))
ECS: Mapping[str, Any] = json.loads((VECTORS / "ecs-9.4.0.json").read_text(encoding="utf-8"))
VALIDATORS = {
    int(number): Draft202012Validator({**schema, "$defs": OCSF["objects"]})
    for number, schema in OCSF["classes"].items()
}
KINDS_OF_ENTRIES = sorted(Kind, key=str)


def faults(event: Mapping[str, Any]) -> list[str]:
    """What the published schema says against an event."""
    return [fault.message for fault in VALIDATORS[event["class_uid"]].iter_errors(event)]


def flat(document: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """The fields of a document under their dotted names; ours stay whole."""
    for name, value in document.items():
        if isinstance(value, dict) and name != "customer_vault":
            yield from flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def ecs_faults(document: Mapping[str, Any]) -> list[str]:
    """What the published list of fields says against a document."""
    return [fault for name, value in flat(document) for fault in _field_faults(name, value)]


def _field_faults(name: str, value: object) -> Iterator[str]:
    if name == "customer_vault":
        return
    known = ECS["fields"].get(name)
    if known is None:
        yield f"{name} is no field"
        return
    if isinstance(value, list) != known["array"]:
        yield f"{name} is a list, or is none"
    kind = int if known["type"] == "long" else str
    for one in value if isinstance(value, list) else [value]:
        if type(one) is not kind:
            yield f"{name} is no {known['type']}"
        if "allowed" in known and one not in known["allowed"]:
            yield f"{name} is never {one}"


def test_the_schemas_that_are_held_against_are_those_of_the_versions_that_events_name() -> None:
    assert (OCSF["version"], ECS["version"]) == (ocsf.VERSION, ecs.VERSION)
    for validator in VALIDATORS.values():
        Draft202012Validator.check_schema(validator.schema)


def test_no_kind_of_entry_is_left_out() -> None:
    assert set(Kind) - KINDS.keys() == set()


@pytest.mark.parametrize("kind", KINDS_OF_ENTRIES)
def test_an_entry_of_each_kind_is_a_valid_event_of_ocsf(kind: Kind) -> None:
    event = ocsf.event(event_samples.placed(kind), MARK)

    assert faults(event) == []
    assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]  # type: ignore[operator]
    assert event["category_uid"] == KINDS[kind].ocsf // 1000


@pytest.mark.parametrize("kind", KINDS_OF_ENTRIES)
def test_an_entry_of_each_kind_is_a_valid_document_of_ecs(kind: Kind) -> None:
    document = ecs.event(event_samples.placed(kind), MARK)

    assert ecs_faults(document) == []
    told: Any = document["event"]
    expected = ECS["fields"]["event.category"]["allowed"][told["category"][0]]
    assert set(told["type"]) <= set(expected)


@pytest.mark.parametrize("kind", KINDS_OF_ENTRIES)
@pytest.mark.parametrize("bare", [True, False])
def test_an_entry_that_says_little_is_a_valid_event_too(kind: Kind, *, bare: bool) -> None:
    whole = event_samples.sample(kind)
    entry = Entry(
        id=whole.id,
        at_ms=whole.at_ms,
        kind=kind,
        actor=ActorRef("nobody", "none"),
        outcome="mixed",
        object=None if bare else ObjectRef("topic"),
    )
    placed = Placed(0, b"\x00" * 32, entry)
    young = replace(MARK, checkpoint=None)

    assert faults(ocsf.event(placed, young)) == []
    assert ecs_faults(ecs.event(placed, young)) == []


def test_an_entry_that_cannot_be_read_is_an_event_and_a_grave_one() -> None:
    placed = Placed(7, b"\x00" * 32, None)

    event, document = ocsf.event(placed, MARK), ecs.event(placed, MARK)

    assert faults(event) == []
    assert ecs_faults(document) == []
    assert (event["severity_id"], event["message"]) == (Severity.HIGH, "entry.unreadable failed")


def own(event: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = event["unmapped"]["customer_vault"]
    return found


def test_every_event_says_where_its_entry_is_proved() -> None:
    placed = event_samples.placed(Kind.PROFILE_DISCLOSED)

    told = own(ocsf.event(placed, MARK))["ledger"]

    assert told == ecs.event(placed, MARK)["customer_vault"]["ledger"]  # type: ignore[index, call-overload]
    assert told["index"] == placed.idx
    assert told["origin"] == "vault.example.com/ledger"
    assert MARK.checkpoint is not None
    assert (told["checkpoint"]["size"], told["checkpoint"]["root"]) == (
        1_000,
        MARK.checkpoint.text().split("\n")[2],
    )


def test_what_was_refused_or_failed_is_graver_and_a_failure() -> None:
    placed = event_samples.placed(Kind.PROFILE_DISCLOSED)
    assert placed.entry is not None
    refused = replace(placed, entry=replace(placed.entry, outcome="refused:restriction"))

    event, document = ocsf.event(refused, MARK), ecs.event(refused, MARK)

    assert (event["status_id"], event["status_code"], event["severity_id"]) == (2, "restriction", 2)
    assert (document["event"]["outcome"], document["event"]["reason"]) == ("failure", "restriction")  # type: ignore[index, call-overload]
    assert kind_of(replace(placed.entry, outcome="failed:x")).severity is Severity.MEDIUM


def test_the_name_by_which_a_person_logs_in_stays_in_the_house() -> None:
    placed = event_samples.placed(Kind.PERSON_JOINED)
    assert placed.entry is not None
    entry = replace(placed.entry, object=ObjectRef("person", b"\x01" * 16, "ada.lovelace"))

    for event in (ocsf.event, ecs.event):
        assert "lovelace" not in json.dumps(event(replace(placed, entry=entry), MARK))


def test_a_grant_says_which_role_and_whose() -> None:
    event = ocsf.event(event_samples.placed(Kind.GRANT_GIVEN), MARK)
    document = ecs.event(event_samples.placed(Kind.GRANT_GIVEN), MARK)

    assert event["privileges"] == ["service_desk"]
    assert event["user"]["uid"].startswith("app_")  # type: ignore[index, call-overload, union-attr]
    assert document["user"]["target"]["id"] == event["user"]["uid"]  # type: ignore[index, call-overload]


def test_a_lock_and_its_end_are_one_finding() -> None:
    whole = event_samples.placed(Kind.HOUSE_LOCKED)
    assert whole.entry is not None
    entry = replace(whole.entry, object=None)
    locked = ocsf.event(replace(whole, entry=entry), MARK)
    unlocked = ocsf.event(replace(whole, entry=replace(entry, kind=Kind.HOUSE_UNLOCKED)), MARK)

    assert locked["class_uid"] == unlocked["class_uid"] == Class.FINDING
    assert (locked["activity_id"], unlocked["activity_id"]) == (1, 3)
    assert locked["finding_info"]["uid"] == unlocked["finding_info"]["uid"]  # type: ignore[index, call-overload]


@pytest.mark.parametrize("write", [ocsf.event, ecs.event], ids=["ocsf", "ecs"])
def test_the_largest_entry_is_an_event_that_every_collector_takes_and_says_what_it_leaves_out(
    write: Any,
) -> None:
    subjects = tuple(number.to_bytes(16, "big") for number in range(1_000))
    fields = tuple(FieldName(f"a_field_with_a_rather_long_name_{number:03}") for number in range(200))
    entry = replace(
        event_samples.sample(Kind.PROFILE_DISCLOSED),
        sets=(OutcomeSet(subjects, fields, (Treatment.PLAIN,) * len(fields)),),
        gates=tuple(f"gate_{number}" for number in range(MOST_LISTED)),
    )

    event: Json = write(Placed(2**53 - 1, b"\x00" * 32, entry), MARK)

    assert isinstance(event, dict)
    mine: Any = event.get("customer_vault") or own(event)
    assert mine["subjects"] == {"count": 1_000, "listed": False}
    assert mine["fields"] == {"count": 200, "listed": False}
    assert len(mine["gates"]) == MOST_LISTED
    assert len(json.dumps(event)) < MAX_BYTES - 1_000
