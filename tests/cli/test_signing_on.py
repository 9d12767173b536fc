"""vaultctl and single sign-on: the address is shown, the browser comes back here, and the session is kept."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from socket import create_connection
from threading import Thread
from time import monotonic
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import parse_qsl, urlencode, urlsplit
from urllib.request import urlopen

import pytest
from werkzeug.serving import make_server

from tests.house import House
from tests.issuer import Issuer, an_issuer
from tests.staff import Person, admins
from vault.app import create_app

pytestmark = pytest.mark.slow

VAULTCTL = Path(sys.executable).parent / "vaultctl"
PATIENCE_SECONDS = 60


@pytest.fixture
def issuer(sqlite_house: House) -> Iterator[Issuer]:
    with an_issuer(sqlite_house.clock) as running:
        sqlite_house.settings = replace(sqlite_house.settings, single_sign_on=running.settings())
        yield running


@pytest.fixture
def address(sqlite_house: House, issuer: Issuer) -> Iterator[str]:
    """Where the house is served."""
    server = make_server("127.0.0.1", 0, create_app(sqlite_house.parts, sqlite_house.settings), threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Terminal:
    """A running command: the address that it shows, and what becomes of it."""

    process: "subprocess.Popen[str]"
    output: IO[str]

    def asked(self) -> str:
        """Read the address at the provider."""
        return self.output.readline().strip()

    def end(self) -> tuple[int, str]:
        """Wait for its end."""
        said, _ = self.process.communicate(timeout=PATIENCE_SECONDS)
        return self.process.returncode, said


@contextmanager
def vaultctl(folder: Path, *words: str) -> Iterator[Terminal]:
    env = {**os.environ, "VAULT_LOGIN_FILE": str(folder / "login.json")}
    with subprocess.Popen(
        [str(VAULTCTL), *words], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert "browser" in process.stdout.readline()
            yield Terminal(process, process.stdout)
        finally:
            process.kill()


def browse(back: str, brought: dict[str, str]) -> int:
    try:
        with urlopen(f"{back}?{urlencode(brought)}", timeout=PATIENCE_SECONDS) as answer:  # noqa: S310
            return int(answer.status)
    except HTTPError as refusal:
        refusal.close()
        return refusal.code


def back_of(asked: str) -> str:
    return dict(parse_qsl(urlsplit(asked).query))["redirect_uri"]


def add(person: Person, issuer: Issuer, subject: str) -> None:
    begun = person.ask("POST", "/v1/me/sso", {}).get_json()
    brought = issuer.log_in(begun["address"], subject)
    assert person.ask("POST", "/v1/login/sso/finish", brought).status_code == 200


def test_a_person_logs_in_with_a_browser_and_shows_the_second_factor_here(
    sqlite_house: House, issuer: Issuer, address: str, tmp_path: Path
) -> None:
    one, _ = admins(sqlite_house)
    add(one, issuer, "li")
    sqlite_house.clock.at = sqlite_house.clock.at.replace(second=0)
    code = one.code()

    with vaultctl(tmp_path, "login", "--sso", "--address", address, "--code", code) as terminal:
        asked = terminal.asked()
        brought = issuer.log_in(asked, "li")
        # Whoever else knocks there changes nothing, and whoever says nothing keeps nobody waiting.
        silent = [create_connection(("127.0.0.1", urlsplit(back_of(asked)).port or 0)) for _ in range(3)]
        began = monotonic()
        assert browse(back_of(asked), {"code": "x", "state": "another"}) == 404
        assert browse(back_of(asked), {}) == 404
        assert browse(back_of(asked), brought) == 200
        assert terminal.end() == (0, f"Logged in as {one.id}, strength 1.\n")
        # One after the other the three would have been given up after 15 seconds.
        assert monotonic() - began < 15
        for each in silent:
            each.close()

    kept = json.loads((tmp_path / "login.json").read_text())
    assert kept["cookie"].startswith("vaults_")


def test_a_person_joins_and_adds_another_way_in_with_a_browser(
    sqlite_house: House, issuer: Issuer, address: str, tmp_path: Path
) -> None:
    one, _ = admins(sqlite_house)
    made = one.ask("POST", "/v1/people", {"login": "wang.fang"}).get_json()

    with vaultctl(tmp_path, "join", "--sso", "--address", address, "--link", made["link"]) as terminal:
        asked = terminal.asked()
        assert browse(back_of(asked), issuer.log_in(asked, "wang")) == 200
        code, said = terminal.end()
        assert (code, made["person"] in said) == (0, True)
    with vaultctl(tmp_path, "me", "sso") as terminal:
        asked = terminal.asked()
        assert browse(back_of(asked), issuer.log_in(asked, "wang of tomorrow")) == 200
        code, said = terminal.end()
        assert (code, "key_" in said) == (0, True)


def test_a_provider_that_lets_nobody_in_ends_it(
    sqlite_house: House, issuer: Issuer, address: str, tmp_path: Path
) -> None:
    with vaultctl(tmp_path, "login", "--sso", "--address", address) as terminal:
        asked = terminal.asked()
        state = dict(parse_qsl(urlsplit(asked).query))["state"]
        assert browse(back_of(asked), {"error": "access_denied", "state": state}) == 200
        code, said = terminal.end()

    assert (code, said) == (4, "vaultctl: The provider has let nobody in; begin again. (sso)\n")
    assert not (tmp_path / "login.json").exists()


def test_whoever_the_house_does_not_know_by_it_is_told_what_to_do_first(
    sqlite_house: House, issuer: Issuer, address: str, tmp_path: Path
) -> None:
    with vaultctl(tmp_path, "login", "--sso", "--address", address) as terminal:
        asked = terminal.asked()
        assert browse(back_of(asked), issuer.log_in(asked, "nobody here")) == 200
        code, said = terminal.end()

    assert code == 4
    assert "logs in by a password and runs 'vaultctl me sso' once. (sso)" in said


def test_a_port_that_is_taken_is_told(issuer: Issuer, address: str) -> None:
    taken = urlsplit(address).port

    done = subprocess.run(
        [str(VAULTCTL), "login", "--sso", "--address", address, "--port", str(taken)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert f"--port {taken} cannot be listened on" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["login"],
        ["login", "li.wei", "--sso"],
        ["login", "--sso", "--password-file", "password"],
        ["join", "--sso", "--password-file", "password"],
        ["login", "li.wei", "--port", "0"],
        ["join", "--port", "8765"],
    ],
    ids=" ".join,
)
def test_a_log_in_is_by_a_name_and_password_or_by_the_provider(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "password").touch()

    done = subprocess.run(
        [str(VAULTCTL), *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )

    assert done.returncode == 2
    assert "--sso" in done.stderr


def test_a_house_that_gives_no_attempt_is_not_waited_for(tmp_path: Path) -> None:
    def forgetful(
        environ: dict[str, Any], start: Callable[[str, list[tuple[str, str]]], object]
    ) -> list[bytes]:
        # What is left unread, the server would wait for, and the caller for the server.
        environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        start("200 OK", [("Content-Type", "application/json")])
        return [b'{"address": "https://id.example.com/?state=x"}']

    server = make_server("127.0.0.1", 0, forgetful)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        done = subprocess.run(
            [str(VAULTCTL), "login", "--sso", "--address", f"http://127.0.0.1:{server.server_port}"],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

    assert (done.returncode, done.stdout) == (5, "")
    assert "(no_answer)" in done.stderr
