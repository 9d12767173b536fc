"""The demo town: invented through and through, the same every time, and no number twice."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.cli.town import numbers, people
from vault.cli.town.people import Customer
from vault.domain import identifiers
from vault.domain.canonical import Json
from vault.domain.policy import Policy
from vault.domain.terms import ActorId, FieldName, Millis, SubjectKind
from vault.rulebook.checking import check
from vault.services.drafting import Provenance, changes, kind_of
from vault.services.policies import candidate, default_folder

AT = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
SEED = 7
GIVEN = Provenance(1, ActorId(bytes(16)), Millis(0))
ROOT = Path(__file__).parents[2]

customers = st.integers(0, numbers.MOST_CUSTOMERS - 1)
places = st.integers(0, numbers.CONTACTS_EACH - 1)
indexes = st.one_of(customers, st.builds(numbers.contact_index, customers, places))


@pytest.fixture(scope="module")
def policy() -> Policy:
    found, mistakes = check(candidate(default_folder()))
    assert found is not None, mistakes
    return found


@pytest.fixture(scope="module")
def town() -> list[Customer]:
    return list(people.make(SEED, 1000, at=AT))


def texts(value: Json) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for one in value.values():
                yield from texts(one)
        case list():
            for one in value:
                yield from texts(one)
        case _:
            return


def all_texts(town: list[Customer]) -> Iterator[str]:
    for one in town:
        yield from texts(dict(one.fields))
        for contact in one.contacts:
            yield from texts(dict(contact.fields))


def test_the_same_seed_makes_the_same_town_and_a_larger_one_begins_with_it(town: list[Customer]) -> None:
    assert list(people.make(SEED, 1000, at=AT)) == town
    assert list(people.make(SEED, 40, at=AT)) == town[:40]
    assert people.customer(SEED, 999, at=AT) == town[999]
    assert list(people.make(SEED + 1, 40, at=AT)) != town[:40]


def test_every_customer_fits_the_delivered_catalogue(town: list[Customer], policy: Policy) -> None:
    for one in town:
        changes(policy.catalogue, one.fields, kind=kind_of(one.kind), given=GIVEN)
        for contact in one.contacts:
            changes(policy.catalogue, contact.fields, kind=SubjectKind.CONTACT, given=GIVEN)
        assert one.source in policy.catalogue.sources
        assert all(
            any(said.purpose in notice.purposes for notice in policy.notices.values())
            for said in one.decisions
        )
    codes = policy.catalogue.field(FieldName("party_role")).codes or {}
    assert {contact.role for one in town for contact in one.contacts} <= codes.keys()


def test_no_value_of_a_unique_field_is_there_twice(town: list[Customer], policy: Policy) -> None:
    unique = [name for name, field in policy.catalogue.by_name.items() if field.unique]
    found = Counter((name, one.fields[name]) for one in town for name in unique if name in one.fields)

    assert {name for name, _ in found} == set(unique)
    assert [value for value, times in found.items() if times > 1] == []


NUMBERS: list[Callable[[int], str]] = [
    lambda index: numbers.id_number(index, "119900"),
    lambda index: numbers.passport(index, "X"),
    lambda index: numbers.uscc(index, "33", sole_trader=False),
    numbers.bank_card,
    numbers.mobile,
]


@pytest.mark.parametrize("number", range(len(NUMBERS)))
@given(one=indexes, other=indexes)
def test_two_indexes_never_make_the_same_number(number: int, one: int, other: int) -> None:
    make = NUMBERS[number]

    assert (make(one) == make(other)) == (one == other)


def test_the_last_of_a_million_has_numbers_that_none_before_it_has() -> None:
    last = range(1_000_000 - 20_000, 1_000_000)

    for make in NUMBERS:
        assert len({make(index) for index in last}) == len(last)


@given(indexes)
def test_every_check_digit_is_right(index: int) -> None:
    for region in (numbers.county_of_nowhere("33"), "810000", "820000", "830000"):
        identifiers.id_number(numbers.id_number(index, region))
    identifiers.uscc(numbers.uscc(index, "44", sole_trader=True))
    identifiers.uscc(numbers.uscc(index, "44", sole_trader=False))
    identifiers.bank_card(numbers.bank_card(index))
    identifiers.passport(numbers.passport(index, "K"))


@given(customers)
def test_a_paper_says_what_is_said_of_its_holder(index: int) -> None:
    one = numbers.id_number(index, "119900")

    assert one[6:14] == numbers.birth_of(index).strftime("%Y%m%d")
    assert (int(one[16]) % 2 == 1) == numbers.is_man(index)


def test_nothing_in_it_can_be_anybodys(town: list[Customer]) -> None:
    written = list(all_texts(town))

    hosts = {host for text in written for host in re.findall(r"(?:@|//)([a-z0-9.-]+\.[a-z]+)", text)}
    assert hosts == {"example.com", "example.org", "example.net"}
    papers = [str(one.fields["id_number"]) for one in town if "id_number" in one.fields]
    assert {paper[2:6] for paper in papers} == {"9900", "0000"}
    assert all(paper[:2] in {"81", "82", "83"} for paper in papers if paper[2:6] == "0000")
    codes = [str(one.fields["uscc"]) for one in town if "uscc" in one.fields]
    assert {code[4:8] for code in codes} == {"9900"}
    assert {str(one.fields["bank_account"])[:6] for one in town if "bank_account" in one.fields} == {"629999"}


def test_people_of_every_sort_live_in_it(town: list[Customer]) -> None:
    names = [str(one.fields["name"]) for one in town if "name" in one.fields]
    phones = Counter(str(one.fields["mobile"])[:4] for one in town if "mobile" in one.fields)

    assert any(len(name) == 1 for name in names)
    assert any(name.startswith("欧阳") for name in names)
    assert any("·" in name for name in names)
    assert any(name.isascii() and " " in name for name in names)
    assert any("\u0590" <= name[0] <= "\u06ff" for name in names)
    assert phones.keys() >= {"+861", "+852", "+853", "+886"}
    assert sum(one.kind == "organisation" for one in town) > 100
    assert sum("company_name" in one.fields and one.kind == "person" for one in town) > 30
    assert {one.fields.get("jurisdiction") for one in town} == {None, "EU", "HK", "MO", "TW", "other"}
    assert {len(one.contacts) for one in town if one.kind == "organisation"} == {1, 2, 3}
    decided = {(said.purpose, said.state) for one in town for said in one.decisions}
    assert decided == {(p, s) for p in ("P08", "P10", "P11") for s in ("given", "refused", "withdrawn")}
    assert {fact.kind for one in town for fact in one.facts} == {
        "order",
        "contract",
        "case",
        "assignment",
        "objection",
        "duty",
    }


def test_hostile_strings_live_in_it(town: list[Customer]) -> None:
    written = list(all_texts(town))
    notes = [str(one.fields["notes"]) for one in town if "notes" in one.fields]

    for part in ("<script>", "DROP TABLE", "😀", "'", '"', "${jndi:", "../"):
        assert any(part in text for text in written), part
    assert any("\u202e" in note for note in notes)
    assert any("\x1b" in note for note in notes)
    assert max(map(len, notes)) == 4000
    assert "" in notes


def test_the_first_customers_are_who_the_demo_needs(town: list[Customer]) -> None:
    for index in people.KNOWN_TO_ALL:
        one = town[index]
        open_for = {(fact.kind, fact.purpose, fact.to) for fact in one.facts}
        assert open_for >= {
            ("contract", None, None),
            ("order", None, None),
            ("case", None, None),
            ("assignment", "P01", "dispatch"),
            ("assignment", "P05", "complaints"),
        }
        assert ("P11", "given") in {(said.purpose, said.state) for said in one.decisions}
        assert not one.restricted
    assert len(people.KNOWN_TO_ALL) >= 10
    assert ("P11", "refused") in {(s.purpose, s.state) for s in town[people.REFUSED_MARKETING].decisions}
    assert town[people.RESTRICTED].restricted
    assert "case" not in {fact.kind for fact in town[people.NO_OPEN_CASE].facts}


@pytest.mark.parametrize("count", [-1, numbers.MOST_CUSTOMERS + 1])
def test_a_town_larger_than_its_numbers_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=str(count)):
        people.make(SEED, count, at=AT)


def seeded(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "scripts" / "seed.py", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.slow
def test_the_town_is_written_as_records_and_never_for_a_production_house() -> None:
    first, again = seeded("--count", "30"), seeded("--count", "30")
    refused = seeded("--count", "1", VAULT_MODE="production")

    records = [json.loads(line) for line in first.stdout.splitlines()]
    assert len(records) == 30
    assert all(record.keys() == {"kind", "fields", "source", "consents"} for record in records)
    assert again.stdout == first.stdout
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "production" in refused.stderr
