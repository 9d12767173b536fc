"""Signals: what is seen in the ledger becomes one alert and one case, whatever ends in between."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.custody.ledgers import meddle
from tests.domain.test_spotting import sight
from tests.house import House
from vault.domain.grants import token_text
from vault.domain.kinds import Kind
from vault.domain.spotting import Spotter
from vault.domain.terms import PersonId, SubjectId
from vault.errors import LedgerUnavailable
from vault.services import disclose, filing, policies, signals, watch, watching
from vault.services.policies import apply_policy
from vault.storage import alerts, casefiles, derived, marks, tokens
from vault.storage.casefiles import CaseRow
from vault.storage.marks import RelationRow

RULES = """
[[signal]]
id = "read"
title = "Anybody reads"
kind = "query"
severity = "high"
score = 10
ignore = "10s"
[signal.where]
kinds = ["profile.disclosed"]

[[signal]]
id = "watched"
title = "Somebody reads of a watched customer"
kind = "query"
severity = "critical"
score = 100
ignore = "10s"
[signal.where]
kinds = ["profile.disclosed"]
watched = true
ticket = false
"""


def adopt(house: House, rules: str) -> None:
    """Put other signals in force."""
    held = policies.version_files(house.parts)
    base = policies.plan(house.parts, held).base
    assert base is not None
    files = {**held, "signals.toml": rules}
    apply_policy(house.parts, house.operator, files=files, base_digest=base, author="test")


def a_reader(house: House) -> str:
    """A customer whom settlement may look at, by its own id."""
    customer = house.admit()
    house.state(customer, "order")
    return house.known_to("settlement", customer)


def cases(house: House) -> dict[str, CaseRow]:
    with house.parts.stores.audit.read() as conn:
        rows = casefiles.listing(conn, states=[filing.OPEN, filing.ASSIGNED, filing.DECIDED], limit=100)
    return {row.who: row for row in rows}


def told(house: House, kind: Kind) -> list[dict[str, object]]:
    return [entry for entry in house.entries() if entry["kind"] == kind]


@pytest.fixture
def watched(house: House) -> House:
    adopt(house, RULES)
    signals.catch_up(house.parts)
    return house


def test_what_is_read_is_an_alert_within_one_round_and_belongs_to_a_case(watched: House) -> None:
    own = a_reader(watched)
    watched.disclose("settlement", own, "name")

    signals.catch_up(watched.parts)

    (case,) = cases(watched).values()
    assert (case.who, case.alerts, case.state) == (token_text(watched.app("settlement").id), 1, filing.OPEN)
    assert len(told(watched, Kind.CASE_OPENED)) == 1
    (raised,) = told(watched, Kind.ALERT_RAISED)
    assert (raised["reason_code"], raised["n"]) == ("high", 1)


def test_low_scores_of_one_gather_in_one_case(watched: House) -> None:
    own = a_reader(watched)

    for _ in range(3):
        watched.disclose("settlement", own, "name")
        signals.catch_up(watched.parts)
        watched.clock.advance(timedelta(seconds=20))

    (case,) = cases(watched).values()
    assert case.alerts == 3
    assert 29_000 < case.heat <= 30_000


def test_a_case_cools_down(watched: House) -> None:
    own = a_reader(watched)
    watched.disclose("settlement", own, "name")
    signals.catch_up(watched.parts)
    (case,) = cases(watched).values()
    week = timedelta(days=7)

    assert filing.heat_at(case, case.heat_ms + int(week.total_seconds() * 1000), week) == pytest.approx(5.0)


def test_a_page_that_is_taken_twice_raises_nothing_more(watched: House) -> None:
    own = a_reader(watched)
    watched.disclose("settlement", own, "name")
    signals.catch_up(watched.parts)
    before = len(told(watched, Kind.ALERT_RAISED))

    with watched.parts.stores.audit.write() as conn:
        derived.rewind(conn, signals.FOLLOWER)
        alerts.forget_all(conn)
    signals.catch_up(watched.parts)

    assert len(told(watched, Kind.ALERT_RAISED)) == before == 1


def test_a_rebuild_raises_nothing_more(watched: House) -> None:
    own = a_reader(watched)
    watched.disclose("settlement", own, "name")
    signals.catch_up(watched.parts)

    assert signals.rebuild(watched.parts) > 10

    assert len(told(watched, Kind.ALERT_RAISED)) == 1


def test_another_process_goes_on_with_what_was_remembered(watched: House) -> None:
    own = a_reader(watched)
    watched.disclose("settlement", own, "name")
    signals.catch_up(watched.parts)
    watched.disclose("settlement", own, "name")

    # Ten seconds have not passed: whoever forgot would tell of it again.
    signals.catch_up(watched.another().parts)

    assert len(told(watched, Kind.ALERT_RAISED)) == 1


def test_an_alert_that_was_found_and_not_told_is_told_by_the_next_round(watched: House) -> None:
    own = a_reader(watched)
    watched.disclose("settlement", own, "name")
    signals.catch_up(watched.parts)
    watched.by_hand("audit", "UPDATE alert SET told = false")

    signals.catch_up(watched.another().parts)

    assert len(told(watched, Kind.ALERT_RAISED)) == len(told(watched, Kind.CASE_OPENED)) == 1
    assert watched.rows_of("audit", "SELECT count(*) FROM alert WHERE told = false") == [(0,)]


def test_cases_are_made_anew_from_their_entries(watched: House) -> None:
    own = a_reader(watched)
    watched.disclose("settlement", own, "name")
    signals.catch_up(watched.parts)
    before = cases(watched)

    with watched.parts.stores.audit.write() as conn:
        casefiles.clear(conn)
        derived.rewind(conn, filing.CASES)
    filing.catch_up(watched.parts, timedelta(days=7))

    assert cases(watched) == before


def test_a_watched_customer_is_recognised_by_the_token_of_the_month(watched: House) -> None:
    own = a_reader(watched)
    officer = watched.known_to("officer", own, by="settlement")
    watching.watch(watched.parts, watched.call("officer"), officer)
    watched.clock.advance(timedelta(days=20))

    watched.disclose("settlement", own, "name")
    signals.catch_up(watched.parts)

    raised = [str(entry["object"]) for entry in told(watched, Kind.ALERT_RAISED)]
    assert any("watched:100" in one for one in raised)


def test_who_names_a_case_or_is_not_watched_any_more_is_not_told_of(watched: House) -> None:
    own = a_reader(watched)
    officer = watched.known_to("officer", own, by="settlement")
    watching.watch(watched.parts, watched.call("officer"), officer)
    watched.disclose("settlement", own, "name", ticket="case-1")
    watching.unwatch(watched.parts, watched.call("officer"), officer)
    watched.clock.advance(timedelta(seconds=20))
    watched.disclose("settlement", own, "name")

    signals.catch_up(watched.parts)

    raised = [str(entry["object"]) for entry in told(watched, Kind.ALERT_RAISED)]
    assert not any("watched" in one for one in raised)
    assert [len(told(watched, kind)) for kind in (Kind.SUBJECT_WATCHED, Kind.SUBJECT_UNWATCHED)] == [1, 1]


def test_to_watch_twice_is_told_once(watched: House) -> None:
    officer = watched.known_to("officer", watched.admit())

    for _ in range(2):
        watching.watch(watched.parts, watched.call("officer"), officer)

    assert len(told(watched, Kind.SUBJECT_WATCHED)) == 1


def test_a_dry_run_says_what_would_have_been_and_changes_nothing(watched: House) -> None:
    own = a_reader(watched)
    watched.disclose("settlement", own, "name")
    files = {**policies.version_files(watched.parts), "signals.toml": RULES.replace('"read"', '"seen"')}
    size = len(watched.entries())
    day = timedelta(days=1)

    found = list(
        signals.try_rules(watched.parts, files, begin=watched.clock() - day, end=watched.clock() + day)
    )
    none = list(
        signals.try_rules(watched.parts, files, begin=watched.clock() + day, end=watched.clock() + 2 * day)
    )

    assert [hit.rule.id for hit in found] == ["seen"]
    assert none == []
    assert len(watched.entries()) == size
    assert cases(watched) == {}


def test_a_changed_rule_is_a_version_of_the_policy_and_begins_anew(watched: House) -> None:
    own = a_reader(watched)
    watched.disclose("settlement", own, "name")
    signals.catch_up(watched.parts)

    adopt(watched, RULES.replace("score = 10\n", "score = 20\n"))
    signals.catch_up(watched.parts)

    remembered = watched.rows_of("audit", "SELECT DISTINCT rule FROM signal_memory")
    assert len(told(watched, Kind.POLICY_APPLIED)) == 3
    assert [rule for (rule,) in remembered if rule.startswith("read:")] == []


# ---- rows 18 and 19 ----


def test_a_clock_that_was_set_back_is_an_alert_as_soon_as_the_house_opens_again(house: House) -> None:
    house.admit()
    signals.catch_up(house.parts)
    hour = timedelta(hours=1)

    house.clock.advance(-hour)
    assert watch.look(house.parts) == "clock_behind"
    house.clock.advance(hour)
    assert watch.look(house.parts) is None
    house.parts.ledger.settle([])
    signals.catch_up(house.parts)

    raised = [str(entry["object"]) for entry in told(house, Kind.ALERT_RAISED)]
    assert [one for one in raised if "value_rejected" in one]


def test_a_changed_rule_is_an_entry_that_says_who_changed_it_and_a_signal(house: House) -> None:
    signals.catch_up(house.parts)
    held = policies.version_files(house.parts)["signals.toml"]

    adopt(house, held.replace("score = 40\n", "score = 1\n"))
    signals.catch_up(house.parts)

    entry = told(house, Kind.POLICY_APPLIED)[-1]
    raised = [str(one["object"]) for one in told(house, Kind.ALERT_RAISED)]
    assert "operator:" in str(entry["actor"])
    assert [one for one in raised if "rules_changed" in one]


def test_a_row_that_is_missing_is_not_stepped_over(unchecked_house: House) -> None:
    house = unchecked_house
    adopt(house, RULES)
    own = a_reader(house)
    signals.catch_up(house.parts)
    for _ in range(3):
        house.disclose("settlement", own, "name")
    with house.parts.stores.audit.read() as conn:
        before = derived.position(conn, signals.FOLLOWER)
    meddle(house.parts.stores.audit, "DELETE FROM entry WHERE idx = :idx", idx=before + 1)

    with pytest.raises(LedgerUnavailable) as told:
        signals.catch_up(house.parts)

    assert told.value.facts["reason"] == "gap"
    with house.parts.stores.audit.read() as conn:
        assert derived.position(conn, signals.FOLLOWER) == before


NETWORKS = """
[[signal]]
id = "network"
title = "From somewhere else"
kind = "new_term"
severity = "low"
score = 3
term = "network"
window = "90d"
learn = "1m"
ignore = "10s"
[signal.where]
kinds = ["profile.disclosed"]
actors = ["app"]
"""


def test_a_network_of_which_nobody_came_before_is_told_of_and_kept_as_a_hash(house: House) -> None:
    adopt(house, NETWORKS)
    own = a_reader(house)
    for source in ("192.0.2.7", "192.0.2.8", "198.51.100.9"):
        call = replace(house.call("settlement"), source=source)
        assert disclose.profiles(house.parts, call, [own], ["name"])
        signals.catch_up(house.parts)
        house.clock.advance(timedelta(minutes=2))

    raised = [str(entry["object"]) for entry in told(house, Kind.ALERT_RAISED)]
    assert len([one for one in raised if "network:3" in one]) == 1
    ((memory,),) = house.rows_of("audit", "SELECT memory FROM signal_memory")
    assert "192.0.2" not in memory


RELATED = """
[[signal]]
id = "near"
title = "Somebody meets who is near"
kind = "query"
severity = "high"
score = 20
ignore = "10s"
[signal.where]
kinds = ["profile.disclosed"]
related = true
"""


def test_a_relation_that_was_stated_just_now_is_looked_at_with_the_next_entry(house: House) -> None:
    adopt(house, RELATED)
    customer = house.admit()
    house.state(customer, "order")
    own = house.known_to("settlement", customer)
    raised = []
    for is_stated in (False, True):
        if is_stated:
            subject = SubjectId(house.subject_of(customer))
            with house.parts.stores.data.write() as conn:
                held = tokens.tokens_of(conn, house.parts.tenant, [subject])[subject][0]
                person = PersonId(house.app("settlement").id)
                row = RelationRow(house.parts.tenant, person, held.index_id, held.epoch, held.token)
                marks.relate(conn, house.parts.tenant, person, [row])
        house.disclose("settlement", own, "name")
        signals.catch_up(house.parts)
        raised.append(len(told(house, Kind.ALERT_RAISED)))

    assert raised == [0, 1]


@pytest.mark.parametrize(
    ("kinds", "raised"),
    [
        (["subject.unwatched", "profile.disclosed"], ["unwatched", "unwatched_then_met"]),
        (["access.delayed"], ["entry_delayed"]),
        (["identity.disclosed"], ["staff_named"]),
    ],
)
def test_the_delivered_rules_look_at_whoever_could_hide_what_was_seen(
    sqlite_house: House, kinds: list[str], raised: list[str]
) -> None:
    rules = Spotter(sqlite_house.call("intake").policy.signals)

    found = [hit.rule.id for idx, kind in enumerate(kinds) for hit in rules.look(sight(idx, kind=kind))]

    assert found == raised


def test_a_house_without_rules_watches_nothing(house: House) -> None:
    adopt(house, "")

    assert signals.catch_up(house.parts) == 0


def test_a_ledger_that_takes_nothing_costs_no_alert(watched: House) -> None:
    own = a_reader(watched)
    watched.disclose("settlement", own, "name")
    watched.parts.ledger.close()

    with pytest.raises(LedgerUnavailable):
        signals.catch_up(watched.parts)
    signals.catch_up(watched.another().parts)

    assert len(told(watched, Kind.ALERT_RAISED)) == 1
