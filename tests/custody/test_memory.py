"""Memory: a process that may hold keys leaves no core dump."""

import subprocess
import sys

import pytest

# Neither comes far without settings, and both are past the point that counts.
LOOK = """
import contextlib, ctypes, resource, sys
import vault.bootstrap as bootstrap
with contextlib.suppress(SystemExit, AttributeError):
    {start}
print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells whether a process can be dumped")
@pytest.mark.parametrize(
    "start",
    ["sys.argv = ['vaultctl', '--help']; bootstrap.vaultctl()", "bootstrap.application_for(None)"],
    ids=["vaultctl", "a web worker"],
)
def test_whatever_may_hold_keys_forbids_its_dump(start: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", LOOK.format(start=start)], capture_output=True, text=True, check=True
    )

    assert run.stdout.splitlines()[-1] == "(0, 0) 0"
