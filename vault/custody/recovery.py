"""Recovery: what a share set gives back: the local slots' secrets, sealed to its public key in a directory.

    set.json        the set's id, public key, threshold and count: nothing secret
    slots.sealed    HPKE(public, JSON {slot: secret}, "PV1U" | set 16 | 01)
    host.sealed     HPKE(public, JSON [host secret …], "PV1U" | set 16 | 02)
    rehearsed.json  which set was rehearsed when, and a print of each slot's secret at that time

The secret half is split into shares and kept nowhere, so that whoever changes slots seals anew without it.
The first two go with each backup of keys; ``host.sealed`` goes into none, since it would bring back what a
replaced host secret has ended.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from vault.crypto import hpke
from vault.crypto.aead import KEY_BYTES, Draw
from vault.crypto.kdf import expand
from vault.custody import shares
from vault.custody.providers.host_secret import HostSecret
from vault.custody.providers.local import LocalSlots, create_slot_file
from vault.domain.canonical import Json, canonical
from vault.errors import Conflict, Corrupt, Invalid, NotFound
from vault.storage import private_writes

_SLOTS, _HOST = b"\x01", b"\x02"
_SET_BYTES: Final = 16
_PRINT_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class ShareSet:
    """A set of shares as it is known without them."""

    id: bytes
    public: bytes
    threshold: int
    count: int


@dataclass(frozen=True, slots=True)
class Recovered:
    """What the shares gave back."""

    slots: Mapping[str, bytes] = field(repr=False)
    host: Sequence[bytes] = field(repr=False)


class Recovery:
    """The share set of one house in *folder*, and the local slots and the host secret that it is for."""

    __slots__ = ("_folder", "_host", "_slots")

    def __init__(self, folder: Path, slots: Mapping[str, Path], *, host: Path | None) -> None:
        """Know where everything is; nothing is read yet."""
        self._folder, self._slots, self._host = folder, dict(slots), host

    def make(self, draw: Draw, *, threshold: int, count: int) -> tuple[ShareSet, list[str]]:
        """Make a new set, seal to it what the slots hold now, and give its shares, which are kept nowhere.

        A crash in between leaves files that open by the new set or by the old one; then this is repeated.
        """
        if not 2 <= threshold <= count <= shares.MOST_SHARES:
            raise Invalid("shares_count", limit=shares.MOST_SHARES)
        secret = draw(KEY_BYTES)
        made = ShareSet(draw(_SET_BYTES), hpke.public_of(secret), threshold, count)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._write(
            "set.json",
            {"set": _text(made.id), "public": _text(made.public), "threshold": threshold, "count": count},
        )
        self.seal()
        return made, shares.split(secret, threshold=threshold, count=count)

    def known(self) -> ShareSet | None:
        """Read what is known of the set; None where there is none, Corrupt where it is something else."""
        said = self._read("set.json")
        if said is None:
            return None
        try:
            return ShareSet(
                _bytes(said["set"]), _bytes(said["public"]), int(said["threshold"]), int(said["count"])
            )
        except (KeyError, TypeError, ValueError):
            raise Corrupt("recovery") from None

    def seal(self) -> None:
        """Seal what the slots and the host secret hold now, by the set's public key; it takes no share."""
        known = self._needed()
        slots: dict[str, Json] = {slot: _text(secret) for slot, secret in self._secrets().items()}
        host: list[Json] = [_text(one) for one in self._host_secrets()]
        for name, kind, held in (("slots", _SLOTS, slots), ("host", _HOST, host)):
            box = hpke.seal(known.public, canonical(held), _info(known, kind))
            private_writes.write(self._folder / f"{name}.sealed", box)

    def open(self, texts: Sequence[str]) -> Recovered:
        """Open by shares what was sealed; raises Invalid ``shares_foreign`` for those of another set.

        What shares themselves are wrong with is told by :func:`shares.join`.
        """
        known = self._needed()
        secret = shares.join(texts)
        if len(secret) != KEY_BYTES or hpke.public_of(secret) != known.public:
            raise Invalid("shares_foreign")
        slots, host = (
            json.loads(hpke.unseal(secret, self._sealed(name), _info(known, kind)))
            for name, kind in (("slots", _SLOTS), ("host", _HOST))
        )
        return Recovered({slot: _bytes(one) for slot, one in slots.items()}, [_bytes(one) for one in host])

    def rehearse(self, texts: Sequence[str], *, at_ms: int) -> ShareSet:
        """Prove by shares that all is there that the slots hold today, and remember that it was.

        Raises Conflict ``recovery_stale`` where something was changed since it was sealed.
        """
        found, known = self.open(texts), self._needed()
        if dict(found.slots) != self._secrets() or list(found.host) != self._host_secrets():
            raise Conflict("recovery_stale")
        self._write("rehearsed.json", {"set": _text(known.id), "at": at_ms, "slots": self._prints(known)})
        return known

    def lacking(self) -> str | None:
        """Say by a code what keeps the house from being recovered by its shares, as far as can be told."""
        known, said = self.known(), self._read("rehearsed.json")
        if known is None:
            return "no_set"
        if said is None or said.get("set") != _text(known.id):
            return "not_rehearsed"
        then = said.get("slots")
        # A process has the slots that it was given, and answers for those.
        now = self._prints(known)
        is_same = isinstance(then, dict) and all(then.get(slot) == one for slot, one in now.items())
        return None if is_same else "slots_changed"

    def restore(self, texts: Sequence[str]) -> list[str]:
        """Write the slot files and the host secret that are not there; returns their names.

        What is there is left alone: nothing that still opens is ever replaced.
        """
        found, written = self.open(texts), list[str]()
        for slot, secret in sorted(found.slots.items()):
            path = self._slots.get(slot.upper())
            if path is not None and not path.exists():
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                create_slot_file(path, draw=lambda _, secret=secret: secret)  # type: ignore[misc]
                written.append(slot.upper())
        if self._host is not None and found.host and not self._host.exists():
            HostSecret(self._host).restore(found.host)
            written.append("the host secret")
        return written

    def _needed(self) -> ShareSet:
        known = self.known()
        if known is None:
            raise NotFound("no_recovery_set")
        return known

    def _secrets(self) -> dict[str, bytes]:
        return {slot.lower(): secret for slot, secret in LocalSlots.read(self._slots).secrets().items()}

    def _host_secrets(self) -> list[bytes]:
        return HostSecret(self._host).secrets() if self._host is not None else []

    def _prints(self, known: ShareSet) -> dict[str, Json]:
        return {
            slot: _text(expand(secret, b"PV1U" + known.id, length=_PRINT_BYTES))
            for slot, secret in self._secrets().items()
        }

    def _sealed(self, name: str) -> bytes:
        try:
            return (self._folder / f"{name}.sealed").read_bytes()
        except OSError:
            raise NotFound("no_recovery_file") from None

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            found = json.loads((self._folder / name).read_bytes())
        except OSError:
            return None
        except ValueError:
            raise Corrupt("recovery") from None
        return found if isinstance(found, dict) else {}

    def _write(self, name: str, said: Json) -> None:
        private_writes.write(self._folder / name, canonical(said))


def _info(known: ShareSet, kind: bytes) -> bytes:
    return b"PV1U" + known.id + kind


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
