"""Slots: a process that cannot read L4's slot files opens no L4 value and computes no L4 token."""

import base64
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.house import House
from vault.custody import deks
from vault.custody.keyring import KeyPurpose, slot_name
from vault.domain.canonical import Json
from vault.domain.terms import SubjectId, Tier
from vault.storage import keys

pytestmark = pytest.mark.slow

NOBODY = 65534
ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("without_l4.py")
L4_SLOTS = (slot_name(KeyPurpose.KEK, Tier.L4), slot_name(KeyPurpose.INDEX, Tier.L4))
L4: dict[str, Json] = {
    "id_number": "53010219200508011X",
    "passport": "E87654321",
    "bank_account": "6222021234567894",
}
CUSTOMER: dict[str, Json] = {"name": "欧阳娜娜", "mobile": "+8613800138000", **L4}
APPS = ("intake", "settlement", "servicedesk", "realname")

_BLOCKED = {
    "reveals": "tier_unavailable",
    "matches": "tier_unavailable",
    "looks up": "tier_unavailable",
    "changes": "tier_unavailable",
    "removes": "tier_unavailable",
    "admits": "tier_unavailable",
    "computes a token": "tier_unavailable",
    "unseals with a name": "key_provider_unavailable",
    "unseals with another secret": [],
    "unwraps with another key": [],
    "finds a token by another root": 0,
}


@pytest.fixture
def customer(house: House) -> str:
    """A customer with values of L4, known to every app that asks here, and to be released to each."""
    customer = house.admit(CUSTOMER)
    for kind in ("contract", "order"):
        house.state(customer, kind)
    for app in APPS:
        house.known_to(app, customer)
    return customer


@pytest.fixture
def folder() -> Iterator[Path]:
    """A place that another user can reach; pytest's own is closed to all others."""
    with tempfile.TemporaryDirectory(prefix="vault-slots-") as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


def run(house: House, customer: str, folder: Path, *, slots: str) -> tuple[dict[str, Any], bytes]:
    """Run the process on its copy of the house, with L4's *slots* given, absent or another user's."""
    state = shutil.copytree(house.settings.state_dir, folder / "house")
    become = NOBODY if slots == "another user's" and os.geteuid() == 0 else None
    for path in (state, *state.rglob("*")) if become is not None else ():
        os.chown(path, NOBODY, NOBODY)
    for path in (state / "slots" / name.lower() for name in L4_SLOTS):
        match slots:
            case "absent":
                path.unlink()
            case "another user's" if become is None:
                path.chmod(0)
            case "another user's":
                os.chown(path, 0, 0)
            case _:
                assert slots == "given"
    told = {
        "become": become,
        "state": str(state),
        "report": str(state / "report.json"),
        "urls": {
            store: url.replace(str(house.settings.state_dir), str(state))
            for store, url in house.settings.urls.items()
        },
        "slots": {name: str(state / "slots" / path.name) for name, path in house.settings.slots.items()},
        "apps": {name: {"token": (app := house.app(name)).token, "purpose": app.purpose} for name in APPS},
        "ids": {name: house.known_to(name, customer) for name in APPS},
        "subject": house.subject_of(customer).hex(),
    }
    done = subprocess.run(
        [sys.executable, SCRIPT],
        input=json.dumps(told).encode(),
        capture_output=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads((state / "report.json").read_text()), done.stdout


def secrets_of_l4(house: House, customer: str) -> Mapping[str, bytes]:
    """Everything that opens L4 or comes of opening it."""
    ring, subject = house.parts.keyring, SubjectId(house.subject_of(customer))
    with house.parts.stores.keys.read() as conn:
        sealed = [row for row in keys.sealed_keys(conn, house.parts.tenant) if row.tier == Tier.L4]
        (dek,) = keys.deks(conn, house.parts.tenant, [subject], {Tier.L4})[subject]
    place = deks._place(dek.field_suite, dek.tier, dek.gen, dek.tenant, dek.subject) + dek.commitment
    found = {f"key {row.purpose}": ring.unseal(row) for row in sealed}
    found["dek"] = ring.unwrap(Tier.L4, dek.wrapped, epoch=dek.kek_epoch, label=b"PV1K", address=place)
    for name in L4_SLOTS:
        line = house.settings.slots[name].read_bytes().split()[1]
        found |= {f"text of {name}": line, f"secret of {name}": base64.urlsafe_b64decode(line + b"=")}
    return found | {name: str(value).encode() for name, value in L4.items()}


def reaches(path: Path) -> bool:
    """Tell whether any user can get at *path*."""
    return all(one.stat().st_mode & stat.S_IXOTH for one in (path, *path.parents) if one.is_dir())


@pytest.mark.parametrize("slots", ["absent", "another user's"])
def test_without_l4s_slots_no_code_opens_l4_or_computes_its_tokens(
    house: House, customer: str, folder: Path, slots: str
) -> None:
    if slots == "another user's" and os.geteuid() == 0 and not reaches(ROOT / "migrations"):
        pytest.skip("another user cannot reach this clone")
    before = [house.rows_of("data", "SELECT * FROM subject"), house.rows_of("keys", "SELECT * FROM dek")]

    report, memory = run(house, customer, folder, slots=slots)

    assert report["serves"] == [0, 1, 2, 3, 5]
    assert report["shows"] == {"name": CUSTOMER["name"]}
    assert report["withholds"] == {"id_number": "tier_not_served", "bank_account": "tier_not_served"}
    assert {name: report[name] for name in _BLOCKED} == _BLOCKED
    assert report["reads the slot files"] in {"FileNotFoundError", "PermissionError"}
    found = [name for name, secret in secrets_of_l4(house, customer).items() if secret in memory]
    assert found == [], "it stands in the memory of a process that was not given it"
    # On PostgreSQL the process works on the very stores of the house.
    assert before == [
        house.rows_of("data", "SELECT * FROM subject"),
        house.rows_of("keys", "SELECT * FROM dek"),
    ]


def test_the_search_finds_in_a_process_with_every_slot_what_it_must_not_find_elsewhere(
    house: House, customer: str, folder: Path
) -> None:
    report, memory = run(house, customer, folder, slots="given")

    assert report["serves"] == [0, 1, 2, 3, 4, 5]
    assert report["withholds"] == {}
    found = {name for name, secret in secrets_of_l4(house, customer).items() if secret in memory}
    assert {f"secret of {name}" for name in L4_SLOTS} <= found
    assert f"key {KeyPurpose.INDEX.value}" in found
