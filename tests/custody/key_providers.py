"""The key providers that tests seal by: local files, a real OpenBao, a double of AWS KMS, SoftHSM2."""

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import pkcs11
import pytest
from pkcs11 import Attribute, KeyType, ObjectClass

from vault import keyholding
from vault.custody.providers.aws_kms import AwsKms, connect
from vault.custody.providers.host_secret import HostSecret
from vault.custody.providers.key_provider import KeyProvider
from vault.custody.providers.local import LocalSlots, create_slot_file
from vault.setting_providers import AwsSettings, Pkcs11Settings, TransitSettings

ROOT = Path(__file__).parents[2]
BIN = ROOT / ".venv-keys" / "bin"
SOFTHSM = Path("/usr/lib/softhsm/libsofthsm2.so")
SLOTS = ("KEK_T3", "KEK_T4")
IMPATIENCE_SECONDS = 0.3
_PATIENCE_SECONDS = 60
_ROOT_TOKEN = "the-root-of-a-test"
PIN = "4711-of-a-test"


class Bench(Protocol):
    """A provider with a key for each of two slots, and what happens to it from outside."""

    def provider(self) -> KeyProvider:
        """Connect as a house does."""

    def destroy(self, slot: str) -> None:
        """Let the key's owner destroy it, by the provider's own means."""

    def bring_back(self, slot: str) -> None:
        """Try everything that the owner could do to have old versions again."""

    def denied(self) -> KeyProvider:
        """Connect as somebody who may not use the keys."""

    def down(self) -> KeyProvider:
        """Connect where nothing answers."""

    def at(self, port: int, /) -> KeyProvider:
        """Connect where something takes the question and never answers."""


@contextmanager
def silence() -> Iterator[int]:
    """A port that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


# ---- local ----


@dataclass
class LocalBench:
    """Slot files and a host secret."""

    folder: Path

    def __post_init__(self) -> None:
        for slot in SLOTS:
            create_slot_file(self.folder / slot)
        HostSecret(self.folder / "host").add()

    def provider(self) -> KeyProvider:
        return LocalSlots.read({slot: self.folder / slot for slot in SLOTS}, host=self.folder / "host")

    def destroy(self, slot: str) -> None:  # noqa: ARG002 - one secret for both
        HostSecret(self.folder / "host").restore([os.urandom(32)])

    def bring_back(self, slot: str) -> None:  # noqa: ARG002
        HostSecret(self.folder / "host").add()

    def denied(self) -> KeyProvider:
        pytest.skip("a slot file that may not be read is a slot that is not served")

    def down(self) -> KeyProvider:
        provider = self.provider()
        (self.folder / "host").unlink()
        return provider

    def at(self, _port: int, /) -> KeyProvider:
        pytest.skip("no network lies between a house and its own files")


# ---- OpenBao ----


@dataclass(frozen=True)
class OpenBao:
    """A server that listens, with an engine for keys."""

    port: int

    @property
    def engine(self) -> str:
        """Where the engine is."""
        return f"http://127.0.0.1:{self.port}/v1/transit"

    def ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        """Ask as its root."""
        address = f"http://127.0.0.1:{self.port}/v1/{path}"
        data = json.dumps(body).encode() if body is not None else None
        asked = urllib.request.Request(address, data, {"X-Vault-Token": _ROOT_TOKEN}, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=_PATIENCE_SECONDS) as answer:  # noqa: S310
                return dict(json.loads(answer.read() or b"{}"))
        except urllib.error.HTTPError as refusal:
            refusal.close()
            return {"status": refusal.code}

    def token(self, *policies: str) -> str:
        """Make a token with these policies alone."""
        made = self.ask("POST", "auth/token/create", {"policies": [*policies], "no_default_policy": True})
        return str(made["auth"]["client_token"])


# What a house may do there, as docs/operating.md has it.
POLICY = """
path "transit/encrypt/+" { capabilities = ["update"] }
path "transit/decrypt/+" { capabilities = ["update"] }
path "transit/keys/+" { capabilities = ["read"] }
path "transit/keys/+/rotate" { capabilities = ["update"] }
path "transit/keys/+/config" { capabilities = ["update"] }
path "transit/keys/+/trim" { capabilities = ["update"] }
"""


@contextmanager
def an_openbao(folder: Path) -> Iterator[OpenBao]:
    """Start one that keeps everything in memory."""
    if not (BIN / "bao").exists():
        pytest.skip("there is no .venv-keys with OpenBao; scripts/test makes it")
    port = free_port()
    words = [
        str(BIN / "bao"),
        "server",
        "-dev",
        "-dev-no-store-token",
        f"-dev-root-token-id={_ROOT_TOKEN}",
        f"-dev-listen-address=127.0.0.1:{port}",
    ]
    server = OpenBao(port)
    quiet = subprocess.DEVNULL
    with subprocess.Popen(words, stdout=quiet, stderr=quiet, env={"HOME": str(folder)}) as process:
        try:
            _wait(port, process)
            while "status" in server.ask("POST", "sys/mounts/transit", {"type": "transit"}):
                assert process.poll() is None, "OpenBao has ended"
            server.ask("PUT", "sys/policies/acl/house", {"policy": POLICY})
            yield server
        finally:
            process.kill()


@dataclass
class TransitBench:
    """Keys of their own at an OpenBao."""

    server: OpenBao
    folder: Path

    def __post_init__(self) -> None:
        self.token = self.folder / "token"
        self._write(self.server.token("house"))
        self.keys = {slot: f"vault-{self.folder.name}-{slot.lower()}" for slot in SLOTS}
        for key in self.keys.values():
            self.server.ask("POST", f"transit/keys/{key}", {"derived": True})

    def _write(self, token: str) -> None:
        self.token.write_text(token)
        self.token.chmod(0o600)

    @property
    def settings(self) -> TransitSettings:
        """As a house is told of it."""
        return TransitSettings(self.server.engine, self.token, self.keys)

    def provider(self) -> KeyProvider:
        return keyholding.transit(self.settings)

    def destroy(self, slot: str) -> None:
        self.server.ask("POST", f"transit/keys/{self.keys[slot]}/config", {"deletion_allowed": True})
        self.server.ask("DELETE", f"transit/keys/{self.keys[slot]}")

    def bring_back(self, slot: str) -> None:
        for body in ({"min_decryption_version": 1}, {"min_available_version": 1}):
            self.server.ask("POST", f"transit/keys/{self.keys[slot]}/config", body)

    def denied(self) -> KeyProvider:
        self._write(self.server.token("default"))
        return self.provider()

    def down(self) -> KeyProvider:
        return keyholding.transit(
            replace(self.settings, address=f"http://127.0.0.1:{free_port()}/v1/transit")
        )

    def at(self, port: int) -> KeyProvider:
        """Connect to something else."""
        address = f"http://127.0.0.1:{port}/v1/transit"
        return keyholding.transit(replace(self.settings, address=address), within_seconds=IMPATIENCE_SECONDS)


# ---- AWS KMS ----


@contextmanager
def an_aws(folder: Path) -> Iterator[int]:
    """Start a double of AWS, which speaks its protocol; returns its port."""
    if not (BIN / "moto_server").exists():
        pytest.skip("there is no .venv-keys with the double of AWS; scripts/test makes it")
    port = free_port()
    words = [str(BIN / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait(port, process)
            yield port
        finally:
            # It holds nothing that it would have to write down, and does not always heed a milder word.
            process.kill()


@dataclass
class AwsBench:
    """Keys of their own at the double."""

    port: int
    folder: Path

    def __post_init__(self) -> None:
        self.credentials = self.folder / "credentials"
        keys = "aws_access_key_id = test\naws_secret_access_key = of-a-test\n"
        self.credentials.write_text(f"[default]\n{keys}")
        self.credentials.chmod(0o600)
        self.client: Any = connect(
            region="eu-central-1",
            endpoint=f"http://127.0.0.1:{self.port}",
            credentials=self.credentials,
            seconds=_PATIENCE_SECONDS,
        )
        self.keys: dict[str, tuple[str, ...]] = {slot: (self.new_key(),) for slot in SLOTS}

    def new_key(self) -> str:
        """Make a key."""
        return str(self.client.create_key()["KeyMetadata"]["Arn"])

    @property
    def settings(self) -> AwsSettings:
        """As a house is told of it."""
        return AwsSettings("eu-central-1", self.keys, f"http://127.0.0.1:{self.port}", self.credentials)

    def provider(self) -> KeyProvider:
        return keyholding.aws(self.settings)

    def destroy(self, slot: str) -> None:
        self.client.schedule_key_deletion(KeyId=_short(self.keys[slot][0]), PendingWindowInDays=7)

    def bring_back(self, slot: str) -> None:
        """Until the week is over its owner could; what this house uses it for is what the tests look at."""

    def denied(self) -> KeyProvider:
        for names in self.keys.values():
            self.client.disable_key(KeyId=_short(names[0]))
        return self.provider()

    def down(self) -> KeyProvider:
        return self.at(free_port())

    def at(self, port: int) -> AwsKms:
        """Connect to something else."""
        elsewhere = replace(self.settings, endpoint=f"http://127.0.0.1:{port}")
        return keyholding.aws(elsewhere, within_seconds=IMPATIENCE_SECONDS)


def _short(arn: str) -> str:
    """The id within an ARN: these calls of the double know keys by nothing else."""
    return arn.rpartition("/")[2]


# ---- PKCS#11 ----


def a_token_folder(folder: Path) -> None:
    """Lay the configuration of SoftHSM2, which a process reads once: every token of a run is within it."""
    if not SOFTHSM.exists() or shutil.which("softhsm2-util") is None:
        pytest.skip("there is no SoftHSM2; scripts/system-packages.txt names it, and .ci/run installs it")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")


@dataclass
class Pkcs11Bench:
    """A token of its own, with its keys."""

    folder: Path

    def __post_init__(self) -> None:
        self.label = f"t-{self.folder.name}"[-32:]
        subprocess.run(
            [
                "/usr/bin/softhsm2-util",
                "--init-token",
                "--free",
                "--label",
                self.label,
                "--pin",
                PIN,
                "--so-pin",
                "so-4711-of-a-test",
            ],
            check=True,
            capture_output=True,
        )
        self.keys = {slot: f"vault-{slot.lower()}" for slot in SLOTS}
        # A module that was opened before does not see the tokens that were made since.
        pkcs11.lib(str(SOFTHSM)).reinitialize()
        with self.session() as session:
            for label in self.keys.values():
                session.generate_key(
                    KeyType.AES,
                    256,
                    label=label,
                    id=(1).to_bytes(4),
                    store=True,
                    template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
                )

    def session(self) -> Any:
        """Log in as the keys' owner."""
        return pkcs11.lib(str(SOFTHSM)).get_token(token_label=self.label).open(user_pin=PIN, rw=True)

    @property
    def settings(self) -> Pkcs11Settings:
        """As a house is told of it."""
        return Pkcs11Settings(SOFTHSM, self.label, self.keys, PIN)

    def provider(self) -> KeyProvider:
        return keyholding.pkcs11(self.settings)

    def destroy(self, slot: str) -> None:
        with self.session() as session:
            wanted = {Attribute.LABEL: self.keys[slot], Attribute.CLASS: ObjectClass.SECRET_KEY}
            for held in list(session.get_objects(wanted)):
                held.destroy()

    def bring_back(self, slot: str) -> None:
        with self.session() as session, pytest.raises(pkcs11.exceptions.AttributeSensitive):
            session.get_key(label=self.keys[slot])[Attribute.VALUE]

    def denied(self) -> KeyProvider:
        return keyholding.pkcs11(replace(self.settings, pin="another"))

    def down(self) -> KeyProvider:
        return keyholding.pkcs11(replace(self.settings, token="none-of-that-label"))

    def at(self, _port: int, /) -> KeyProvider:
        pytest.skip("a module is a library in this process: nobody can leave off waiting for it")


def _wait(port: int, process: "subprocess.Popen[bytes]") -> None:
    ends = time.monotonic() + _PATIENCE_SECONDS
    while True:
        assert process.poll() is None, "the provider has ended"
        assert time.monotonic() < ends, "the provider does not listen"
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
        except OSError:
            # Nothing to listen for but its port.
            process.poll()
        else:
            return
