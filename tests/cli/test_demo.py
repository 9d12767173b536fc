"""vaultctl demo: a town that anybody can start, stop and look at, and that keeps what it promised."""

import json
import os
import shlex
import signal
import socket
import stat
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from vault.bootstrap import doors, found_house, now, open_house
from vault.cli import demo as demo_module
from vault.cli import demo_state, demo_view
from vault.cli.demo import demo
from vault.cli.demo_state import Document, Member, claimed, settings_of, standing
from vault.cli.printing import printable
from vault.cli.town import people
from vault.cli.town.moving_in import Stopped
from vault.cli.town.staff import READERS, call
from vault.errors import Invalid, Misconfigured, VaultError
from vault.services import disclose, recount
from vault.services.attest import verify
from vault.services.parts import Parts
from vault.services.policies import candidate, default_folder
from vault.services.showing import Answer
from vault.settings import Mode, Settings

# One worker makes the town, and keeps it for all of these.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("town")]

ROOT = Path(__file__).parents[2]
COUNT = 60
FIELDS = ("name", "mobile", "address", "email", "customer_no", "bank_account")
# An organisation, one who reads from right to left, two with hostile names, and one with a hostile note.
ODD = (1, 5, 8, 33, 48)
ANSWER_SECONDS = 60


def settings() -> Settings:
    raise AssertionError("the demo has settings of its own")


DOORS = replace(doors(), settings=settings)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Document]:
    """A demo house that was made and never served."""
    state = tmp_path_factory.mktemp("demo") / "state"
    own = settings_of({}, state, 8200)
    with claimed(state):
        document = demo_module._make(found_house, open_house, own, customers=COUNT)
    return state, document


@pytest.fixture
def town(made: tuple[Path, Document]) -> Iterator[tuple[Parts, Document]]:
    state, document = made
    with open_house(settings_of({}, state, 8200)) as parts:
        yield parts, document


def seen(parts: Parts, one: Member, *places: int) -> list[Answer | VaultError]:
    ids = [one.subjects[place] for place in places or range(len(one.subjects))]
    return disclose.profiles(parts, call(parts, one.token, one.purpose), ids, FIELDS)


def test_the_document_tells_apps_writers_and_the_same_customers_in_one_order(
    made: tuple[Path, Document],
) -> None:
    state, document = made

    told = json.loads((state / "demo.json").read_text())

    assert {name: one["purpose"] for name, one in told["apps"].items()} == {
        "servicedesk": "P04",
        "dispatch": "P01",
        "complaints": "P05",
        "settlement": "P06",
        "marketing": "P11",
        "statistics": "P15",
    }
    assert told["writers"].keys() == {"intake", "registry", "officer"}
    members = [*told["apps"].values(), *told["writers"].values()]
    assert {len(one["subjects"]) for one in members} == {COUNT}
    ids = [own for one in members for own in one["subjects"]]
    assert len(set(ids)) == len(ids)
    assert len({one["token"] for one in members}) == 9
    assert stat.S_IMODE((state / "demo.json").stat().st_mode) == 0o600
    assert demo_state.load(state) == document


def test_six_apps_see_six_views_of_the_first_customers(town: tuple[Parts, Document]) -> None:
    parts, document = town

    views = {name: seen(parts, one, *people.KNOWN_TO_ALL) for name, one in document.apps.items()}

    assert all(isinstance(answer, Answer) for view in views.values() for answer in view)
    for place in people.KNOWN_TO_ALL:
        shown = [views[name][place] for name in views]
        told = [
            json.dumps([one.fields, one.withheld, one.treatments]) for one in shown if isinstance(one, Answer)
        ]
        assert len(set(told)) == 6


def test_those_who_said_no_are_left_alone(town: tuple[Parts, Document]) -> None:
    parts, document = town
    apps = document.apps

    refused = {
        name: seen(parts, apps[name], place)[0]
        for name, place in (
            ("marketing", people.REFUSED_MARKETING),
            ("servicedesk", people.RESTRICTED),
            ("complaints", people.NO_OPEN_CASE),
        )
    }

    codes = {name: getattr(one, "code", None) for name, one in refused.items()}
    assert codes == {"marketing": "basis", "servicedesk": "restriction", "complaints": "basis"}
    withdrawn = [
        one.index
        for one in people.make(document.seed, COUNT, at=parts.clock())
        if ("P11", "withdrawn") in {(said.purpose, said.state) for said in one.decisions}
    ]
    assert withdrawn
    assert {getattr(one, "code", None) for one in seen(parts, apps["marketing"], *withdrawn)} == {"basis"}


def test_the_town_is_a_house_like_any_other(town: tuple[Parts, Document]) -> None:
    parts, _ = town

    assert verify(parts.stores).ok
    assert list(recount.recount(parts)) == []


def test_no_token_and_no_value_lies_anywhere_but_in_the_document(made: tuple[Path, Document]) -> None:
    state, document = made
    stored = b"".join(
        file.read_bytes() for file in state.rglob("*") if file.is_file() and file.name != "demo.json"
    )

    tokens = [one.token for one in (*document.apps.values(), *document.writers.values())]
    values = [
        str(value)
        for one in people.make(document.seed, COUNT, at=now())
        for name, value in one.fields.items()
        if name in {"name", "mobile", "email", "address", "id_number", "bank_account", "passport"}
        and len(str(value).encode()) >= 8
    ]

    assert [token for token in tokens if token[-43:].encode() in stored] == []
    assert [value for value in values if value.encode() in stored] == []


def test_the_view_shows_every_app_its_refusals_and_their_entries(made: tuple[Path, Document]) -> None:
    state, document = made

    done = CliRunner().invoke(demo, ["--state", str(state)], obj=DOORS, catch_exceptions=False)

    assert done.exit_code == 0
    for post in READERS:
        assert f"{post.name} ({post.purpose})" in done.stdout
    unfolded = done.stdout.replace("\n", "").replace(" ", "")
    assert "withheld:not_granted" in unfolded
    for code in ("basis", "restriction", "not_found", "purpose", "reveal_needs_reason"):
        assert code in done.stdout
    assert done.stdout.count("profile.disclosed") == 6
    assert "value.revealed" in done.stdout
    assert not any(one.token[-20:] in unfolded for one in document.apps.values())


def test_any_customer_can_be_looked_at_and_none_steers_the_terminal(
    town: tuple[Parts, Document], capsys: pytest.CaptureFixture[str]
) -> None:
    parts, document = town

    for number in ODD:
        demo_view.show(parts, document, number=number)

    shown = capsys.readouterr().out
    assert shown.count("as each application sees it") == len(ODD)
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert printable("\x1b[31m[red]\u202e\n").plain == "·[31m[red]··"
    with pytest.raises(Invalid, match=f"limit={COUNT}"):
        demo_view.show(parts, document, number=COUNT)


def test_a_start_that_was_cut_short_is_swept_away_and_one_that_was_made_moves_in(tmp_path: Path) -> None:
    state = tmp_path / "state"
    own = settings_of({}, state, 8200)

    with pytest.raises(RuntimeError), claimed(state), demo_state.staged(own):
        raise RuntimeError
    (state / ".loading").mkdir()
    (state / ".loading" / "data.db").write_text("half")
    swept = standing(state)
    assert (swept, list(state.iterdir())) == (None, [])

    (state / ".loading").mkdir()
    (state / ".loading" / "slots").mkdir()
    document = Document("", {"a": Member("t", "P04", ("cus_1",))}, {}, 1, 20)
    demo_state.save(state / ".loading", document)
    (state / "data.db").write_text("moved before the power went")

    assert standing(state) == document
    assert sorted(one.name for one in state.iterdir()) == ["data.db", "demo.json", "slots"]


def test_loading_ends_when_it_is_asked_to_and_leaves_nothing(tmp_path: Path) -> None:
    state = tmp_path / "state"
    asked = threading.Event()
    asked.set()

    with pytest.raises(Stopped), claimed(state), demo_state.staged(settings_of({}, state, 8200)) as staged:
        load(staged, asked)

    assert list(state.iterdir()) == []


def load(staged: Settings, asked: threading.Event) -> None:
    found_house(staged, candidate(default_folder()))
    with open_house(staged) as parts:
        demo_module._load(parts, COUNT, asked)


def test_a_house_that_is_no_demo_is_left_alone(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    (state / "keys.db").write_text("somebody's")

    with pytest.raises(Misconfigured, match="without a demo town"):
        standing(state)

    assert (state / "keys.db").read_text() == "somebody's"


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"address": 1, "apps": [], "writers": {}}'])
def test_a_document_that_is_not_whole_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "demo.json").write_text(content)

    with pytest.raises(Misconfigured, match=r"demo\.json cannot be read"):
        demo_state.load(tmp_path)


def test_without_a_demo_the_view_says_how_to_make_one(tmp_path: Path) -> None:
    done = CliRunner().invoke(demo, ["--state", str(tmp_path)], obj=DOORS)

    assert isinstance(done.exception, Misconfigured)
    assert "vaultctl demo up" in str(done.exception)


def test_one_demo_at_a_time_lives_in_a_directory(tmp_path: Path) -> None:
    with claimed(tmp_path), pytest.raises(Misconfigured, match="already"), claimed(tmp_path):
        pass
    with claimed(tmp_path):
        pass


def test_a_demo_is_never_made_in_earnest(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(f'mode = "demo"\nstate_dir = "{tmp_path}"')

    with pytest.raises(Misconfigured, match="production"):
        settings_of({"VAULT_MODE": "production"}, tmp_path, 8200)
    assert settings_of({"VAULT_SETTINGS": str(file)}, tmp_path / "own", 81).state_dir == tmp_path / "own"
    assert settings_of({}, tmp_path, 81).mode is Mode.DEMO


# ---- as it is started ----


@contextmanager
def started(*words: str) -> Iterator[subprocess.Popen[str]]:
    code = "from vault.bootstrap import now, vaultctl; vaultctl()"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("VAULT_")}
    process = subprocess.Popen(
        [sys.executable, "-c", code, "demo", "up", *words],
        cwd=ROOT,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def banner_of(process: subprocess.Popen[str]) -> list[str]:
    """Read what it prints until the last line of it."""
    lines = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if " demo --state " in line:
            break
    return lines


def curled(line: str) -> Any:
    """Do what a curl line says."""
    words = shlex.split(line)
    headers = dict(word.split(": ", 1) for word in words if ": " in word)
    request = urllib.request.Request(words[-1], headers=headers)  # noqa: S310 - the banner's own address
    with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310 - the same
        said = [json.loads(line) for line in answer.read().splitlines()]
        return said if "/feeds/" in words[-1] else said[0]


def ended(process: subprocess.Popen[str], number: int) -> tuple[int, str]:
    process.send_signal(number)
    _, errors = process.communicate(timeout=ANSWER_SECONDS)
    return process.returncode, errors


def test_it_starts_serves_ends_cleanly_and_keeps_what_it_holds(tmp_path: Path) -> None:
    state, port = tmp_path / "state", free_port()
    words = ("--state", str(state), "--port", str(port), "--customers", "20")

    with started(*words) as process:
        lines = banner_of(process)
        told = [curled(line) for line in lines if line.startswith("  curl ")]
        views = [one for one in told if isinstance(one, dict)]
        (feed,) = (one for one in told if isinstance(one, list))
        with started(*words) as second:
            _, refusal = second.communicate(timeout=ANSWER_SECONDS)
        first_end = ended(process, signal.SIGINT)
    document = (state / "demo.json").read_text()
    other = free_port()
    with started("--state", str(state), "--port", str(other)) as process:
        again = banner_of(process)
        shown = curled(next(line for line in again if line.startswith("  curl ")))
        second_end = ended(process, signal.SIGTERM)

    assert len({json.dumps(view["fields"]) for view in views}) == 6
    assert len({view["id"] for view in views}) == 6
    names = {one["id"]: one["fields"]["name"] for one in feed if "id" in one}
    assert names[views[1]["id"]] == views[1]["fields"]["name"]
    assert feed[-1] == {"end": True, "customers": len(names)}
    assert (second.returncode, "already" in refusal) == (2, True)
    assert first_end[0] == second_end[0] == 0
    assert "Traceback" not in first_end[1] + second_end[1]
    assert shown["fields"] == views[0]["fields"]
    assert (state / "demo.json").read_text() == document.replace(f":{port}", f":{other}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_start_that_is_ended_while_it_loads_is_clean_and_begins_anew(tmp_path: Path, number: int) -> None:
    state = tmp_path / "state"
    words = ("--state", str(state), "--port", str(free_port()), "--customers", "6000")

    with started(*words) as process:
        assert process.stderr is not None
        process.stderr.readline()
        code, errors = ended(process, number)

    assert code == (-signal.SIGKILL if number == signal.SIGKILL else 0)
    assert "Traceback" not in errors
    with claimed(state):
        assert standing(state) is None
    assert list(state.iterdir()) == []


def test_a_port_that_is_taken_is_told_before_anything_is_made(tmp_path: Path) -> None:
    with ExitStack() as open_:
        listener = open_.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = str(listener.getsockname()[1])
        process = open_.enter_context(started("--state", str(tmp_path / "state"), "--port", port))
        _, errors = process.communicate(timeout=ANSWER_SECONDS)

    assert process.returncode == 2
    assert f"Port {port} is in use" in errors
    assert list((tmp_path / "state").iterdir()) == []
