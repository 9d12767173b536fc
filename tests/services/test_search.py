"""Searching the ledger: what was asked for is found, counted whole, and told before it is answered."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from tests.house import House
from vault.domain.grants import token_bytes
from vault.domain.kinds import Kind
from vault.domain.terms import id_text
from vault.errors import Invalid, InvalidValue, NotFound, Refused, StoreUnavailable
from vault.services import deriving, entries, rendering, views
from vault.services.attest import verify
from vault.services.faceting import SHOWN
from vault.services.rendering import Answer
from vault.services.search import search
from vault.storage import checkpoints


@pytest.fixture
def customers(house: House) -> list[str]:
    """Five customers with open cases, three of whom the service desk has read, one of them twice."""
    found = []
    for number in range(5):
        own = house.admit({"name": f"客户{number}号", "mobile": f"+8613800138{number:03}"})
        house.state(own, "case")
        found.append(house.known_to("servicedesk", own))
    for customer in [*found[:3], found[0]]:
        house.clock.advance(timedelta(hours=5))
        house.disclose("servicedesk", customer, "name")
    return found


def ask(house: House, text: str, **more: object) -> Answer:
    house.parts.ledger.settle([])
    deriving.catch_up(house.parts)
    return search(house.parts, house.operator, text, **more)  # type: ignore[arg-type]


def kinds(answer: Answer) -> list[str]:
    return [line.kind for line, _ in answer.found.lines]


def last(house: House) -> dict[str, object]:
    return house.entries()[-1]


def detail_of(house: House, entry: dict[str, object]) -> dict[str, str]:
    return dict(house.parts.detail.open(token_bytes(str(entry["det"])), int(str(entry["key_epoch"]))))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kind:profile.disclosed", 4),
        ("kind:profile.disclosed actor:servicedesk", 4),
        ("kind:profile.disclosed actor:SERVICEDESK purpose:P04 action:read", 4),
        ("kind:profile.disclosed actor:dispatch", 0),
        ("kind:profile.disclosed -actor:servicedesk", 0),
        ("disclosed servicedesk", 4),
        ("disclosed marketing", 0),
        ("kind:profile.disclosed tier:>=3", 4),
        ("kind:profile.disclosed tier:<=2", 0),
        ("kind:profile.disclosed n:1", 4),
        ("kind:profile.disclosed n:>1", 0),
        ("kind:profile.disclosed created:2026-11-21", 3),
        ("kind:profile.disclosed created:2026-11-21T13:00", 1),
        ("kind:profile.disclosed created:2026-11-21T13:00..2026-11-22T03:59", 3),
        ("kind:profile.disclosed created:>2026-11-21T13:00", 3),
        ("kind:profile.disclosed created:>2026-11-22", 0),
        ("kind:subject.admitted", 5),
        ("kind:subject.admitted,profile.disclosed", 9),
        ("actor:operator:1000000", 0),
    ],
)
def test_what_was_done_is_found_by_what_it_was(
    house: House, customers: list[str], text: str, expected: int
) -> None:
    assert len(customers) == 5

    answer = ask(house, text, facets=True, histogram=True)

    assert answer.found.entries == len(answer.found.lines) == expected
    indexes = [line.idx for line, _ in answer.found.lines]
    assert indexes == sorted(indexes, reverse=True)
    bars = answer.found.bars
    assert sum(many for _, many in bars.entries) == expected if bars else expected == 0
    assert all(
        sum(many for _, many in facet.values) == expected for facet in answer.facets if facet.name == "kind"
    )


def test_every_entry_is_found_by_nothing_asked(house: House, customers: list[str]) -> None:
    assert len(customers) == 5
    house.parts.ledger.settle([])
    size = len(house.entries())

    answer = ask(house, "", limit=1000)

    assert answer.found.entries == answer.size == answer.indexed == size
    assert [line.idx for line, _ in answer.found.lines] == list(range(size - 1, -1, -1))
    stored = dict(house.rows_of("audit", "SELECT idx, leaf FROM entry"))
    assert all(leaf == bytes(stored[line.idx]) for line, leaf in answer.found.lines)


@pytest.mark.parametrize("text", ["", "kind:profile.disclosed,subject.admitted,fact.recorded", "n:>=0 n:1"])
def test_pages_meet_each_entry_once(house: House, customers: list[str], text: str) -> None:
    assert len(customers) == 5
    whole = ask(house, text, limit=1000)
    newest = whole.found.lines[0][0].idx

    met: list[int] = []
    cursor: str | None = None
    while True:
        page = search(house.parts, house.operator, text, cursor=cursor, limit=3)
        met += [line.idx for line, _ in page.found.lines]
        cursor = page.cursor
        if cursor is None:
            break

    assert [idx for idx in met if idx <= newest] == [line.idx for line, _ in whole.found.lines]


def test_a_cursor_is_of_one_question_and_one_asker(house: House, customers: list[str]) -> None:
    assert len(customers) == 5
    page = ask(house, "kind:subject.admitted", limit=2)
    assert page.cursor is not None

    with pytest.raises(Invalid, match="cursor"):
        ask(house, "kind:profile.disclosed", cursor=page.cursor)
    with pytest.raises(Invalid, match="limit"):
        ask(house, "", limit=1001)


def test_a_customer_is_found_by_every_id_and_over_the_months(house: House, customers: list[str]) -> None:
    house.clock.advance(timedelta(days=30))
    house.disclose("servicedesk", customers[0], "name")
    subject = id_text("sub", _subject_of(house, customers[0]))
    read = "kind:profile.disclosed"

    by_app = ask(house, f"{read} subject:{customers[0]}")
    by_house = ask(house, f"{read} subject:{subject}")
    of_november = ask(house, f"{read} subject:{subject} created:<2026-12-01")
    of_two = ask(house, f"{read} subject:{subject},{customers[1]}")
    of_both = ask(house, f"{read} subject:{subject} subject:{customers[1]}")
    by_token = ask(house, f"{read} subject:{_token_of(house)}")
    of_nobody = ask(house, f"{read} subject:{id_text('sub', bytes(16))}")

    found = [one.found.entries for one in (by_app, by_house, of_november, of_two, of_both, by_token)]
    assert found == [3, 3, 2, 4, 0, 1]
    assert of_nobody.found.entries == 0


def _token_of(house: House) -> str:
    """The audit token in the newest disclosure, which is of another month than the others."""
    newest = [one for one in house.entries() if one["kind"] == "profile.disclosed"][-1]
    return str(newest["sets"][0]["subjects"][0])


def test_a_ticket_is_found_by_its_text_and_stands_nowhere(house: House, customers: list[str]) -> None:
    ticket = "CASE-2026-77001"
    house.disclose("servicedesk", customers[4], "name", ticket=ticket)
    house.remember(ticket)

    found = ask(house, f"ticket:{ticket}")
    other = ask(house, "ticket:CASE-2026-77002")

    assert (found.found.entries, other.found.entries) == (1, 0)
    assert kinds(found) == ["profile.disclosed"]
    request = found.found.lines[0][0].request
    assert request is not None
    assert ask(house, f"request:{request.hex()} kind:profile.*").found.entries == 1


def test_an_application_is_found_as_what_an_entry_is_about(house: House, customers: list[str]) -> None:
    assert len(customers) == 5
    app = id_text("app", house.app("servicedesk").id)

    made = ask(house, f"object:{app}")

    assert "app.created" in kinds(made)
    assert {line.object_id for line, _ in made.found.lines} == {house.app("servicedesk").id}


# ---- the question itself is an entry ----


def test_a_search_is_an_entry_and_its_words_are_sealed(house: House, customers: list[str]) -> None:
    assert len(customers) == 5
    house.remember("kind:profile.disclosed servicedesk")

    answer = ask(house, "kind:profile.disclosed servicedesk")

    told = last(house)
    assert (told["kind"], told["action"], told["outcome"]) == ("ledger.searched", "review", "recorded")
    assert told["n"] == answer.found.entries == 4
    assert detail_of(house, told) == {"query": "kind:profile.disclosed servicedesk"}


def test_whoever_was_looked_for_and_found_is_told_by_token_alone(house: House, customers: list[str]) -> None:
    subject = id_text("sub", _subject_of(house, customers[0]))
    house.remember(subject)

    ask(house, f"purpose:P04 subject:{subject} kind:profile.*")

    told = last(house)
    assert told["sets"] == [{"subjects": [_token_of_first(house)]}]
    assert detail_of(house, told) == {"query": "purpose:P04 subject:* kind:profile.*"}


def test_whoever_was_looked_for_in_vain_is_told_as_a_keyed_hash(house: House, customers: list[str]) -> None:
    assert len(customers) == 5
    nobody = id_text("sub", bytes(16))
    house.remember(nobody)

    ask(house, f"subject:{nobody}")
    first = detail_of(house, last(house))
    ask(house, f"subject:{nobody} kind:profile.*")
    again = detail_of(house, last(house))

    assert "sets" not in last(house)
    assert first["query"] == "subject:*"
    assert first["subject"] == again["subject"]
    assert nobody not in json.dumps(first)


def _token_of_first(house: House) -> str:
    first = next(one for one in house.entries() if one["kind"] == "profile.disclosed")
    return str(first["sets"][0]["subjects"][0])


def _subject_of(house: House, customer: str) -> bytes:
    return house.subject_of(customer)


def test_nothing_is_answered_where_the_question_cannot_be_told(house: House, customers: list[str]) -> None:
    assert len(customers) == 5
    ask(house, "")
    house.parts.stores.audit.close()
    house.by_hand("audit", "ALTER TABLE head RENAME TO head_away")

    with pytest.raises((StoreUnavailable, Exception), match="unavailable"):
        search(house.parts, house.operator, "kind:profile.*")

    house.by_hand("audit", "ALTER TABLE head_away RENAME TO head")


def test_a_mistake_is_told_by_place_and_nothing_typed_comes_back(house: House) -> None:
    with pytest.raises(InvalidValue) as told:
        ask(house, "kind:profile.* colour:13800138000")

    assert told.value.code == "query_qualifier"
    assert dict(told.value.facts) == {"field": "query", "position": 15}
    entry = house.entries()[-1]
    assert (entry["kind"], entry["outcome"]) == (Kind.LEDGER_SEARCHED, "refused:query_qualifier")
    assert "det" not in entry


def test_an_application_may_not_search_and_its_trying_is_an_entry(house: House) -> None:
    actor = house.call("servicedesk").actor

    with pytest.raises(Refused, match="role"):
        search(house.parts, actor, "")

    told = last(house)
    assert (told["kind"], told["outcome"]) == ("command.refused", "refused:role")


# ---- one entry, its detail, and saved queries ----


def test_an_entry_is_laid_out_behind_an_entry(house: House, customers: list[str]) -> None:
    assert len(customers) == 5
    index = ask(house, "kind:profile.disclosed").found.lines[0][0].idx

    shown = entries.show(house.parts, house.operator, index)

    assert shown.body == house.entries()[index]
    assert (last(house)["kind"], last(house)["object"]) == (
        "ledger.viewed",
        {"code": str(index), "type": "entry"},
    )
    with pytest.raises(NotFound):
        entries.show(house.parts, house.operator, 10**9)


def test_a_sealed_detail_is_opened_for_a_reason_that_is_kept(house: House, customers: list[str]) -> None:
    assert len(customers) == 5
    index = ask(house, "kind:profile.disclosed").found.lines[0][0].idx

    opened = entries.open_detail(house.parts, house.operator, index, reason="investigation")

    assert opened["source"] == "127.0.0.1"
    assert (last(house)["kind"], last(house)["reason_code"]) == ("detail.opened", "investigation")


def test_a_detail_whose_months_key_is_destroyed_opens_no_more(house: House, customers: list[str]) -> None:
    assert len(customers) == 5
    index = ask(house, "kind:profile.disclosed").found.lines[0][0].idx
    house.by_hand("keys", "DELETE FROM sealed_key WHERE epoch = 202611")

    with pytest.raises(NotFound):
        entries.open_detail(house.parts, house.operator, index, reason="investigation")


def test_saved_queries_are_for_people(house: House) -> None:
    with pytest.raises(Refused, match="people_only"):
        views.save(house.parts, house.operator, name="mine", query="", shared=False)


# ---- counts, names and files ----


def test_facets_name_what_was_met_most_and_count_all_others(house: House, customers: list[str]) -> None:
    assert len(customers) == 5
    answer = ask(house, "", facets=True)
    by_kind = next(one for one in answer.facets if one.name == "kind")

    told: Any = rendering.as_json(answer)

    assert sum(many for _, many in by_kind.values) + by_kind.other_entries == answer.found.entries
    assert len(by_kind.values) <= SHOWN
    assert "servicedesk" in {one["name"] for one in told["facets"]["actor"]["top"]}


def test_lines_go_into_a_file_with_leaf_and_checkpoint(house: House, customers: list[str]) -> None:
    assert len(customers) == 5
    house.attended()
    with house.parts.stores.audit.read() as conn:
        signed = checkpoints.newest_root(conn)
    assert signed is not None

    lines = rendering.as_csv(ask(house, "kind:profile.disclosed")).splitlines()

    assert lines[0].startswith("index,leaf,checkpoint,at,kind,outcome,actor,actor_type,actor_name")
    assert len(lines) == 5
    assert all(f",{signed[0]},2026-11-2" in one and ",app,servicedesk," in one for one in lines[1:])


# ---- an index made anew ----


def test_an_index_is_made_anew_while_the_house_goes_on(house: House, customers: list[str]) -> None:
    before = ask(house, "", limit=1000)
    was = _everything(house)

    deriving.make_anew(house.parts)
    meanwhile = search(house.parts, house.operator, "kind:ledger.searched")
    house.disclose("servicedesk", customers[1], "name")
    after = ask(house, "", limit=1000)

    assert meanwhile.indexed == 0 < meanwhile.size
    assert after.indexed == after.size == before.size + 3
    assert set(was) <= set(_everything(house))
    assert verify(house.parts.stores, derived=True).ok


def test_a_reindex_that_was_cut_off_goes_on(house: House, customers: list[str]) -> None:
    assert len(customers) == 5
    ask(house, "")
    was = _everything(house)
    deriving.make_anew(house.parts)
    house.parts.stores.audit.transact(deriving._forget_some)
    assert _everything(house) == []

    deriving.catch_up(house.another().parts)

    assert set(was) <= set(_everything(house))
    assert verify(house.parts.stores, derived=True).ok


def _everything(house: House) -> Sequence[tuple[object, ...]]:
    return house.rows_of("audit", "SELECT idx, at_ms, kind, actor, outcome, n FROM line ORDER BY idx")


# ---- row 8: whatever an owner's hand does to the index shows ----


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE line SET actor = 'somebody' WHERE idx = 7", "index_line: 7"),
        ("UPDATE line SET at_ms = at_ms + 1 WHERE idx = 7", "index_line: 7"),
        ("UPDATE line SET manner = manner + 1 WHERE idx = 7", "index_line: 7"),
        ("DELETE FROM line WHERE idx = 7", "index_line: 7"),
        ("UPDATE manner SET outcome = 'failed' WHERE kind = 'subject.admitted'", "index_line"),
        ("DELETE FROM subject_entry WHERE idx = (SELECT max(idx) FROM subject_entry)", "index_subject"),
        (
            "UPDATE subject_entry SET idx = 1 WHERE idx = (SELECT max(idx) FROM subject_entry)",
            "index_subject",
        ),
        ("UPDATE line SET idx = 100000 WHERE idx = 7", "index_beyond: 100000"),
        ("DELETE FROM follower WHERE name = 'index'", "index_beyond: 0"),
        ("UPDATE day_tally SET entries = entries + 1 WHERE manner = 1", "index_count"),
        ("DELETE FROM hour_tally WHERE manner = 1", "index_count"),
    ],
)
def test_an_index_that_says_something_else_than_the_entries_is_named(
    unchecked_house: House, statement: str, fault: str
) -> None:
    house = unchecked_house
    for number in range(3):
        own = house.admit({"name": f"客户{number}号"})
        house.state(own, "case")
        house.disclose("servicedesk", house.known_to("servicedesk", own), "name")
    ask(house, "")
    deriving.catch_up(house.parts)
    assert verify(house.parts.stores, derived=True).ok

    assert house.by_hand("audit", statement)

    report = verify(house.parts.stores, derived=True)
    assert not report.ok
    assert any(str(one).startswith(fault) for one in report.faults), report.faults
    # The entries themselves are as they were, and make the index anew.
    assert verify(house.parts.stores).ok
    deriving.make_anew(house.parts)
    deriving.catch_up(house.parts)
    assert verify(house.parts.stores, derived=True).ok
