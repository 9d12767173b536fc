"""At the witness: a real C2SP witness that nobody here wrote (aics-witness), on this machine alone."""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from tests.notary import an_anchor
from vault.setting_anchors import Anchor, Witness

ROOT = Path(__file__).parents[1]
PYTHON = ROOT / ".venv-witness" / "bin" / "python"
_PATIENCE_SECONDS = 30


@dataclass
class RealWitness:
    """One with its own files, that can be started, ended and started again at the same address."""

    folder: Path
    vkey: str
    process: "subprocess.Popen[str] | None" = None
    port: int = 0

    def anchor(self, name: str = "outside", *, required: bool = False) -> Anchor:
        """It, as the settings name it."""
        return an_anchor(Witness(f"http://127.0.0.1:{self.port}", (self.vkey,)), name, required=required)

    def start(self) -> None:
        """Listen, and wait until it says where."""
        self.process = subprocess.Popen(
            [*_command(self.folder, "serve"), "--listen", f"127.0.0.1:{self.port}"],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if found := re.search(r"listening on http://127\.0\.0\.1:(\d+)", line):
                self.port = int(found[1])
                break
        else:
            pytest.fail("the witness does not listen")
        _wait_until_healthy(self.port)

    def end(self) -> None:
        """Be gone."""
        if self.process is not None:
            # Nothing of it is worth a clean end, which it does not always come to.
            self.process.kill()
            self.process.communicate(timeout=_PATIENCE_SECONDS)
            self.process = None

    def knows(self) -> tuple[int | None, int]:
        """The size that it cosigned last, and how many misdeeds of the log it has kept evidence of."""
        said = json.loads(_run(self.folder, "status", "--json"))
        (log,) = said["logs"]
        return log["size"], log["evidence"]


@contextmanager
def a_real_witness(folder: Path, origin: str, vkey: str) -> Iterator[RealWitness]:
    """Start one that trusts *vkey* for the ledger *origin*."""
    if not PYTHON.exists():
        pytest.skip("NOT RUN: there is no .venv-witness; scripts/test makes it, where there is Python 3.12")
    folder.mkdir()
    own = _run(folder, "init", "--name", "witness.example.com/w1").strip()
    _run(folder, "add-log", "--origin", origin, "--vkey", vkey)
    witness = RealWitness(folder, own)
    witness.start()
    try:
        yield witness
    finally:
        witness.end()


def _command(folder: Path, verb: str) -> list[str]:
    return [str(PYTHON), "-m", "aics_witness", verb, "--config", str(folder / "witness.json")]


def _run(folder: Path, verb: str, *words: str) -> str:
    done = subprocess.run([*_command(folder, verb), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _wait_until_healthy(port: int) -> None:
    ends = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            with urlopen(f"http://127.0.0.1:{port}/healthz") as answer:
                assert answer.status == 200
                return
        except URLError:
            assert time.monotonic() < ends, "the witness does not answer"
            time.sleep(0.02)
