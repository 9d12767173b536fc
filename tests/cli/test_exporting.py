"""vaultctl export: a feed comes over HTTP into a file, whole or not at all, and goes on where it broke."""

import csv
import json
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from werkzeug.serving import make_server

from tests.house import House
from tests.rulebook import delivered
from vault.app import create_app
from vault.cli import exporting
from vault.cli.exporting import command
from vault.cli.taking import Taking
from vault.errors import Conflict, Invalid, NotFound, Unavailable
from vault.services.policies import apply_policy

pytestmark = pytest.mark.slow

NAMES = ("王小明", "李小红", "赵小刚", "孙丽", "周芳")
# As a dispatcher sees them.
SHOWN = sorted(name[0] + "*" * (len(name) - 1) for name in NAMES)
# A page of two customers, so that five of them make three pages.
SMALL = delivered.changed("feeds.toml", "page = 500", "page = 2")


@dataclass
class Desk:
    """Somebody at a shell beside a serving house."""

    house: House
    folder: Path
    address: str = ""
    # How many lines of each answer arrive before it breaks off; the last one stands for all after it.
    cuts: list[int] = field(default_factory=list)

    def export(self, name: str, *words: str, feed: str = "F02", code: int = 0) -> Result:
        token = self.folder / "token"
        token.write_text(self.house.app("dispatch").token)
        token.chmod(0o600)
        given = [feed, self.folder / name, "--as", token, "--address", self.address, *words]
        done = CliRunner().invoke(command, [*map(str, given)])
        assert done.exit_code == code, (done.output, done.exception)
        return done

    def lines(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / name).read_text(encoding="utf-8").splitlines()]

    def names(self, name: str) -> list[str]:
        return sorted(one["fields"]["name"] for one in self.lines(name) if "fields" in one)

    def ids(self, name: str) -> list[str]:
        return [one["id"] for one in self.lines(name) if "id" in one]


@pytest.fixture
def desk(sqlite_house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    house = sqlite_house
    put_in_force(house, SMALL)
    for name in NAMES:
        customer = house.admit({"name": name})
        house.state(customer, "order")
        house.assign(customer, "dispatch")
    app = create_app(house.parts, house.settings)
    own = Desk(house, tmp_path)

    def answer(environ: Any, start: Any) -> Any:
        given = app(environ, start)
        if not own.cuts:
            return given
        return cut(given, own.cuts.pop(0) if len(own.cuts) > 1 else own.cuts[0])

    server = make_server("127.0.0.1", 0, answer, threaded=True)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    own.address = f"http://127.0.0.1:{server.server_port}"
    # Nobody here waits for a house to come back.
    monkeypatch.setattr(exporting, "Taking", partial(Taking, wait=lambda _: None))
    yield own
    server.shutdown()
    serving.join()
    server.server_close()
    house.check()


def cut(given: Any, lines: int) -> Iterator[bytes]:
    """Let so many lines through, and half of the next."""
    try:
        whole = b"".join(given).splitlines(keepends=True)
    finally:
        given.close()
    yield b"".join(whole[:lines])
    if lines < len(whole):
        yield whole[lines][: len(whole[lines]) // 2]


def put_in_force(house: House, files: dict[str, str]) -> None:
    base = house.call("intake").policy.digest
    apply_policy(house.parts, house.operator, files=files, base_digest=base, author="test")


def test_a_feed_becomes_a_file_that_only_its_owner_reads(desk: Desk) -> None:
    done = desk.export("out.ndjson")

    assert desk.names("out.ndjson") == SHOWN
    head = desk.lines("out.ndjson")[0]
    assert (head["feed"], head["treatments"]["name"]) == ("F02", "mask")
    assert done.stdout.split()[:2] == ["5", "customers"]
    assert stat.S_IMODE((desk.folder / "out.ndjson").stat().st_mode) == 0o600
    assert {path.name for path in desk.folder.glob("out*")} == {"out.ndjson"}


def test_a_table_has_a_column_for_each_field(desk: Desk) -> None:
    desk.export("out.csv", "--json")

    with (desk.folder / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["name"] for row in rows) == SHOWN
    assert {"id", "name", "address", "error"} <= rows[0].keys()
    assert {row["error"] for row in rows} == {""}


@pytest.mark.parametrize("cuts", [[3, 100], [4, 1, 2, 100], [0, 100], [1, 5, 100]])
def test_a_stream_that_breaks_off_goes_on_and_nobody_comes_twice(desk: Desk, cuts: list[int]) -> None:
    desk.cuts = cuts

    desk.export("out.ndjson")

    assert desk.names("out.ndjson") == SHOWN
    assert len(desk.ids("out.ndjson")) == len(set(desk.ids("out.ndjson"))) == 5
    assert sum("feed" in one for one in desk.lines("out.ndjson")) == 1


def test_a_run_that_was_given_up_goes_on_when_it_is_repeated(desk: Desk) -> None:
    desk.cuts = [5, 1]
    broken = desk.export("out.ndjson", code=1)
    assert isinstance(broken.exception, Unavailable)
    assert not (desk.folder / "out.ndjson").exists()
    waiting = desk.folder / "out.ndjson.part"
    assert stat.S_IMODE(waiting.stat().st_mode) == 0o600
    # Whoever was killed may have left half a line.
    waiting.write_bytes(waiting.read_bytes() + b'{"id": "cus_')

    desk.cuts = []
    entries = len(desk.house.entries())
    desk.export("out.ndjson")

    assert desk.names("out.ndjson") == SHOWN
    assert len(set(desk.ids("out.ndjson"))) == 5
    # What had come before was not asked for again.
    assert len(desk.house.entries()) - entries == 2
    assert not waiting.exists()


def test_a_feed_that_is_shown_otherwise_meanwhile_is_not_mixed(desk: Desk) -> None:
    desk.cuts = [5, 1]
    desk.export("out.ndjson", code=1)
    desk.cuts = []
    # A dispatcher sees tokens for names now.
    roles = SMALL["roles.toml"].replace('mask = ["name"]\ntoken = [', 'token = ["name", ', 1)
    put_in_force(desk.house, {**SMALL, "roles.toml": roles})

    done = desk.export("out.ndjson", code=1)

    assert isinstance(done.exception, Conflict)
    assert done.exception.code == "feed_changed"
    assert not (desk.folder / "out.ndjson").exists()


@pytest.mark.parametrize(
    ("name", "code"),
    [("there.ndjson", "exists"), ("out.txt", "suffix")],
    ids=["it is there", "no form"],
)
def test_a_file_is_neither_overwritten_nor_guessed(desk: Desk, name: str, code: str) -> None:
    (desk.folder / "there.ndjson").write_text("another's")

    done = desk.export(name, code=1)

    assert isinstance(done.exception, Invalid)
    assert done.exception.code == code
    assert (desk.folder / "there.ndjson").read_text() == "another's"


def test_what_waits_of_one_feed_is_not_gone_on_with_by_another(desk: Desk) -> None:
    desk.cuts = [5, 1]
    desk.export("out.ndjson", code=1)
    desk.cuts = []

    done = desk.export("out.ndjson", feed="F03", code=1)

    assert isinstance(done.exception, Invalid)
    assert done.exception.code == "other_feed"


def test_a_feed_that_nobody_may_take_is_refused_as_the_house_says(desk: Desk) -> None:
    assert isinstance(desk.export("out.ndjson", feed="F99", code=1).exception, NotFound)
    assert not (desk.folder / "out.ndjson").exists()


def test_what_others_could_read_is_not_gone_on_with(desk: Desk) -> None:
    part = desk.folder / "out.ndjson.part"
    part.write_text("")
    part.chmod(0o644)

    assert "you alone may read" in str(desk.export("out.ndjson", code=1).exception)


def test_a_finished_part_of_another_feed_is_not_taken_for_this_one(desk: Desk) -> None:
    part = desk.folder / "out.ndjson.part"
    part.write_text('{"feed": "F99"}\n{"end": true}\n')
    part.chmod(0o600)

    assert "other_feed" in str(desk.export("out.ndjson", code=1).exception)
