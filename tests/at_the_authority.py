"""At the authority: a real time stamping authority, openssl's, behind a server on this machine alone."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Final

import pytest
from typing_extensions import override

from tests.notary import an_anchor
from vault.setting_anchors import Anchor, Authority

_CONFIG: Final = """
[tsa]
default_tsa = own
[own]
dir = {folder}
serial = $dir/serial
signer_cert = $dir/tsa.pem
signer_key = $dir/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
[stamping]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[req]
distinguished_name = nobody
[nobody]
"""


@dataclass
class RealAuthority:
    """One that listens; a reply that was given before can be set in the place of the next."""

    folder: Path
    port: int
    asked: int = 0
    replayed: bytes | None = None

    @property
    def roots(self) -> bytes:
        """The certificate that vouches for it."""
        return (self.folder / "root.pem").read_bytes()

    def anchor(self, *, roots: bytes | None = None) -> Anchor:
        """It, as the settings name it."""
        place = Authority(f"http://127.0.0.1:{self.port}/tsr", self.roots if roots is None else roots)
        return an_anchor(place, "clock", every=60)

    def reply(self, query: bytes) -> bytes:
        """Answer as `openssl ts` does."""
        self.asked += 1
        if self.replayed is not None:
            return self.replayed
        (self.folder / "query").write_bytes(query)
        _openssl(self.folder, "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query", "-out", "reply")
        return (self.folder / "reply").read_bytes()


@contextmanager
def a_real_authority(folder: Path) -> Iterator[RealAuthority]:
    """Give one a root, a key and a certificate, and let it listen."""
    folder.mkdir()
    (folder / "tsa.cnf").write_text(_CONFIG.format(folder=folder))
    (folder / "serial").write_text("01")
    new = ["req", "-config", "tsa.cnf", "-new", "-newkey", "rsa:2048", "-nodes"]
    _openssl(
        folder,
        *[*new, "-x509", "-extensions", "root", "-subj", "/CN=root", "-days", "2"],
        *["-keyout", "root.key", "-out", "root.pem"],
    )
    _openssl(folder, *new, "-subj", "/CN=tsa", "-keyout", "tsa.key", "-out", "tsa.csr")
    _openssl(
        folder,
        *["x509", "-req", "-in", "tsa.csr", "-CA", "root.pem", "-CAkey", "root.key", "-set_serial", "2"],
        *["-days", "2", "-extfile", "tsa.cnf", "-extensions", "stamping", "-out", "tsa.pem"],
    )

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["Content-Type"] == "application/timestamp-query"
            reply = authority.reply(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        @override
        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        authority = RealAuthority(folder, server.server_port)
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield authority
        finally:
            server.shutdown()
            thread.join()


def _program() -> str:
    found = shutil.which("openssl")
    if found is None:
        pytest.skip("NOT RUN: there is no openssl on this machine")
    return found


def _openssl(folder: Path, *words: str) -> None:
    done = subprocess.run([_program(), *words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
