"""vaultctl as a person: an admin's whole day at a shell, through the API, without touching a table."""

import json
import ssl
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, NoReturn

import pyotp
import pytest
from click.testing import CliRunner, Result
from joserfc import jwk
from werkzeug.serving import make_server

from tests.house import House
from tests.staff import PASSWORD
from vault.app import create_app
from vault.cli.main import AnchorDoors, Doors, NotaryDoors, SafeDoors, cli
from vault.domain.terms import id_text
from vault.services import policies
from vault.services.parts import Parts

pytestmark = pytest.mark.slow

KEY = jwk.OKPKey.generate_key("Ed25519")
# The vault knows a certificate by its SHA-256, and reads nothing of it.
DER = b"\x30\x82" + bytes(200)


@dataclass
class Shell:
    """One person's shell on a machine that serves a house."""

    house: House
    folder: Path
    address: str
    login: str
    secret: str = ""

    def run(self, *words: str, code: int = 0, typed: str | None = None) -> Result:
        """Run a command of vaultctl as this person."""
        env = {"VAULT_LOGIN_FILE": str(self.folder / f"{self.login}.json")}
        doors = Doors(
            lambda: self.house.settings,
            lambda _: self._opened(),
            _never,
            self.house.clock,
            NotaryDoors(_never, _never, _never, _never),
            AnchorDoors(_never, _never),
            SafeDoors(_never, _never),
            _never,
        )
        done = CliRunner().invoke(cli, words, obj=doors, env=env, input=typed)
        assert done.exit_code == code, (words, done.output, done.stderr, done.exception)
        return done

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Ask for what has no command of its own, in this person's session."""
        from vault.cli import speaking  # noqa: PLC0415 - the session of this person alone

        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("VAULT_LOGIN_FILE", str(self.folder / f"{self.login}.json"))
            return speaking.ask(method, path, body)

    def json(self, *words: str) -> Any:
        """Run a command, and read what it prints."""
        return json.loads(self.run(*words).stdout)

    def join(self, link: str) -> None:
        """Take an invitation and log in."""
        self.run("join", "--address", self.address, "--link", link, "--password-file", str(self.password()))
        self.log_in()

    def log_in(self, code: int = 0) -> Result:
        """Log in, with a code where there is a generator."""
        words = ["login", self.login, "--address", self.address, "--password-file", str(self.password())]
        if self.secret:
            self.house.clock.advance(timedelta(seconds=30))
            words += ["--code", pyotp.TOTP(self.secret).at(self.house.clock())]
        return self.run(*words, code=code)

    def add_generator(self) -> None:
        """Set up a generator at the terminal: the code is computed from the address that is shown."""
        begun = self.house.parts.logins.new_totp()
        assert begun
        shown = _Answering(self)
        shown.add()
        self.log_in()

    def password(self) -> Path:
        """The file with the password."""
        path = self.folder / "password"
        path.write_text(PASSWORD)
        return path

    @contextmanager
    def _opened(self) -> Iterator[Parts]:
        yield self.house.parts


def _never(*_: object) -> NoReturn:
    raise AssertionError


class _Answering:
    """Whoever scans what 'me generator' prints, and types what the phone shows."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell

    def add(self) -> None:
        """Add the generator through the same calls, since a terminal in a test cannot read what it shows."""
        begun = self.shell.ask("POST", "/v1/me/generators")
        code = pyotp.TOTP(begun["secret"]).at(self.shell.house.clock())
        sent = {"secret": begun["secret"], "code": code, "name": "phone"}
        self.shell.ask("POST", "/v1/me/generators/confirm", sent)
        self.shell.secret = begun["secret"]


@pytest.fixture
def served(sqlite_house: House) -> Iterator[tuple[House, str]]:
    house = sqlite_house
    customer = house.admit()
    house.state(customer, "case")
    server = make_server("127.0.0.1", 0, create_app(house.parts, house.settings), threaded=True)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    yield house, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    serving.join()
    server.server_close()
    house.check()


@pytest.fixture
def admins(served: tuple[House, str], tmp_path: Path) -> tuple[Shell, Shell]:
    house, address = served
    one, other = (Shell(house, tmp_path, address, login) for login in ("li.wei", "chen.jing"))
    links = one.json("person", "found", "li.wei", "chen.jing", "--json")["links"]
    for shell, link in zip((one, other), links, strict=True):
        shell.join(link["link"])
        shell.add_generator()
    return one, other


def test_a_lost_first_link_is_printed_anew_for_who_has_not_joined(
    served: tuple[House, str], tmp_path: Path
) -> None:
    house, address = served
    one = Shell(house, tmp_path, address, "li.wei")
    first = one.json("person", "found", "li.wei", "chen.jing", "--json")["links"]
    one.join(first[0]["link"])

    again = one.json("person", "found", "li.wei", "chen.jing", "--json")["links"]

    assert [each["login"] for each in first] == ["li.wei", "chen.jing"]
    assert [(each["login"], each["person"]) for each in again] == [("chen.jing", first[1]["person"])]
    assert again[0]["link"] != first[1]["link"]


def test_who_governs_by_a_password_alone_is_told_how_to_get_a_second_factor(
    served: tuple[House, str], tmp_path: Path
) -> None:
    house, address = served
    one = Shell(house, tmp_path, address, "li.wei")
    one.join(one.json("person", "found", "li.wei", "chen.jing", "--json")["links"][0]["link"])

    refused = one.run("role", "list", code=4).stderr
    one.add_generator()

    assert "'vaultctl me generator' sets one up" in refused
    assert refused.endswith("(governing_needs_second_factor)\n")
    assert "administrator" in one.run("role", "list").stdout


def test_an_admins_whole_day_at_a_shell(admins: tuple[Shell, Shell], tmp_path: Path) -> None:
    one, other = admins
    house = one.house

    invited = one.json("person", "invite", "zhao.min", "--json")
    clerk = Shell(house, tmp_path, one.address, "zhao.min")
    clerk.join(invited["link"])
    given = one.json("grant", "give", invited["person"], "service_desk", "--purposes", "P04", "--json")
    assert (
        "Give the person zhao.min the role service_desk"
        in other.run("approval", "show", given["waits"]).stdout
    )
    assert other.run("approval", "approve", given["waits"], "--yes").stdout.endswith("executed\n")
    assert clerk.json("me", "show")["grants"][0]["role"] == "service_desk"

    folder = tmp_path / "candidate"
    folder.mkdir()
    for name, text in policies.version_files(house.parts).items():
        (folder / name).write_text(
            text.replace('"salutation", "district", "language"', '"district", "language"', 1)
        )
    planned = one.json("proposal", "plan", str(folder))
    assert any("salutation: no longer" in line for line in planned["says"])
    simulated = one.json("proposal", "simulate", str(folder), "--days", "7")
    assert simulated["entries"] > 0
    applied = one.json("proposal", "apply", str(folder), "--base", planned["base"], "--json")
    other.run("approval", "approve", applied["waits"], typed="y\n")
    digest = policies.versions(house.parts)[-1].digest.hex()
    back = one.json("proposal", "rollback", "1", "--base", digest, "--json")
    other.run("approval", "approve", back["waits"], "--yes")
    assert [row.number for row in policies.versions(house.parts)] == [1, 2, 3]

    campaign = other.json("campaign", "open", id_text("per", house_person(house, "li.wei")), "--days", "14")
    for held in one.json("campaign", "list", "--json")["items"]:
        if held["asked"] == "the person li.wei":
            one.run("campaign", "decide", campaign["id"], held["grant"], "keep")
    assert "keep" in one.run("campaign", "evidence", campaign["id"]).stdout

    one.run("grant", "revoke", given["id"])
    one.run("person", "end", invited["person"])
    assert [each["state"] for each in one.json("person", "list", "--json")["items"]] == [
        "live",
        "live",
        "ended",
    ]
    one.run("logout")
    assert "nobody is logged in" in one.run("person", "list", code=4).stderr.lower()


def house_person(house: House, login: str) -> bytes:
    """The id of a person."""
    from vault.services import people  # noqa: PLC0415 - asked once

    return next(one.person.person for one in people.people(house.parts) if one.person.login == login)


def test_the_session_of_a_shell_is_readable_by_its_owner_alone(admins: tuple[Shell, Shell]) -> None:
    one, _ = admins

    kept = (one.folder / "li.wei.json").stat()

    assert stat.S_IMODE(kept.st_mode) == 0o600


def test_a_role_is_changed_from_a_file_and_retired(admins: tuple[Shell, Shell], tmp_path: Path) -> None:
    one, other = admins
    wanted = tmp_path / "teller.json"
    wanted.write_text(
        json.dumps({"title": "Teller", "clearance": 2, "purposes": ["P06"], "read": {"plain": ["uscc"]}})
    )

    made = one.json("role", "set", "teller", str(wanted), "--json")
    other.run("approval", "approve", made["waits"], "--yes")
    listed = one.run("role", "list").stdout
    gone = one.json("role", "retire", "teller", "--json")
    other.run("approval", "approve", gone["waits"], "--yes")

    assert "teller" in listed
    assert "teller" not in one.run("role", "list").stdout


def test_nobody_is_asked_to_approve_what_is_an_own_request(admins: tuple[Shell, Shell]) -> None:
    one, other = admins
    holder = id_text("per", house_person(one.house, other.login))
    given = one.json("grant", "give", holder, "administrator", "--days", "9", "--json")

    refused = one.run("approval", "approve", given["waits"], code=4, typed="y\n")

    assert "Approve this?" not in refused.output
    assert "(own_request)" in refused.output


def test_nothing_that_goes_beside_a_cookie_is_shown(admins: tuple[Shell, Shell]) -> None:
    assert "csrf" not in admins[0].json("me", "show")


def test_what_a_house_refuses_is_told_in_its_own_words(admins: tuple[Shell, Shell]) -> None:
    one, _ = admins
    me = one.json("me", "show")["person"]

    refused = one.run("grant", "give", me, "supervisor", code=4)

    assert refused.stderr == (
        "vaultctl: Nobody gives rights to oneself, nor approves or ends what is one's own. (oneself)\n"
    )


def test_an_address_that_crosses_the_network_in_clear_is_refused(admins: tuple[Shell, Shell]) -> None:
    one, _ = admins

    words = [
        "login",
        "li.wei",
        "--address",
        "http://vault.example.com",
        "--password-file",
        str(one.password()),
    ]

    assert "https" in one.run(*words, code=2).stderr


# ---- what an owner does with the own applications ----


@pytest.fixture
def owner(admins: tuple[Shell, Shell], tmp_path: Path) -> tuple[Shell, str, str]:
    """Somebody who answers for an application: the shell, the application, and what waits to be taken."""
    one, _ = admins
    invited = one.json("person", "invite", "zhou.tao", "--json")
    shell = Shell(one.house, tmp_path, one.address, "zhou.tao")
    shell.join(invited["link"])
    shell.add_generator()
    made = one.ask("POST", "/v1/apps", {"name": "notices", "owner": invited["person"]})
    return shell, made["app"], made["link"]


def test_an_owner_adds_a_key_sees_it_and_ends_it(owner: tuple[Shell, str, str], tmp_path: Path) -> None:
    shell, app, _ = owner
    file = tmp_path / "notices.jwk"
    file.write_text(json.dumps(KEY.as_dict(private=False)))

    added = shell.json("me", "key", "add", app, "--jwk", str(file), "--until", "2027-05-31", "--json")
    again = shell.run("me", "key", "add", app, "--jwk", str(file), code=1)
    seen = shell.run("me", "apps").stdout
    shell.run("me", "key", "end", app, added["id"])
    twice = shell.run("me", "key", "end", app, added["id"], code=1)
    (listed,) = shell.json("me", "apps", "--json")["items"]

    assert (added["until"], added["kid"]) == ("2027-05-31T00:00:00.000Z", KEY.thumbprint())
    assert again.stderr.endswith("(key_known)\n")
    assert f"{app}  live      notices, from any network, never used" in seen
    assert f"  {added['id']}  live      jwk, until 2027-05-31T00:00:00.000Z, never used" in seen
    assert twice.stderr.endswith("(revoked)\n")
    assert [(one["id"], one["state"]) for one in listed["keys"]] == [(added["id"], "revoked")]


@pytest.mark.parametrize("form", ["file", "digits", "colons"])
def test_a_certificate_is_named_by_its_file_or_by_its_sha256(
    owner: tuple[Shell, str, str], tmp_path: Path, form: str
) -> None:
    shell, app, _ = owner
    file = tmp_path / "notices.pem"
    file.write_text(f"notices\n{ssl.DER_cert_to_PEM_cert(DER)}")
    digits = sha256(DER).hexdigest()
    colons = ":".join(digits[place : place + 2] for place in range(0, 64, 2)).upper()

    done = shell.run(
        "me", "key", "add", app, "--certificate", {"file": str(file), "digits": digits}.get(form, colons)
    )

    (listed,) = shell.json("me", "apps", "--json")["items"][0]["keys"]
    assert done.stdout == f"{listed['id']}\n"
    assert (listed["kid"], listed["kind"]) == (digits, "certificate")
    assert digits in done.stderr


def test_what_is_no_key_or_a_private_one_is_refused_and_never_sent(
    owner: tuple[Shell, str, str], tmp_path: Path
) -> None:
    shell, app, _ = owner
    pem = ssl.DER_cert_to_PEM_cert(DER)
    bodies = {
        "private.jwk": (json.dumps(KEY.as_dict(private=True)), "private_key"),
        "text.jwk": ("no JSON", "syntax"),
        "list.jwk": ("[]", "key_form"),
        "two.pem": (pem + pem, "key_form"),
        "none.pem": ("nothing", "key_form"),
        "odd.pem": ("-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----", "key_form"),
    }

    for name, (body, code) in bodies.items():
        file = tmp_path / name
        file.write_text(body)
        option = "--jwk" if name.endswith("jwk") else "--certificate"
        done = shell.run("me", "key", "add", app, option, str(file), code=2)
        assert f"({code}" in done.stderr, name
    absent = shell.run("me", "key", "add", app, "--certificate", "absent.pem", code=2)
    neither = shell.run("me", "key", "add", app, code=2)
    beyond = shell.run("me", "key", "add", app, "--certificate", "ab" * 32, "--until", "2030-01-01", code=2)

    assert "(key_form" in absent.stderr
    assert "Name either --jwk or --certificate." in neither.stderr
    assert beyond.stderr.endswith("(expiry)\n")
    assert shell.json("me", "apps", "--json")["items"][0]["keys"] == []


def test_an_owner_takes_a_promised_secret_and_nobody_elses_app_is_there(
    admins: tuple[Shell, Shell], owner: tuple[Shell, str, str]
) -> None:
    shell, app, promise = owner

    waiting = shell.run("me", "apps").stdout
    taken = shell.run("me", "secret", promise)
    after = shell.run("me", "apps").stdout
    foreign = admins[0].run("me", "key", "end", app, promise.replace("lnk_", "key_"), code=3)

    assert f"  {promise}  waiting   secret, to be taken until" in waiting
    assert taken.stdout.startswith("vault_")
    assert taken.stdout.count("\n") == 1
    assert promise not in after
    assert "  live      secret, until" in after
    assert admins[0].run("me", "apps").stdout == ""
    assert foreign.stderr.endswith("(not_found)\n")
