"""The locks: hashes for everything, an address for nothing, and the same releases to serve and to test."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKS = {
    name: (ROOT / "requirements" / f"{name}.txt").read_text()
    for name in ("runtime", "dev", "openid-provider", "tlog-verifier")
}
PIN = re.compile(r"^([a-z0-9.-]+)(?:\[[a-z0-9, -]+\])?==(\S+)", re.MULTILINE)
NAME = re.compile(r"[A-Za-z0-9.-]+")
WITH_EXTRAS = re.compile(r"^([A-Za-z0-9._-]+)\[([A-Za-z0-9,_-]+)\](?!.*\bextra\s*==)")


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_hashes_and_no_addresses(name: str) -> None:
    pinned = re.split(r"^(?=[a-z0-9])", LOCKS[name], flags=re.MULTILINE)[1:]

    assert pinned
    assert [one for one in pinned if "--hash=sha256:" not in one] == []
    assert re.findall(r"\w+://\S*|--(?:extra-)?index\S*|--find-links\S*| @ \S*", LOCKS[name]) == []


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("runtime", [*PROJECT["dependencies"], "hatchling"]),
        ("dev", [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]),
        ("openid-provider", ["canaille"]),
        ("tlog-verifier", ["aics-tlog"]),
    ],
)
def test_a_lock_has_all_that_the_project_asks_for(name: str, asked: list[str]) -> None:
    pinned = dict(PIN.findall(LOCKS[name]))

    missing = [one for one in asked if NAME.match(one)[0] not in pinned]  # type: ignore[index]

    assert missing == [], "run scripts/lock"


def test_a_package_asked_for_with_extras_is_pinned_with_them() -> None:
    pinned = re.findall(r"^[a-z0-9.-]+(?:\[\S+\])?(?===)", LOCKS["dev"], re.MULTILINE)

    asked = {
        f"{found[1].lower()}[{found[2]}]"
        for name in map(NAME.match, pinned)
        for one in _requirements_of(name[0])  # type: ignore[index]
        if (found := WITH_EXTRAS.match(one))
    }

    assert "coverage[toml]" in asked
    assert asked - set(pinned) == set(), "pip in hash mode refuses what is not pinned as it is asked for"


def _requirements_of(package: str) -> list[str]:
    try:
        return metadata.requires(package) or []
    except metadata.PackageNotFoundError:
        return []  # another platform's


def test_what_is_tested_is_what_serves() -> None:
    runtime, dev = (dict(PIN.findall(LOCKS[name])) for name in ("runtime", "dev"))

    assert {name: dev.get(name) for name in runtime} == runtime
