"""The auditor's wheel is made of the vault's own modules, and needs neither the vault nor its clone."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
import venv
from importlib import metadata
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.auditing import Audited

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "packages" / "verifier"
PROJECT = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
# What cryptography itself stands on.
BELOW = ["cffi", "pycparser"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without any network."""
    home = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(home)]
    subprocess.run(build, cwd=PACKAGE, check=True, capture_output=True)
    (built,) = home.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel and what it says that it depends on, and nothing else."""
    home = tmp_path_factory.mktemp("auditor")
    venv.create(home, with_pip=False)
    (site,) = (home / "lib").glob("python*/site-packages")
    with ZipFile(wheel) as packed:
        packed.extractall(site)
    for name in [one.partition(">")[0] for one in PROJECT["dependencies"]] + BELOW:
        for file in metadata.files(name) or ():
            if ".." not in file.parts:
                target = site / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(str(file.locate()), target)
    return home


def run(installed: Path, at: Path, *words: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        [str(installed / "bin" / "python"), *words],
        cwd=at,
        env=clean,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_installed_tool_verifies_and_refuses_without_the_vault(
    installed: Path, on_files: Audited
) -> None:
    on_files.grow(300)
    on_files.sign()
    on_files.export()
    words = ["-m", "vault_verifier.main", "verify", "export", "--vkey", on_files.vkey]

    whole = run(installed, on_files.at, *words)
    entries = on_files.at / "export" / "tile" / "entries" / "000"
    entries.write_bytes(entries.read_bytes()[:-1] + b"!")
    changed = run(installed, on_files.at, *words)

    assert (whole.returncode, json.loads(whole.stdout)["verdict"]) == (0, "ok")
    assert (changed.returncode, json.loads(changed.stdout)["faults"][0]["first"]) == (1, 255)


def test_the_vault_is_not_there_where_the_tool_is(installed: Path, tmp_path: Path) -> None:
    assert run(installed, tmp_path, "-c", "import vault_verifier.vault.domain.merkle").returncode == 0
    assert "ModuleNotFoundError" in run(installed, tmp_path, "-c", "import vault").stderr


def test_beside_the_vault_no_name_is_taken_twice(wheel: Path) -> None:
    with ZipFile(wheel) as packed:
        tops = {name.partition("/")[0] for name in packed.namelist()}

    assert tops == {"vault_verifier", f"vault_verifier-{PROJECT['version']}.dist-info"}


def test_what_is_in_the_wheel_is_the_vaults_own_source(wheel: Path) -> None:
    with ZipFile(wheel) as packed:
        taken = {name: packed.read(name).decode() for name in packed.namelist() if "/vault/" in name}

    assert "vault_verifier/vault/domain/merkle.py" in taken
    for name, source in taken.items():
        own = (ROOT / name.removeprefix("vault_verifier/")).read_text()
        assert source.replace("vault_verifier.vault.", "vault.") == own


def test_the_tool_has_the_version_of_the_vault() -> None:
    assert PROJECT["version"] == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
