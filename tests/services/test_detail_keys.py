"""The details of old months are opened by nobody any more, and everything else stays as it was."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.custody.ledgers import meddle
from tests.house import FOUNDED, House
from tests.services.test_prune import write
from vault.domain.grants import token_bytes
from vault.domain.kinds import Kind
from vault.errors import Conflict, HouseLocked
from vault.services import detail_keys, keeping, watch
from vault.services.attest import verify
from vault.services.detail_keys import destroy_due
from vault.services.hold import lift_hold, set_hold
from vault.services.keeping import Said
from vault.services.parts import Parts
from vault.storage import keys

MONTH = 202611
# The delivered policy keeps details for 24 months behind the end of their month.
LAST_MOMENT = datetime(2028, 11, 30, 23, 59, 59, tzinfo=UTC)
DUE = datetime(2028, 12, 1, tzinfo=UTC)


@pytest.fixture
def told(house: House) -> tuple[bytes, int]:
    """The sealed detail of an entry of November 2026."""
    house.admit()
    (entry, *_) = [one for one in house.entries() if "det" in one]
    return token_bytes(str(entry["det"])), int(entry["key_epoch"])


def destroyed(house: House) -> list[dict[str, Any]]:
    return [entry for entry in house.entries() if entry["kind"] == Kind.DETAIL_KEY_DESTROYED]


def test_the_detail_of_an_entry_is_opened_while_the_policy_keeps_it(
    house: House, told: tuple[bytes, int]
) -> None:
    house.stand_until(LAST_MOMENT)

    assert destroy_due(house.parts) == []

    assert told[1] == MONTH
    assert house.another().parts.detail.open(*told)["source"] == "127.0.0.1"


def test_a_month_whose_time_is_over_is_opened_by_nobody_and_the_ledger_stays(
    house: House, told: tuple[bytes, int]
) -> None:
    house.stand_until(DUE)
    size = verify(house.parts.stores).size

    assert destroy_due(house.parts) == [MONTH]

    for worker in (house, house.another()):
        with pytest.raises(Conflict, match="detail_destroyed"):
            worker.parts.detail.open(*told)
    (entry,) = destroyed(house)
    assert entry["object"] == {"type": "detail_key", "code": "202611"}
    assert entry["actor"] == {"id": "retention", "type": "system"}
    assert verify(house.parts.stores).size == size + 1
    sealed = house.rows_of("keys", "SELECT sealed, state FROM sealed_key WHERE epoch = :month", month=MONTH)
    assert [(bytes(one), state) for one, state in sealed] == [(b"", "destroyed")]


def test_a_key_is_destroyed_once(house: House, told: tuple[bytes, int]) -> None:
    assert told
    house.stand_until(DUE)
    destroy_due(house.parts)

    assert destroy_due(house.another().parts) == []
    assert len(destroyed(house)) == 1


def test_no_entry_dated_in_such_a_month_brings_a_key_back(house: House, told: tuple[bytes, int]) -> None:
    assert told
    house.stand_until(DUE)
    destroy_due(house.parts)

    with pytest.raises(Conflict, match="detail_destroyed"):
        house.another().parts.detail.seal(int(FOUNDED.timestamp() * 1000), {"source": "192.0.2.1"})

    assert house.parts.detail.seal(int(DUE.timestamp() * 1000), {"source": "192.0.2.1"})[1] == 202812


def test_a_worker_that_remembers_a_key_lets_go_of_it_at_its_next_look(
    house: House, told: tuple[bytes, int]
) -> None:
    running = house.another()
    running.parts.detail.seal(int(FOUNDED.timestamp() * 1000), {})
    house.stand_until(DUE)
    destroy_due(house.parts)
    assert running.parts.detail.open(*told)

    assert watch.look(running.parts) is None

    with pytest.raises(Conflict, match="detail_destroyed"):
        running.parts.detail.open(*told)
    # What a look may take to come; the page for operators says half a minute.
    assert watch.EVERY_SECONDS <= 30


def test_a_hold_over_the_month_keeps_its_key_until_it_is_lifted(
    house: House, told: tuple[bytes, int]
) -> None:
    operator = house.operator
    day = date(2026, 11, 30)
    hold = set_hold(house.parts, operator, first=day, last=day, reason="CASE-9")
    house.stand_until(DUE)

    assert destroy_due(house.parts) == []
    assert house.parts.detail.open(*told)

    lift_hold(house.parts, operator, hold.id, reason="CASE-9")
    assert destroy_due(house.parts) == [MONTH]


def test_a_hold_over_other_months_keeps_no_key(house: House, told: tuple[bytes, int]) -> None:
    assert told
    for first, last in ((date(2020, 1, 1), date(2026, 10, 31)), (date(2026, 12, 1), date(2030, 1, 1))):
        set_hold(house.parts, house.operator, first=first, last=last, reason="CASE-9")
    house.stand_until(DUE)

    assert destroy_due(house.parts) == [MONTH]


def test_no_key_is_destroyed_by_a_ledger_that_does_not_prove_itself(unchecked_house: House) -> None:
    house = unchecked_house
    house.admit()
    house.stand_until(DUE)
    meddle(house.parts.stores.audit, "DELETE FROM entry WHERE idx = 3")

    with pytest.raises(Conflict, match="ledger_broken"):
        destroy_due(house.parts)

    with house.parts.stores.keys.read() as conn:
        assert MONTH in keys.epochs(conn, house.parts.tenant, 5, state="active")


def test_a_crash_between_the_entry_and_the_key_is_made_good_by_the_next_run(
    house: House, told: tuple[bytes, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    house.stand_until(DUE)
    with monkeypatch.context() as patched:
        patched.setattr(keys, "destroy_sealed_key", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            destroy_due(house.parts)
    assert house.another().parts.detail.open(*told)

    assert destroy_due(house.another().parts) == [MONTH]
    assert [one["object"]["code"] for one in destroyed(house)] == ["202611", "202611"]


def test_later_months_go_when_their_time_comes(house: House) -> None:
    house.admit()
    house.clock.advance(timedelta(days=31))
    house.parts.detail.seal(int(house.clock().timestamp() * 1000), {})
    house.stand_until(datetime(2029, 1, 1, tzinfo=UTC))

    assert destroy_due(house.parts) == [202611, 202612]


FAR = datetime(2099, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("by", ["looked", "written", "neither"])
def test_a_clock_that_runs_ahead_ends_no_key_and_leaves_the_house_well_when_it_is_right_again(
    house: House, told: tuple[bytes, int], by: str
) -> None:
    assert watch.look(house.parts) is None
    house.clock.at = FAR

    if by == "looked":
        watch.look(house.another().parts)
    if by == "written":
        write(house.another(), 1)
    for _ in range(2):
        with pytest.raises(Conflict, match="clock_ahead"):
            destroy_due(house.another().parts)

    house.clock.at = FOUNDED + timedelta(minutes=1)
    assert house.another().parts.detail.open(*told)
    if by == "neither":
        assert watch.look(house.another().parts) is None
    house.stand_until(FOUNDED + timedelta(minutes=1))
    assert watch.look(house.another().parts) is None


def test_the_keys_of_this_month_and_of_the_two_before_it_stay_whatever_the_policy_says(
    house: House, told: tuple[bytes, int]
) -> None:
    house.clock.at = DUE
    with pytest.raises(Conflict, match="clock_ahead"):
        destroy_due(house.parts)
    house.stand_until(DUE)
    house.parts.detail.seal(int(DUE.timestamp() * 1000), {})

    assert destroy_due(house.parts) == [MONTH]
    assert told
    assert house.parts.detail.seal(int(DUE.timestamp() * 1000), {})[1] == 202812


def test_nothing_ends_while_the_house_is_locked(house: House, told: tuple[bytes, int]) -> None:
    house.stand_until(DUE)
    house.parts.lock.reason = "audit_behind"

    with pytest.raises(HouseLocked, match="audit_behind"):
        destroy_due(house.parts)

    house.parts.lock.reason = None
    assert house.parts.detail.open(*told)


def test_a_hold_that_becomes_durable_while_the_ledger_is_read_keeps_the_key(
    house: House, told: tuple[bytes, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    house.stand_until(DUE)
    other = house.another()

    def slow(parts: Parts) -> Said:
        said = keeping.read_all(parts)
        set_hold(other.parts, other.operator, first=FOUNDED.date(), last=FOUNDED.date(), reason="CASE-9")
        return said

    monkeypatch.setattr(detail_keys, "read_all", slow)

    assert destroy_due(house.parts) == []
    assert house.another().parts.detail.open(*told)
    last = [(one["kind"], one["outcome"], one["object"]) for one in house.entries()[-2:]]
    about = {"type": "detail_key", "code": "202611"}
    assert last == [
        ("detail_key.destroyed", "recorded", about),
        ("ending.stopped", "refused:legal_hold", about),
    ]
