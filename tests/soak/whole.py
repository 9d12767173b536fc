"""The check of a whole house after a run: everything that was answered is held against what stands."""

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import pytest

from tests.house import House
from tests.soak.clients import Line, admit
from tests.soak.people import Told, version_in
from tests.soak.serving import Serving, eventually
from vault.domain.grants import token_bytes
from vault.domain.instants import month
from vault.domain.kinds import Kind
from vault.errors import Refused, VaultError
from vault.services.attest import verify
from vault.services.locating import Located, locate

# How many of the answered keys are repeated, and how many values are looked for in the stores' bytes.
_SAMPLE = 100
_SHOWING = {Kind.PROFILE_DISCLOSED, Kind.VALUE_REVEALED}
_ENDING = (Kind.RESTRICTION_SET, Kind.CONSENT_WITHDRAWN)


def check(serving: Serving, told: Told) -> None:
    """Hold the served house, and then the stores that it leaves, against everything that was answered."""
    complete(serving, told)
    assert told.broken == []
    assert serving.end() == 0
    with serving.site.opened(told.apps) as house:
        settled(house)
        disclosures_are_told(house, told)
        writes_stand(house, told)
        endings_hold(house, told)
        house.check()
    doctor = serving.site.vaultctl("doctor", "--json")
    told_of = json.loads(doctor.stdout)
    assert (told_of["findings"], told_of["well"]) == ([], True), doctor.stdout + doctor.stderr


def complete(serving: Serving, told: Told) -> None:
    """Repeat what was never answered, by its key, and some of what was: the answer is the same."""
    answered = [key for key, id_ in told.keys.items() if id_ is not None][:_SAMPLE]
    line = Line(told, "intake", serving.site.port)
    for key in [key for key, id_ in told.keys.items() if id_ is None] + answered:
        heard = None

        def is_certain(number: int = int(key.removeprefix("key-"))) -> bool:
            nonlocal heard
            heard = admit(line, number)
            return heard is not None and heard.status == 201

        eventually(is_certain, f"the answer to {key}")
        assert heard is not None
        assert told.keys[key] in {None, heard.body["id"]}, "a key was answered twice, differently"
        told.keys[key] = heard.body["id"]
    line.close()


def settled(house: House) -> None:
    """Nothing waits, each floor is at its revision, and a DEK is in use exactly where there is data."""
    house.parts.ledger.settle([])
    eventually(lambda: house.rows_of("data", "SELECT entry FROM outbox") == [], "the outbox' being empty")
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
    report = verify(house.parts.stores)
    assert report.ok, report
    assert report.undrained == 0


def disclosures_are_told(house: House, told: Told) -> None:
    """Each answered read has its entry, which names whom it showed, and each lookup that found has one."""
    named: dict[str, set[bytes]] = defaultdict(set)
    entries = house.entries()
    for entry in entries:
        if entry["kind"] in _SHOWING:
            named[request_of(entry)] |= tokens_in(entry)
    tokens = tokens_of(house, told)
    for request, numbers in told.shown.items():
        assert request in named, f"request {request} was answered without an entry"
        assert {tokens[number] for number in numbers} <= named[request], (
            "an entry names others than it showed"
        )
    looked_up = sum(1 for entry in entries if entry["kind"] == Kind.SUBJECT_LOOKED_UP)
    assert looked_up >= told.answers["lookup 200"]


def writes_stand(house: House, told: Told) -> None:
    """Whoever was admitted is there once, and each name is the one acknowledged or a later one."""
    given = [id_ for id_ in told.keys.values() if id_ is not None]
    assert len(given) == len(told.keys) == len(set(given)), "two keys were given one customer"
    admitted = locate(house.parts, house.call("intake"), given)
    assert [one for one in admitted if isinstance(one, VaultError)] == []
    count = len(told.customers) + len(given)
    assert house.rows_of("data", "SELECT count(*) FROM subject") == [(count,)]
    assert kinds(house, Kind.SUBJECT_ADMITTED) == count
    for id_, key in list(zip(given, told.keys, strict=True))[:_SAMPLE]:
        house.state(id_, "contract")
        shown = house.disclose("settlement", house.known_to("settlement", id_), "name").fields["name"]
        assert key.removeprefix("key-") in str(shown)
    for customer in told.customers:
        if not (customer.restricted or customer.doubtful):
            shown = house.disclose("settlement", customer.ids["settlement"], "name").fields["name"]
            assert customer.version <= version_in(shown) <= customer.tried


def endings_hold(house: House, told: Told) -> None:
    """Who has withdrawn or was restricted is not shown, and no answer showed one under a later entry."""
    for customer in told.customers:
        if customer.restricted:
            with pytest.raises(Refused, match="restriction"):
                house.disclose("servicedesk", customer.ids["servicedesk"], "name")
        if customer.withdrawn:
            with pytest.raises(Refused, match="basis"):
                house.disclose("marketing", customer.ids["marketing"], "mobile")
    withdrawn = [one for one in told.customers if one.withdrawn]
    restricted = [one for one in told.customers if one.restricted]
    doubtful = sum(1 for one in told.customers if one.doubtful) - len(withdrawn) - len(restricted)
    for kind, word, certain in (
        (Kind.CONSENT_WITHDRAWN, "withdrawn", withdrawn),
        (Kind.RESTRICTION_SET, "restricted", restricted),
    ):
        entries = kinds(house, kind)
        assert len(certain) <= entries <= len(certain) + doubtful, "an ending was told twice, or not at all"
        register = "SELECT count(*) FROM record WHERE kind = :kind"
        assert house.rows_of("register", register, kind=word) == [(entries,)]
    shown_before_their_end(house, told)


def shown_before_their_end(house: House, told: Told) -> None:
    """Each answer that showed somebody has an entry that precedes the one which ended such answers."""
    tokens = tokens_of(house, told)
    first: dict[tuple[str, bytes], int] = {}
    marketing: set[str] = set()
    ends: dict[tuple[Kind, bytes], int] = {}
    for index, entry in enumerate(house.entries()):
        for token in tokens_in(entry):
            if entry["kind"] in _SHOWING:
                first.setdefault((request_of(entry), token), index)
            elif entry["kind"] in _ENDING:
                ends[entry["kind"], token] = index
        if entry.get("purpose") == "P11":
            marketing.add(request_of(entry))
    for request, numbers in told.shown.items():
        for token in {tokens[number] for number in numbers}:
            for kind in _ENDING if request in marketing else [Kind.RESTRICTION_SET]:
                end = ends.get((kind, token))
                assert end is None or first[request, token] < end, f"shown under an entry behind {kind}"


def tokens_of(house: House, told: Told) -> Mapping[int, bytes]:
    """The audit token of each customer; a run does not last over the end of a month."""
    ids = [one.ids["intake"] for one in told.customers]
    located = locate(house.parts, house.call("intake"), ids)
    return {
        customer.number: _located(one).identity.audit_token(month(house.clock()))
        for customer, one in zip(told.customers, located, strict=True)
    }


def tokens_in(entry: Mapping[str, Any]) -> set[bytes]:
    """The audit tokens of all whom an entry is about."""
    return {token_bytes(token) for one in entry.get("sets", []) for token in one.get("subjects", [])}


def request_of(entry: Mapping[str, Any]) -> str:
    return token_bytes(str(entry["req"])).hex()


def kinds(house: House, kind: Kind) -> int:
    """How many entries of that kind there are."""
    return [entry["kind"] for entry in house.entries()].count(kind)


def _located(one: Located | VaultError) -> Located:
    assert isinstance(one, Located), one
    return one
