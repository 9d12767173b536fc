"""docs/house.md and the code tell the same: one room, one job, one row, and the way through them."""

import ast
import re
from dataclasses import dataclass
from functools import cache

import pytest

from scripts.house import PAGE, ROOT, rooms, row, use_cases

ROW = re.compile(r"^\| `.*", re.MULTILINE)
ROOMS = rooms(ROOT / "vault")
# One line of a drawn way: how far in it stands, the file, the names in it.
STEP = re.compile(r"^([ │├└─]*)(\S+\.py) +(\w+(?:, \w+)*)  ", re.MULTILINE)


WAYS = [
    block
    for block in re.findall(r"^```\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    if STEP.search(block)
]


@dataclass(frozen=True)
class Step:
    """One line of a way through the house, and the file that it is called from."""

    file: str
    names: tuple[str, ...]
    caller: str | None


def steps(way: str) -> list[Step]:
    found: list[Step] = []
    above: list[str] = []
    for indent, file, names in STEP.findall(way):
        del above[len(indent) // 3 :]
        found.append(Step(file, tuple(names.split(", ")), above[-1] if above else None))
        above.append(file)
    assert len(found) == len(way.splitlines()), "a line that is no step"
    return found


@cache
def source(file: str) -> ast.Module:
    return ast.parse((ROOT / "vault" / file).read_text())


def defined(file: str) -> set[str]:
    nodes = list(ast.walk(source(file)))
    constants = (node.targets[0] for node in nodes if isinstance(node, ast.Assign))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)} | {
        target.id for target in constants if isinstance(target, ast.Name)
    }


def mentioned(file: str) -> set[str]:
    nodes = list(ast.walk(source(file)))
    return {node.id for node in nodes if isinstance(node, ast.Name)} | {
        node.attr for node in nodes if isinstance(node, ast.Attribute)
    }


def test_every_room_has_exactly_one_row_and_every_row_its_room() -> None:
    rows = ROW.findall(PAGE.read_text())

    assert sorted(rows) == sorted(row(name, job) for name, job in ROOMS.items()), "run scripts/house"


def test_a_room_tells_its_job_in_one_sentence() -> None:
    wordless = {name: job for name, job in ROOMS.items() if not re.fullmatch(r"[A-Z].*[.]", job)}

    assert wordless == {}


def test_a_use_case_is_a_room_of_the_services() -> None:
    services = {name.split(".")[1] for name in ROOMS if name.startswith("services.")}

    assert use_cases() < services


def test_the_way_of_a_profile_fetch_goes_from_the_entrance_to_the_answer() -> None:
    files = [step.file for step in steps(WAYS[0])]

    assert (files[0], files[-1]) == ("bootstrap.py", "web/emit.py")
    assert {file.partition("/")[0] for file in files} >= {"web", "services", "custody", "storage", "domain"}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.split()[0])
def test_what_a_way_passes_is_where_the_page_says(way: str) -> None:
    missing = {step.file: set(step.names) - defined(step.file) for step in steps(way)}

    assert {file: names for file, names in missing.items() if names} == {}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.split()[0])
def test_what_a_way_calls_is_named_where_the_page_says_it_is_called(way: str) -> None:
    first, *others = steps(way)

    assert first.caller is None
    assert [step.file for step in others if not set(step.names) & mentioned(step.caller or "")] == []
