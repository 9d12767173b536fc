"""docs/house.md and the code tell the same: one room, one job, one row."""

import re

import pytest

from scripts.house import PAGE, ROOT, rooms, row

ROW = re.compile(r"^\| `.*", re.MULTILINE)
ROOMS = rooms(ROOT / "vault")


def test_every_room_has_exactly_one_row_and_every_row_its_room() -> None:
    rows = ROW.findall(PAGE.read_text())

    assert sorted(rows) == sorted(row(name, job) for name, job in ROOMS.items()), "run scripts/house"


@pytest.mark.parametrize("name", ROOMS)
def test_a_room_tells_its_job_in_one_sentence(name: str) -> None:
    job = ROOMS[name]

    assert re.fullmatch(r"[A-Z].*[.]", job), f"vault/{name} begins with {job!r}"
