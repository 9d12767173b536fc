"""Each contract between floors and rooms catches a fault that is planted in a copy of the house."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = {
    contract["id"]: contract["name"]
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
}

# Contract, the module that breaks it, the import it must not make, and what the checker then says.
FAULTS = [
    (
        "floors",
        "domain/terms.py",
        "from vault.storage import columns",
        "vault.domain.terms -> vault.storage.columns",
    ),
    (
        "floors",
        "storage/columns.py",
        "from vault.crypto import mac",
        "vault.storage.columns -> vault.crypto.mac",
    ),
    ("floors", "attic.py", "", "vault.attic"),
    (
        "no-circles",
        "domain/terms.py",
        "from vault.domain import catalogue",
        ".terms -> .catalogue",
    ),
    (
        "use-cases",
        "services/disclose.py",
        "from vault.services import govern",
        "disclose -> vault.services.govern",
    ),
    ("use-cases", "services/cleaning.py", "", "vault.services.cleaning"),
    (
        "blueprints",
        "web/api/profiles.py",
        "from vault.web.api import subjects",
        "profiles -> vault.web.api.subjects",
    ),
    (
        "crypto",
        "services/disclose.py",
        "from vault.crypto import aead",
        "services.disclose -> vault.crypto.aead",
    ),
    ("shell", "web/auth.py", "from vault.custody import keyring", "vault.web.auth -> vault.custody.keyring"),
    ("shell", "cli/main.py", "from vault.storage import columns", "vault.cli.main -> vault.storage.columns"),
    ("pure-domain", "domain/merkle.py", "import time", "vault.domain.merkle -> time"),
    ("pure-domain", "domain/values.py", "import secrets", "vault.domain.values -> secrets"),
    ("entrance", "services/intake.py", "import flask", "vault.services.intake -> flask"),
    ("databases", "services/lookup.py", "import sqlalchemy", "vault.services.lookup -> sqlalchemy"),
    ("databases", "custody/ledger.py", "import sqlite3", "vault.custody.ledger -> sqlite3"),
    ("cedar", "services/govern.py", "import cedarpy", "vault.services.govern -> cedarpy"),
    (
        "auditor",
        "../vault_verifier/keys.py",
        "from vault.custody import receipt",
        "vault_verifier.keys -> vault.custody.receipt",
    ),
    (
        "no-auditor-inside",
        "services/exports.py",
        "from vault_verifier import report",
        "vault.services.exports -> vault_verifier.report",
    ),
]


@pytest.fixture(scope="module")
def verdict(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the checker says of a copy of the house that has every fault at once."""
    copy = tmp_path_factory.mktemp("house")
    shutil.copytree(ROOT / "vault", copy / "vault", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "packages" / "verifier" / "vault_verifier", copy / "vault_verifier")
    shutil.copy(ROOT / "pyproject.toml", copy)
    for _, module, line, _ in FAULTS:
        with (copy / "vault" / module).open("a") as file:
            file.write(f"\n{line}\n")

    checker = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [checker, "--no-cache", "--no-logo"],
        cwd=copy,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout.partition("Broken contracts")[2]


@pytest.mark.parametrize(("contract", "said"), [(contract, said) for contract, _, _, said in FAULTS])
def test_a_planted_fault_is_caught_by_its_contract(verdict: str, contract: str, said: str) -> None:
    title = CONTRACTS[contract]

    section = re.search(
        rf"^{re.escape(title)}\n-+\n(.*?)(?=^[^\n]+\n--|\Z)", verdict, re.MULTILINE | re.DOTALL
    )

    assert section, verdict
    assert said in section[1]


def test_no_contract_goes_untried() -> None:
    assert {contract for contract, *_ in FAULTS} == set(CONTRACTS)
