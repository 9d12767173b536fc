"""Local provider: slot secrets from files, and what is sealed under them in the keys store.

A slot file is one line, ``vault-slot-1 `` and 32 random bytes as unpadded base64url, readable by its owner
alone. What is sealed under a slot commits to slot and context, so that it opens one way or not at all:

    sealed = 01 |             salt 32 | commit 32 | nonce 12 | AEAD(K, key 32) 48
           = 02 | host id 8 | salt 32 | commit 32 | nonce 12 | AEAD(K, key 32) 48
    okm 64 = Expand(root, "PV1L" | salt 32 | context) = K 32 | commit 32
      root = slot secret in 01; HKDF(slot secret | host secret, "PV1H") in 02
       AAD = the bytes before the nonce | context

Where the house has a host secret (custody.providers.host_secret), it seals by 02 alone and still opens 01.
What is derived and sealed nowhere has a label of its own (custody.notarial), and needs no host secret.
"""

import os
import re
import stat
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from vault.crypto.aead import KEY_BYTES, Cipher, Draw, Nonces, Suite
from vault.crypto.kdf import combine, expand
from vault.crypto.mac import same
from vault.custody.providers.host_secret import HOST_ID_BYTES, HostSecret
from vault.custody.providers.key_provider import Ending
from vault.errors import Corrupt, KeyDestroyed, KeyUnavailable, Misconfigured

SEALED_BYTES: Final = 125

_ALONE: Final = b"\x01"
_WITH_HOST: Final = b"\x02"
_SALT_BYTES = 32
# The bytes before the salt, by the version that they begin with.
_HEAD_BYTES: Final[Mapping[bytes, int]] = {_ALONE: 1, _WITH_HOST: 1 + HOST_ID_BYTES}
_LABEL: Final = b"PV1H"
_LINE = re.compile(rb"vault-slot-1 ([A-Za-z0-9_-]{43})\n?")
_LONGEST = 64
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class LocalSlots:
    """The slots this process was given; a slot without a file is simply not served."""

    name: Final = "local"

    __slots__ = ("_files", "_host", "_secrets")

    def __init__(
        self,
        secrets: Mapping[str, bytes],
        *,
        files: Mapping[str, Path] | None = None,
        host: HostSecret | None = None,
    ) -> None:
        """Take slot secrets by slot name, the *files* that they came from, and the secret of the *host*.

        Raises Misconfigured where two slots share a secret.
        """
        # Tiers are keys (promise 4): one secret for two slots would make one tier out of two.
        shared = sorted(slot for slot, one in secrets.items() if list(secrets.values()).count(one) > 1)
        if shared:
            raise Misconfigured([f"Slots {', '.join(shared)} hold the same secret; give each its own file."])
        self._secrets = dict(secrets)
        self._host = host
        # What came through a descriptor can be read once.
        self._files = {slot: path for slot, path in (files or {}).items() if not _is_passing(path)}

    @classmethod
    def read(cls, paths: Mapping[str, Path], *, host: Path | None = None) -> "LocalSlots":
        """Read the slot files that are there; *host* is the file of the host secret, if there is to be one.

        A missing or unreadable file leaves its slot unserved; one that others may read, or that is no slot
        file, raises Misconfigured, all such files at once.
        """
        secrets: dict[str, bytes] = {}
        faults: list[str] = []
        for slot, path in sorted(paths.items()):
            try:
                line, mode = _read(path)
            except OSError:
                continue
            found = _LINE.fullmatch(line)
            if mode & _OTHERS:
                faults.append(f"{path} (slot {slot}) is open to others; run 'chmod 600 {path}'.")
            elif found is None:
                faults.append(f"{path} (slot {slot}) is not a slot file; restore it or choose another path.")
            else:
                secrets[slot] = urlsafe_b64decode(found[1] + b"=")
        if faults:
            raise Misconfigured(faults)
        files = {slot: paths[slot] for slot in secrets}
        return cls(secrets, files=files, host=HostSecret(host) if host is not None else None)

    @property
    def served(self) -> frozenset[str]:
        """The names of the slots whose secret is here."""
        return frozenset(self._secrets)

    def changed(self) -> list[str]:
        """Name the slots whose file is gone, or no longer holds the secret that was read from it."""
        if self._host is not None and self._secrets and not self._host.ids():
            # None of them could be opened again.
            return sorted(self._secrets)
        return [
            slot
            for slot, path in self._files.items()
            if slot in self._secrets and not self._still_holds(slot, path)
        ]

    def _still_holds(self, slot: str, path: Path) -> bool:
        try:
            line, _ = _read(path)
        except OSError:
            return False
        found = _LINE.fullmatch(line)
        return found is not None and same(urlsafe_b64decode(found[1] + b"="), self._secrets[slot])

    def seal(self, slot: str, key: bytes, *, context: bytes, draw: Draw) -> bytes:
        """Seal *key* under *slot*, bound to *context*."""
        head, root = _ALONE, self._secrets[slot]
        if self._host is not None:
            # Read anew each time: another process may have replaced it.
            host_id, secret = self._host.newest(slot)
            head, root = _WITH_HOST + host_id, combine(root, secret, _LABEL)
        salt = draw(_SALT_BYTES)
        okm = expand(root, b"PV1L" + salt + context, length=2 * KEY_BYTES)
        prefix = head + salt + okm[KEY_BYTES:]
        cipher = Cipher(Suite.AES_256_GCM, okm[:KEY_BYTES])
        return prefix + cipher.seal(key, prefix + context, nonces=Nonces(1, draw=draw))

    def open(self, slot: str, sealed: bytes, *, context: bytes) -> bytes:
        """Open what :meth:`seal` made under the same slot and context.

        Raises Corrupt for anything else, KeyDestroyed where its host secret was replaced, and KeyUnavailable
        where there is none to be read.
        """
        head = _HEAD_BYTES.get(sealed[:1])
        if head is None:
            raise Corrupt("slot_version" if len(sealed) == SEALED_BYTES else "slot_length")
        if len(sealed) != SEALED_BYTES - len(_ALONE) + head:
            raise Corrupt("slot_length")
        root, at = self._root(slot, sealed[:head]), head + _SALT_BYTES
        prefix = sealed[: at + KEY_BYTES]
        okm = expand(root, b"PV1L" + sealed[head:at] + context, length=2 * KEY_BYTES)
        if not same(okm[KEY_BYTES:], prefix[at:]):
            raise Corrupt("slot_commitment")
        return Cipher(Suite.AES_256_GCM, okm[:KEY_BYTES]).open(sealed[len(prefix) :], prefix + context)

    def _root(self, slot: str, head: bytes) -> bytes:
        if head[:1] == _ALONE:
            return self._secrets[slot]
        if self._host is None:
            raise KeyUnavailable(slot=slot, provider=self.name)
        secret = self._host.find(head[1:], slot)
        if secret is None:
            raise KeyDestroyed(slot=slot, provider=self.name)
        return combine(self._secrets[slot], secret, _LABEL)

    def check(self, slot: str) -> None:
        """Look for the host secret, where there is to be one."""
        if self._host is not None:
            self._host.newest(slot)

    def rotate(self, slots: Collection[str]) -> None:
        """Put a new host secret before the one that stands: it is one for all slots."""
        if self._host is not None and slots:
            self._host.add()

    def retire(self, in_use: Mapping[str, Collection[bytes]]) -> Ending:
        """Let go of the host secrets under which nothing is sealed; what needs none stays as it is."""
        sealed = [one for each in in_use.values() for one in each]
        if self._host is None or any(one[:1] == _ALONE for one in sealed):
            return Ending.KEPT
        self._host.keep({one[1 : _HEAD_BYTES[_WITH_HOST]] for one in sealed})
        return Ending.GONE

    def secrets(self) -> dict[str, bytes]:
        """Give the secrets themselves, for whoever seals a copy of them to a share set."""
        return dict(self._secrets)

    def derive(self, slot: str, info: bytes, *, length: int) -> bytes:
        """Derive *length* bytes from the secret of *slot*, for the use that *info* names."""
        return expand(self._secrets[slot], info, length=length)

    def close(self) -> None:
        """Let go of the secrets; Python cannot wipe bytes, so this only shortens their life."""
        self._secrets.clear()


def create_slot_file(path: Path, *, draw: Draw = os.urandom) -> None:
    """Write a new slot file that only its owner may read; raises FileExistsError rather than replace one."""
    line = b"vault-slot-1 " + urlsafe_b64encode(draw(KEY_BYTES)).rstrip(b"=") + b"\n"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(line)
        file.flush()
        # A house whose keys were sealed under a secret that a power cut then took would never open again.
        os.fsync(file.fileno())


def _is_passing(path: Path) -> bool:
    return any(path.is_relative_to(one) for one in ("/dev/fd", "/dev/stdin", "/proc"))


def _read(path: Path) -> tuple[bytes, int]:
    # The mode is that of the file that was opened, not of whatever the path names a moment later.
    with path.open("rb") as file:
        return file.read(_LONGEST), os.fstat(file.fileno()).st_mode
