"""Programs that nobody here wrote, or whose judging nobody here wrote, as the tests call them."""

import os
import shutil
import subprocess
from base64 import b64encode
from pathlib import Path

import pytest

from vault.domain.note import Note, VerifierKey

ROOT = Path(__file__).resolve().parents[2]
# Where Debian lays the sources of golang-golang-x-mod-dev.
GO_SOURCES = Path("/usr/share/gocode")
AICS = ROOT / ".venv-tlog" / "bin" / "aics-tlog"
# SubjectPublicKeyInfo of Ed25519 up to the key itself (RFC 8410).
_SPKI = bytes.fromhex("302a300506032b6570032100")


def build_go(home: Path) -> Path:
    """Build check.go against Debian's sources, without any network."""
    if shutil.which("go") is None or not (GO_SOURCES / "src/golang.org/x/mod/sumdb/tlog").is_dir():
        pytest.skip("Go and its x/mod are not there: golang-go and golang-golang-x-mod-dev bring them")
    program = home / "check"
    given = {
        **os.environ,
        "GO111MODULE": "off",
        "GOPATH": str(GO_SOURCES),
        "GOCACHE": str(home / "cache"),
        "GOPROXY": "off",
        "GOFLAGS": "",
    }
    source = Path(__file__).with_name("check.go")
    subprocess.run(["go", "build", "-o", program, source], env=given, check=True, timeout=300)  # noqa: S607
    return program


def run(*words: object) -> subprocess.CompletedProcess[str]:
    """Run a program; what it thinks is its exit code."""
    return subprocess.run(
        [str(one) for one in words], capture_output=True, text=True, check=False, timeout=120
    )


def aics() -> Path:
    """Name the program of PyPI's aics-tlog."""
    if not AICS.exists():
        pytest.skip("aics-tlog is not there: scripts/test brings it where there is a Python 3.12 or later")
    return AICS


def openssl_verifies(home: Path, note: Note, key: VerifierKey) -> bool:
    """Let OpenSSL verify the bare Ed25519 signature over the checkpoint's text."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not there")
    pem = b64encode(_SPKI + key.public).decode()
    (home / "key.pem").write_text(f"-----BEGIN PUBLIC KEY-----\n{pem}\n-----END PUBLIC KEY-----\n")
    (home / "text").write_text(note.text)
    (signature,) = (one.signature for one in note.signatures if one.is_by(key))
    (home / "signature").write_bytes(signature)
    files = ["-inkey", home / "key.pem", "-sigfile", home / "signature", "-in", home / "text"]
    return run("openssl", "pkeyutl", "-verify", "-rawin", "-pubin", *files).returncode == 0
