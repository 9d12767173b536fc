"""The details of old months are opened by nobody any more, and everything else stays as it was."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.custody.ledgers import meddle
from tests.house import FOUNDED, House
from vault.domain.grants import token_bytes
from vault.domain.kinds import Kind
from vault.errors import Conflict
from vault.services import watch
from vault.services.attest import verify
from vault.services.detail_keys import destroy_due
from vault.services.hold import lift_hold, set_hold
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
    house.clock.at = LAST_MOMENT

    assert destroy_due(house.parts) == []

    assert told[1] == MONTH
    assert house.another().parts.detail.open(*told)["source"] == "127.0.0.1"


def test_a_month_whose_time_is_over_is_opened_by_nobody_and_the_ledger_stays(
    house: House, told: tuple[bytes, int]
) -> None:
    size = verify(house.parts.stores).size
    house.clock.at = DUE

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
    house.clock.at = DUE
    destroy_due(house.parts)

    assert destroy_due(house.another().parts) == []
    assert len(destroyed(house)) == 1


def test_no_entry_dated_in_such_a_month_brings_a_key_back(house: House, told: tuple[bytes, int]) -> None:
    assert told
    house.clock.at = DUE
    destroy_due(house.parts)

    with pytest.raises(Conflict, match="detail_destroyed"):
        house.another().parts.detail.seal(int(FOUNDED.timestamp() * 1000), {"source": "192.0.2.1"})

    assert house.parts.detail.seal(int(DUE.timestamp() * 1000), {"source": "192.0.2.1"})[1] == 202812


def test_a_worker_that_remembers_a_key_lets_go_of_it_at_its_next_look(
    house: House, told: tuple[bytes, int]
) -> None:
    running = house.another()
    running.parts.detail.seal(int(FOUNDED.timestamp() * 1000), {})
    house.clock.at = DUE
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
    house.clock.at = DUE

    assert destroy_due(house.parts) == []
    assert house.parts.detail.open(*told)

    lift_hold(house.parts, operator, hold.id, reason="CASE-9")
    assert destroy_due(house.parts) == [MONTH]


def test_a_hold_over_other_months_keeps_no_key(house: House, told: tuple[bytes, int]) -> None:
    assert told
    for first, last in ((date(2020, 1, 1), date(2026, 10, 31)), (date(2026, 12, 1), date(2030, 1, 1))):
        set_hold(house.parts, house.operator, first=first, last=last, reason="CASE-9")
    house.clock.at = DUE

    assert destroy_due(house.parts) == [MONTH]


def test_no_key_is_destroyed_by_a_ledger_that_does_not_prove_itself(unchecked_house: House) -> None:
    house = unchecked_house
    house.admit()
    house.clock.at = DUE
    meddle(house.parts.stores.audit, "DELETE FROM entry WHERE idx = 3")

    with pytest.raises(Conflict, match="ledger_broken"):
        destroy_due(house.parts)

    with house.parts.stores.keys.read() as conn:
        assert MONTH in keys.epochs(conn, house.parts.tenant, 5, state="active")


def test_a_crash_between_the_entry_and_the_key_is_made_good_by_the_next_run(
    house: House, told: tuple[bytes, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    house.clock.at = DUE
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
    house.clock.at = datetime(2029, 1, 1, tzinfo=UTC)

    assert destroy_due(house.parts) == [202611, 202612]
