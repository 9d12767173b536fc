"""PKCS#11 provider: slot secrets in a hardware module, which lets nobody read them.

    sealed = 05 | number u32 | nonce 12 | ciphertext 32 | tag 16         AES-256-GCM
       AAD = those 17 bytes | context

Versions of a key have one label; each has its number, big-endian, as its CKA_ID, and the highest seals.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Any, Final

from vault.crypto.aead import KEY_BYTES, NONCE_BYTES, TAG_BYTES, Draw
from vault.custody.providers.key_provider import Ending
from vault.errors import Corrupt, KeyDenied, KeyDestroyed, KeyUnavailable, Misconfigured

try:
    from pkcs11 import Attribute, GCMParams, KeyType, Mechanism, ObjectClass
    from pkcs11 import exceptions as faults
    from pkcs11 import lib as library
except ImportError:  # pragma: no cover - the extra is not installed; who needs it is told
    IS_HERE = False
else:
    IS_HERE = True

_VERSION: Final = b"\x05"
_NUMBER_BYTES: Final = 4
_HEAD_BYTES: Final = len(_VERSION) + _NUMBER_BYTES
_PREFIX_BYTES: Final = _HEAD_BYTES + NONCE_BYTES
_SEALED_BYTES: Final = _PREFIX_BYTES + KEY_BYTES + TAG_BYTES


class Pkcs11:
    """The keys of one token, by the slots that they are for."""

    name: Final = "pkcs11"

    __slots__ = ("_keys", "_lock", "_module", "_pin", "_token")

    def __init__(self, keys: Mapping[str, str], *, module: str, token: str, pin: str) -> None:
        """Use the *keys*, by their labels, of the *token* of that label, through the library *module*.

        Raises Misconfigured where the extra is not installed.
        """
        if not IS_HERE:
            raise Misconfigured(
                ["VAULT_ROOT_<SLOT> names pkcs11: its library is not here; install 'customer-vault[pkcs11]'."]
            )
        self._keys = dict(keys)
        self._module, self._token, self._pin = module, token, pin
        # A process is logged in to a token as a whole, or not at all.
        self._lock = Lock()

    @property
    def served(self) -> frozenset[str]:
        """The slots that have a key there."""
        return frozenset(self._keys)

    def seal(self, slot: str, key: bytes, *, context: bytes, draw: Draw) -> bytes:
        """Seal *key* there, under the highest number."""
        with self._session(slot) as session:
            number, held = max(self._versions(session, slot).items(), key=lambda one: one[0])
            prefix = _VERSION + number.to_bytes(_NUMBER_BYTES) + draw(NONCE_BYTES)
            made = held.encrypt(
                key,
                mechanism=Mechanism.AES_GCM,
                mechanism_param=GCMParams(prefix[_HEAD_BYTES:], prefix + context, 8 * TAG_BYTES),
            )
        return prefix + bytes(made)

    def open(self, slot: str, sealed: bytes, *, context: bytes) -> bytes:
        """Open there what was sealed there."""
        if len(sealed) != _SEALED_BYTES or sealed[: len(_VERSION)] != _VERSION:
            raise Corrupt("slot_form")
        prefix = sealed[:_PREFIX_BYTES]
        params = GCMParams(prefix[_HEAD_BYTES:], prefix + context, 8 * TAG_BYTES)
        with self._session(slot) as session:
            held = self._versions(session, slot).get(_number(sealed))
            if held is None:
                raise KeyDestroyed(slot=slot, provider=self.name)
            try:
                plain = held.decrypt(
                    sealed[_PREFIX_BYTES:], mechanism=Mechanism.AES_GCM, mechanism_param=params
                )
            except (faults.GeneralError, faults.EncryptedDataInvalid, faults.EncryptedDataLenRange):
                # Modules call a tag that does not fit by different names, and SoftHSM by this first one.
                raise Corrupt("slot_commitment") from None
        return bytes(plain)

    def check(self, slot: str) -> None:
        """Log in and look for the key, and whether it can leave the module."""
        with self._session(slot) as session:
            for held in self._versions(session, slot).values():
                if held[Attribute.EXTRACTABLE] or not held[Attribute.SENSITIVE]:
                    raise Misconfigured(
                        [f"VAULT_ROOT_{slot}: the key can leave the module; make one that cannot."]
                    )

    def rotate(self, slots: Collection[str]) -> None:
        """Let the module make the next number of each key."""
        for slot in slots:
            with self._session(slot) as session:
                self._make(session, slot, max(self._versions(session, slot)) + 1)

    def retire(self, in_use: Mapping[str, Collection[bytes]]) -> Ending:
        """Destroy the numbers under which nothing is sealed, but for the highest."""
        for slot, sealed in in_use.items():
            used = set(map(_number, sealed))
            with self._session(slot) as session:
                versions = self._versions(session, slot)
                for number, held in versions.items():
                    if number not in used | {max(versions)}:
                        held.destroy()
        return Ending.GONE

    def changed(self) -> list[str]:
        """Nothing can be told from here."""
        return []

    def close(self) -> None:
        """Nothing is open: a session lasts for one call, so that a module may be started anew."""

    @contextmanager
    def _session(self, slot: str) -> Iterator[Any]:
        with self._lock:
            try:
                token = library(self._module).get_token(token_label=self._token)
                with token.open(user_pin=self._pin, rw=True) as session:
                    yield session
            except (
                faults.PinIncorrect,
                faults.PinLocked,
                faults.PinExpired,
                faults.UserNotLoggedIn,
            ):
                raise KeyDenied(slot=slot, provider=self.name) from None
            except faults.PKCS11Error:
                raise KeyUnavailable(slot=slot, provider=self.name) from None

    def _versions(self, session: Any, slot: str) -> Mapping[int, Any]:
        wanted = {Attribute.LABEL: self._keys[slot], Attribute.CLASS: ObjectClass.SECRET_KEY}
        found = {int.from_bytes(held.id): held for held in session.get_objects(wanted)}
        if not found:
            raise KeyDestroyed(slot=slot, provider=self.name)
        return found

    def _make(self, session: Any, slot: str, number: int) -> None:
        session.generate_key(
            KeyType.AES,
            8 * KEY_BYTES,
            label=self._keys[slot],
            id=number.to_bytes(_NUMBER_BYTES),
            store=True,
            template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
        )


def _number(sealed: bytes) -> int:
    return int.from_bytes(sealed[len(_VERSION) : _HEAD_BYTES])
