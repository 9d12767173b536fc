"""The auditor makes every map anew, and a customer's bundle is checked alone."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.auditing import Audited, said
from tests.custody.ledgers import new_id
from tests.house import House
from tests.services.test_accesses import Desk
from vault.domain import access_bundle
from vault.domain.access_bundle import AccessBundle
from vault.domain.entry import ActorRef, Entry, ObjectRef
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.services import charting

OPERATOR = ActorRef("operator:1000", "operator")


def seal(audited: Audited) -> None:
    charting.seal(audited.house.parts, OPERATOR)
    audited.sign()


def a_forged_map(audited: Audited, size: int) -> Entry:
    return Entry(
        id=new_id(),
        at_ms=millis(audited.house.clock()),
        kind=Kind.MAP_SEALED,
        actor=OPERATOR,
        outcome="recorded",
        times=size,
        object=ObjectRef("subject_map", code="sha256:" + "A" * 43),
    )


def test_every_map_of_an_export_is_that_of_its_entries(audited: Audited) -> None:
    for size in (50, 300):
        audited.grow(size)
        seal(audited)
    audited.export()

    found = audited.verify()

    assert (found.code, found.faults) == (0, set())
    assert "maps_unchecked" not in {one["reason"] for one in found.report["warnings"]}
    assert found.report["maps"] == {"checked": 2, "size": 300}


def test_a_map_of_other_entries_is_named(on_files: Audited) -> None:
    on_files.grow(50)
    seal(on_files)
    forged = on_files.size
    on_files.enter(a_forged_map(on_files, 40), a_forged_map(on_files, forged + 9))
    on_files.sign()
    on_files.export()

    found = on_files.verify()

    assert found.code == 1
    assert {(one["reason"], one["first"]) for one in found.report["faults"]} == {
        ("map", forged),
        ("map", forged + 1),
    }


def a_bundle(house: House, at: Path) -> tuple[AccessBundle, Audited]:
    """What a customer was handed of a signed house."""
    desk = Desk(house)
    audited = Audited(house, at)
    seal(audited)
    return desk.bundle(), audited


def check(at: Path, bundle: AccessBundle, vkey: str) -> tuple[int, set[str], dict[str, object]]:
    file = at / "bundle.json"
    file.write_text(json.dumps(access_bundle.write(bundle)))
    found = said("subject", str(file), "--vkey", vkey)
    return found.code, {one["reason"] for one in found.report["faults"]}, found.report


def test_a_bundle_is_checked_with_the_public_key_alone(house: House, tmp_path: Path) -> None:
    bundle, audited = a_bundle(house, tmp_path)

    code, faults, report = check(tmp_path, bundle, audited.vkey)

    assert (code, faults) == (0, set())
    assert report["counted"] == len(bundle.entries)
    assert report["signed_by"] == [audited.vkey]


def test_a_bundle_that_lost_an_entry_or_was_changed_is_refused(sqlite_house: House, tmp_path: Path) -> None:
    bundle, audited = a_bundle(sqlite_house, tmp_path)
    first, *rest = bundle.entries
    edited = replace(first, body=first.body.replace(b"P0", b"P1"))
    nothing_proved = tuple(replace(one, proof=None) for one in bundle.months)

    assert check(tmp_path, replace(bundle, entries=tuple(rest)), audited.vkey)[:2] == (1, {"count"})
    changed = replace(bundle, entries=(edited, *rest))
    assert check(tmp_path, changed, audited.vkey)[:2] == (1, {"inclusion"})
    delayed = replace(bundle, months=nothing_proved, delayed=True)
    assert check(tmp_path, delayed, audited.vkey)[:2] == (2, {"delayed"})
    other = Audited(sqlite_house, tmp_path).pair(9)[0].key.text()
    assert check(tmp_path, bundle, other)[:2] == (2, {"unsigned"})


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": "vault-accesses/2"}'])
def test_what_is_no_bundle_is_unusable(on_files: Audited, text: str) -> None:
    file = on_files.at / "bundle.json"
    file.write_text(text)

    found = said("subject", str(file), "--vkey", on_files.vkey)

    assert (found.code, found.faults) == (2, {"bundle_unusable"})
