"""Receive: another host keeps a house's checkpoints, has nothing of the house, and is told nothing twice."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from typing_extensions import override

from tests.house import House
from tests.notary import Notary, an_anchor, hand_over, use, wait
from tests.services.test_fetching import certificate
from vault.cli import receiving
from vault.crypto.signing import Signer
from vault.custody.notarial import SLOT, Notarial
from vault.custody.providers.local import LocalSlots
from vault.domain.note import KeyKind
from vault.errors import Misconfigured
from vault.services import signing_keys, watch
from vault.services.anchor import Told
from vault.services.counting import count
from vault.services.governing import operator
from vault.services.signing_keys import Keeper, Signing
from vault.setting_anchors import Anchor, Host
from vault.storage import note_files

TOKEN = "seven-kites-over-the-western-shore"


@dataclass
class Neighbour:
    """A host that runs the receiver, and what a house knows of it."""

    folder: Path
    port: int
    scheme: str = "http"

    def anchor(self, token: str = TOKEN, *, required: bool = False) -> Anchor:
        """It, as the settings name it."""
        return an_anchor(
            Host(f"{self.scheme}://127.0.0.1:{self.port}", token), "neighbour", required=required
        )


@contextmanager
def a_neighbour(folder: Path, *vkeys: str, port: int = 0, tls: Path | None = None) -> Iterator[Neighbour]:
    """Run the receiver as `vaultctl anchor receive` does."""
    folder.mkdir(exist_ok=True)
    token = folder.with_suffix(".token")
    token.write_text(f"{TOKEN}\n")
    token.chmod(0o600)
    with receiving.build(folder, "127.0.0.1", port, token_file=token, vkeys=vkeys, tls=tls) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield Neighbour(folder, server.server_port, "http" if tls is None else "https")
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def notary(sqlite_house: House) -> Notary:
    """A notary of a house; what an anchor's answers become is tried on each database by a directory."""
    return Notary(sqlite_house)


@pytest.fixture
def neighbour(notary: Notary, tmp_path: Path) -> Iterator[Neighbour]:
    """A host that takes what this house's key signed."""
    with a_neighbour(tmp_path / "kept", notary.vkey) as running:
        use(notary.house, running.anchor(required=True))
        yield running


def newest(house: House) -> int | None:
    return count(house.parts.stores.audit, house.parts.anchors, at=house.clock()).newest


def test_it_keeps_each_checkpoint_as_it_came(notary: Notary, neighbour: Neighbour) -> None:
    rows = []
    for more in (1, 4):
        rows.append(notary.grow(more))
        assert hand_over(notary.house) == ()
        wait(notary.house, 10)

    assert [(size, note.pack()) for size, note in note_files.notes(neighbour.folder) if note] == [
        (row.size, row.note) for row in rows
    ]
    assert newest(notary.house) == rows[-1].size


def test_it_is_reached_over_tls_by_whoever_trusts_it(
    notary: Notary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = certificate(tmp_path, "127.0.0.1")
    with a_neighbour(tmp_path / "kept", tls=pem) as running:
        use(notary.house, running.anchor())
        row = notary.grow()
        mistrusted = hand_over(notary.house)
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        wait(notary.house, 10)
        trusted = hand_over(notary.house)

    assert mistrusted == (Told("neighbour", "unavailable", "certificate"),)
    assert trusted == ()
    assert newest(notary.house) == row.size


def test_whoever_shows_another_token_leaves_nothing_there(notary: Notary, neighbour: Neighbour) -> None:
    use(notary.house, neighbour.anchor("another-token"))
    notary.grow()

    assert hand_over(notary.house) == (Told("neighbour", "unavailable", "status_401"),)
    assert note_files.sizes(neighbour.folder) == []


def test_what_another_key_signed_is_not_taken(notary: Notary, tmp_path: Path) -> None:
    other = Signer(notary.origin, KeyKind.ED25519, b"?" * 32).key.text()
    with a_neighbour(tmp_path / "kept", other) as running:
        use(notary.house, running.anchor())
        notary.grow()

        assert hand_over(notary.house) == (Told("neighbour", "unavailable", "status_403"),)

    with pytest.raises(Misconfigured, match="--vkey"), a_neighbour(tmp_path / "kept", other[:-1]):
        pytest.fail("it listens")


def test_a_receiver_that_was_given_the_next_key_goes_on_after_a_rotation(
    notary: Notary, tmp_path: Path
) -> None:
    slots = LocalSlots.read({SLOT: notary.house.settings.slots[SLOT]})
    own = Notarial(slots, notary.house.parts.house.house)
    following = signing_keys.following(Signing(notary.house.parts.stores.audit, own))
    vkeys = [key.text() for key in (*notary.pair.keys, *following)]
    with a_neighbour(tmp_path / "kept", *vkeys) as running:
        use(notary.house, running.anchor())
        notary.grow()
        before = hand_over(notary.house)
        signing_keys.rotate(Keeper(notary.house.parts, own), operator(0))
        notary.pair = own.pair(2)
        wait(notary.house, 10)
        row = notary.grow()

        assert (before, hand_over(notary.house)) == ((), ())

    assert newest(notary.house) == row.size


def test_one_key_of_each_kind_that_is_given_must_have_signed(notary: Notary, tmp_path: Path) -> None:
    other = Signer(notary.origin, KeyKind.MLDSA44, b"?" * 32).key.text()
    with a_neighbour(tmp_path / "kept", notary.vkey, other) as running:
        use(notary.house, running.anchor())
        notary.grow()

        assert hand_over(notary.house) == (Told("neighbour", "unavailable", "status_403"),)


def test_a_body_is_not_waited_for_where_no_token_is_shown(neighbour: Neighbour) -> None:
    with socket.create_connection(("127.0.0.1", neighbour.port), timeout=5) as line:
        line.sendall(b"PUT /1.note HTTP/1.1\r\nHost: neighbour\r\nContent-Length: 1000\r\n\r\n")

        assert b" 401 " in line.recv(100)


def test_more_callers_than_there_is_room_for_are_let_go_of(neighbour: Neighbour) -> None:
    with ExitStack() as held:
        where = ("127.0.0.1", neighbour.port)
        lines = [held.enter_context(socket.create_connection(where, timeout=5)) for _ in range(33)]

        assert lines[-1].recv(1) == b""


def test_a_smaller_checkpoint_than_it_holds_is_a_rollback(notary: Notary, neighbour: Neighbour) -> None:
    old = notary.grow(2)
    wait(notary.house, 10)
    new = notary.grow(3)
    hand_over(notary.house)
    notary.cut(old.size)
    wait(notary.house, 10)

    (told,) = hand_over(notary.house)

    assert told == Told("neighbour", "rolled_back")
    assert watch.look(notary.house.parts) in {"anchor_rolled_back", "audit_behind"}
    assert note_files.sizes(neighbour.folder) == [new.size]


def test_another_root_of_the_same_size_is_a_fork(notary: Notary, neighbour: Neighbour) -> None:
    notary.write(2)
    theirs = notary.signed(len(notary.house.entries()), b"\x17" * 32)
    note_files.write(neighbour.folder, theirs.size, theirs.note)

    notary.sign()
    (told,) = hand_over(notary.house)

    assert told == Told("neighbour", "forked")
    (finding,) = count(
        notary.house.parts.stores.audit, notary.house.parts.anchors, at=notary.house.clock()
    ).findings
    assert finding.evidence == theirs.note


def test_a_rewritten_ledger_does_not_lead_from_what_it_took(notary: Notary, neighbour: Neighbour) -> None:
    row = notary.grow(4)
    hand_over(notary.house)
    notary.rewrite(row.size - 2)
    notary.house.parts = notary.house.another().parts
    use(notary.house, neighbour.anchor())
    notary.grow()

    assert hand_over(notary.house) == (Told("neighbour", "rewritten"),)


def test_what_stands_already_is_taken_as_it_stands(notary: Notary, neighbour: Neighbour) -> None:
    first = notary.grow()
    hand_over(notary.house)
    wait(notary.house, 10)
    notary.grow()
    hand_over(notary.house)
    notary.house.by_hand("audit", "DELETE FROM anchored")

    wait(notary.house, 10)
    assert hand_over(notary.house) == ()

    assert first.size in note_files.sizes(neighbour.folder)


def test_after_a_while_without_it_anchoring_goes_on(notary: Notary, tmp_path: Path) -> None:
    with a_neighbour(tmp_path / "kept") as running:
        use(notary.house, running.anchor(required=True))
        notary.grow()
        hand_over(notary.house)
    wait(notary.house, 10)
    notary.grow(3)
    (told,) = hand_over(notary.house)
    assert told.reason == "no_answer"

    with a_neighbour(tmp_path / "kept", port=running.port):
        wait(notary.house, 60)
        row = notary.grow(2)
        assert hand_over(notary.house) == ()

    assert newest(notary.house) == row.size


def test_one_directory_is_for_one_house(notary: Notary, tmp_path: Path) -> None:
    with a_neighbour(tmp_path / "kept") as running:
        use(notary.house, running.anchor())
        (running.folder / "1.note").write_bytes(
            notary.signed(1, b"\x17" * 32).note.replace(notary.origin.encode(), b"example.com/other")
        )
        notary.grow()

        assert hand_over(notary.house) == (Told("neighbour", "unavailable", "status_404"),)


@contextmanager
def a_redirecting_host() -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(307)
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        @override
        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_a_host_that_sends_elsewhere_is_not_followed(notary: Notary) -> None:
    with a_redirecting_host() as port:
        use(notary.house, an_anchor(Host(f"http://127.0.0.1:{port}", TOKEN), "neighbour"))
        notary.grow()

        assert hand_over(notary.house) == (Told("neighbour", "unavailable", "status_307"),)


def test_it_does_not_listen_to_others_without_tls(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    token.chmod(0o644)

    with pytest.raises(Misconfigured) as caught:
        receiving.build(tmp_path, "192.0.2.7", 8300, token_file=token, vkeys=(), tls=None)

    assert [fault.partition(" ")[0] for fault in caught.value.faults] == ["--token-file", "--tls"]
