"""Of old checkpoints a few are kept, and everything that verifies by them still does."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.house import House
from tests.notary import Notary, a_directory, hand_over, use, wait
from vault.services import attest, exports, thinning
from vault.services.counting import count
from vault.storage import note_files


@pytest.fixture
def notary(house: House) -> Notary:
    return Notary(house)


def sizes(house: House, table: str = "checkpoint") -> list[int]:
    return [int(size) for (size,) in house.rows_of("audit", f"SELECT size FROM {table} ORDER BY size")]


def grow(notary: Notary, hours: int) -> list[int]:
    """Sign three times an hour, handing each over; returns each hour's last."""
    last = []
    for _ in range(hours):
        signed = []
        for _ in range(3):
            signed.append(notary.grow().size)
            assert hand_over(notary.house) == ()
            wait(notary.house, 20 * 60)
        last.append(signed[-1])
    return last


def test_each_hours_last_is_kept_and_all_of_the_last_day(notary: Notary, tmp_path: Path) -> None:
    house = notary.house
    use(house, a_directory(tmp_path / "wall"))
    last = grow(notary, 3)
    before = sizes(house)

    assert thinning.thin(house.parts) == 0
    house.clock.advance(timedelta(hours=26))
    new = [notary.grow().size, notary.grow().size]
    hand_over(house)
    gone = thinning.thin(house.parts)

    assert len(before) == 9
    assert sizes(house) == [*last, *new]
    assert sizes(house, "anchored") == [*last, new[-1]]
    assert gone == 12
    assert thinning.thin(house.parts) == 0
    assert note_files.sizes(tmp_path / "wall") == [*before, new[-1]]
    assert exports.export(house.parts, "operator", tmp_path / "export", uid=0).fits
    assert count(house.parts.stores.audit, house.parts.anchors, at=house.clock()).alarms == {}
    assert attest.verify(house.parts.stores, anchors=house.parts.anchors).faults == ()
