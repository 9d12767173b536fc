"""Host secret: every local slot seals with it as well; no backup has it, and it is replaced.

One file, ``vault-host-1 `` and 32 random bytes as unpadded base64url on each line, the newest first; there
is more than one while keys are sealed anew. Slot files out of an old backup open nothing without the one of
that day.

    host id = Expand(host secret, "PV1H", 8)
"""

import os
import re
import stat
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from vault.crypto.aead import KEY_BYTES
from vault.crypto.kdf import expand
from vault.errors import KeyUnavailable, Misconfigured
from vault.storage import private_writes

HOST_ID_BYTES: Final = 8

_LINE: Final = re.compile(rb"vault-host-1 ([A-Za-z0-9_-]{43})")
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_MOST_BYTES: Final = 64 * 1024


class HostSecret:
    """The file, which is read anew at each use: another process may have replaced what is in it."""

    __slots__ = ("_path",)

    def __init__(self, path: Path) -> None:
        """Use the file at *path*; raises Misconfigured where others may read it, or it is something else."""
        self._path = path
        try:
            text, mode = _read(path)
        except OSError:
            # Whatever needs it says so.
            return
        if mode & _OTHERS:
            raise Misconfigured([f"{path} (the host secret) is open to others; run 'chmod 600 {path}'."])
        if not _parsed(text):
            raise Misconfigured([f"{path} is no host secret; restore it, or choose another path."])

    def newest(self, slot: str) -> tuple[bytes, bytes]:
        """Give the one that seals, with its id; raises KeyUnavailable, for *slot*, where there is none."""
        found = next(iter(self._all().items()), None)
        if found is None:
            raise KeyUnavailable(slot=slot, provider="local")
        return found

    def find(self, host_id: bytes, slot: str) -> bytes | None:
        """Find the one of this id; None where it was replaced, KeyUnavailable where none can be read."""
        found = self._all()
        if not found:
            raise KeyUnavailable(slot=slot, provider="local")
        return found.get(host_id)

    def ids(self) -> list[bytes]:
        """Name those that are there, newest first."""
        return list(self._all())

    def add(self) -> None:
        """Put a new one before those that stand; a crash leaves either these or those, never half."""
        self._write([os.urandom(KEY_BYTES), *self._all().values()])

    def keep(self, ids: Collection[bytes]) -> None:
        """Let go of all but the newest and these."""
        found = list(self._all().items())
        self._write([secret for at, (one, secret) in enumerate(found) if at == 0 or one in ids])

    def secrets(self) -> list[bytes]:
        """Give them all, newest first, for whoever keeps a sealed copy."""
        return list(self._all().values())

    def restore(self, secrets: Collection[bytes]) -> None:
        """Write these, where there is no file."""
        self._write(list(secrets))

    def _all(self) -> Mapping[bytes, bytes]:
        try:
            text, _ = _read(self._path)
        except OSError:
            return {}
        return {expand(one, b"PV1H", length=HOST_ID_BYTES): one for one in _parsed(text)}

    def _write(self, secrets: Collection[bytes]) -> None:
        lines = [b"vault-host-1 " + urlsafe_b64encode(one).rstrip(b"=") + b"\n" for one in secrets]
        private_writes.write(self._path, b"".join(lines))


def _parsed(text: bytes) -> list[bytes]:
    """Read each line; nothing at all where one of them is something else."""
    found = [_LINE.fullmatch(line) for line in text.splitlines()]
    secrets = [urlsafe_b64decode(one[1] + b"=") for one in found if one is not None]
    return secrets if len(secrets) == len(found) else []


def _read(path: Path) -> tuple[bytes, int]:
    with path.open("rb") as file:
        return file.read(_MOST_BYTES), os.fstat(file.fileno()).st_mode
