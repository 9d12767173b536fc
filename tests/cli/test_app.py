"""On the command line an app is created, shown and ended; its token goes to stdout, once."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from tests.services.office import DAY, FILES, OTHER_FILES, Office, an_office
from vault.cli.app import app
from vault.cli.policy import apply, diff, export, plan, rollback, simulate, versions
from vault.domain.instants import rfc3339
from vault.domain.policy import policy_digest
from vault.errors import Conflict, Invalid, Misconfigured, NotFound, Stale, Unauthenticated
from vault.services.parts import Parts
from vault.services.policies import candidate

pytestmark = pytest.mark.slow


@pytest.fixture
def office(sqlite_urls: Mapping[Any, str], tmp_path: Path) -> Iterator[Office]:
    """A house; the database does not matter here."""
    with an_office(sqlite_urls, tmp_path / "slots") as opened:
        yield opened


def test_a_token_is_the_one_line_on_stdout_and_it_works(office: Office) -> None:
    done = run(office, app, "add", "desk", "--grant", "service_desk:P04", "--source", "case")

    (token,) = done.stdout.splitlines()
    actor, _ = office.ask(token)
    assert (actor.name, sorted(office.purposes(token)), sorted(actor.sources)) == ("desk", ["P04"], ["case"])
    assert token not in done.stderr
    assert office.entries()[-1]["actor"]["id"] == f"operator:{os.getuid()}"


def test_one_more_secret_is_shown_and_the_first_can_then_be_ended(office: Office) -> None:
    first = told(office, app, "add", "desk", "--days", "30")

    second = told(office, app, "secret", "desk", "--days", "7")
    run(office, app, "secret", "desk", "--revoke", first["secret"])

    assert office.ask(second["token"])[0].name == "desk"
    with pytest.raises(Unauthenticated):
        office.ask(first["token"])
    assert {one["id"]: one["state"] for one in told(office, app, "show", "desk")["secrets"]} == {
        first["secret"]: "revoked",
        second["secret"]: "live",
    }


def test_a_grant_is_given_and_ended(office: Office) -> None:
    token = told(office, app, "add", "desk")["token"]

    given = told(office, app, "grant", "desk", "service_desk", "--purposes", "P03,P04", "--reason", "season")
    held = office.purposes(token)
    shown = told(office, app, "show", "desk")["grants"]
    run(office, app, "ungrant", given["grant"])

    assert held == {"P03", "P04"}
    assert [(one["id"], one["role"], one["purposes"], one["reason"], one["state"]) for one in shown] == [
        (given["grant"], "service_desk", ["P03", "P04"], "season", "live")
    ]
    assert office.purposes(token) == set()


def test_an_app_is_ended_by_its_name_or_its_id(office: Office) -> None:
    desk = told(office, app, "add", "desk")
    told(office, app, "add", "waybill")

    run(office, app, "revoke", "waybill")
    run(office, app, "revoke", desk["app"])

    listed = told(office, app, "list")["apps"]
    assert [(one["name"], one["state"]) for one in listed] == [("desk", "revoked"), ("waybill", "revoked")]
    assert run(office, app, "list").stdout.splitlines()[0] == f"{desk['app']}  revoked  desk"


def test_what_is_shown_to_people_holds_no_secret(office: Office) -> None:
    made = told(office, app, "add", "desk", "--grant", "service_desk", "--days", "1")
    office.pass_time(DAY)

    shown = run(office, app, "show", made["app"]).stdout

    assert made["token"][-43:] not in shown
    assert made["secret"] in shown
    assert "service_desk for P03 P04 P05, onboarding" in shown
    assert told(office, app, "show", "desk")["secrets"][0]["state"] == "expired"


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("show", "nobody"), NotFound),
        (("revoke", "nobody"), NotFound),
        (("ungrant", "grt_nonsense"), NotFound),
        (("secret", "desk", "--revoke", "sec_nonsense"), NotFound),
        (("grant", "desk", "boss"), Invalid),
        (("grant", "desk", "service_desk", "--purposes", "P04,"), Invalid),
        (("add", "desk"), Conflict),
    ],
)
def test_a_mistake_is_told_by_its_code(
    office: Office, words: tuple[str, ...], fault: type[Exception]
) -> None:
    run(office, app, "add", "desk")

    done = CliRunner().invoke(app, words, obj=door(office))

    assert isinstance(done.exception, fault)
    assert done.stdout == ""


def test_people_are_told_in_words(office: Office, tmp_path: Path) -> None:
    folder = str(written(tmp_path / "policies", OTHER_FILES))
    base, digest = policy_digest(FILES).hex(), policy_digest(OTHER_FILES).hex()
    run(office, app, "add", "desk")

    (grant,) = run(office, app, "grant", "desk", "service_desk").stdout.splitlines()
    run(office, app, "ungrant", grant)
    shown = run(office, app, "show", "desk").stdout.splitlines()
    planned = run(office, plan, folder).stdout.splitlines()
    applied = run(office, apply, folder, "--base", base).stdout.splitlines()

    assert shown[1] == "may state  nothing"
    assert shown[-1] == (
        f"{grant}  revoked {rfc3339(office.now())}  service_desk for P03 P04 P05, onboarding"
    )
    assert planned == [
        f"base    {base}",
        f"digest  {digest}",
        "changed retention.toml",
        "Nobody may do more or less than before.",
    ]
    assert applied == [f"version 2 is in force, digest {digest}"]


def test_a_policy_is_planned_and_then_applied_on_what_it_was_planned_on(
    office: Office, tmp_path: Path
) -> None:
    folder = written(tmp_path / "policies", OTHER_FILES)

    planned = told(office, plan, str(folder))
    applied = told(office, apply, str(folder), "--base", planned["base"])

    assert (planned["base"], planned["digest"]) == (
        policy_digest(FILES).hex(),
        policy_digest(OTHER_FILES).hex(),
    )
    assert (planned["changed"], planned["mistakes"]) == (["retention.toml"], [])
    assert applied == {"number": 2, "digest": planned["digest"]}
    assert run(office, plan, str(folder)).stdout.splitlines() == [
        f"base    {planned['digest']}",
        f"digest  {planned['digest']}",
    ]


def test_versions_are_listed_compared_written_out_and_put_back(office: Office, tmp_path: Path) -> None:
    narrower = {
        **FILES,
        "roles.toml": FILES["roles.toml"].replace('"mobile", "landline", "address"]', '"mobile"]', 1),
    }
    base = policy_digest(FILES).hex()
    folder = written(tmp_path / "policies", narrower)
    applied = told(office, apply, str(folder), "--base", base)

    listed = told(office, versions)
    compared, words = told(office, diff, "1", "2"), run(office, diff, "1", "2").stdout.splitlines()
    run(office, export, str(tmp_path / "first"), "--version", "1")
    back = told(office, rollback, "1", "--base", applied["digest"])

    assert [(one["number"], one["digest"]) for one in listed] == [(1, base), (2, applied["digest"])]
    assert len(compared["access"]) == len(words) == 6
    assert {(one["role"], one["action"], one["after"]) for one in compared["access"]} == {
        ("service_desk", "reveal", "")
    }
    assert candidate(tmp_path / "first") == FILES
    assert back == {"number": 3, "digest": base}
    assert run(office, versions).stdout.splitlines()[-1].split()[0] == "3"
    assert "in force" in run(office, rollback, "2", "--base", base).stdout


def test_a_policy_is_tried_on_what_was_asked(office: Office, tmp_path: Path) -> None:
    folder = str(written(tmp_path / "policies", OTHER_FILES))

    found, words = told(office, simulate, folder), run(office, simulate, folder, "--days", "7").stdout

    # Nobody has asked for anything in an office that was just opened.
    assert (found["judged"], found["turned"]) == (0, [])
    assert found["entries"] > 0
    assert words.splitlines() == [
        f"0 of {found['entries']} entries were judged by a policy.",
        "Every answer would have been the same.",
    ]


def test_a_version_is_not_written_over_what_stands(office: Office, tmp_path: Path) -> None:
    folder = written(tmp_path / "policies", OTHER_FILES)

    done = CliRunner().invoke(export, [str(folder)], obj=door(office))

    assert isinstance(done.exception, Invalid)
    assert candidate(folder) == OTHER_FILES


@pytest.mark.parametrize(("base", "fault"), [("00", Stale), ("words", Invalid)])
def test_a_policy_on_another_base_is_not_applied(
    office: Office, tmp_path: Path, base: str, fault: type[Exception]
) -> None:
    folder = written(tmp_path / "policies", OTHER_FILES)

    done = CliRunner().invoke(apply, [str(folder), "--base", base], obj=door(office))

    assert isinstance(done.exception, fault)
    assert office.version() == 1


def test_a_plan_with_mistakes_names_them_and_fails(office: Office, tmp_path: Path) -> None:
    folder = written(tmp_path / "policies", {**FILES, "retention.toml": "= nothing"})

    done = CliRunner().invoke(plan, [str(folder), "--json"], obj=door(office))

    assert isinstance(done.exception, Misconfigured)
    assert any(mistake.startswith("retention.toml:1:") for mistake in json.loads(done.stdout)["mistakes"])


def run(office: Office, command: click.Command, *words: str) -> Result:
    """Run a command as vaultctl does, and expect that it succeeds."""
    done = CliRunner().invoke(command, words, obj=door(office), catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    return done


def told(office: Office, command: click.Command, *words: str) -> Any:
    """Run a command and read the JSON that it writes."""
    return json.loads(run(office, command, *words, "--json").stdout)


def door(office: Office) -> object:
    """Open the house as often as a command asks."""

    @contextmanager
    def opened() -> Iterator[Parts]:
        yield office.parts

    return opened


def written(folder: Path, files: Mapping[str, str]) -> Path:
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    return folder
