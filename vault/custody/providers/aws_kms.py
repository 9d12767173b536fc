"""AWS KMS provider: slot secrets as keys of the cloud's key management, used there alone.

    sealed = 04 | length u16 | ARN of the key | ciphertext of AWS

The context is the encryption context. A slot may name several keys: the first seals, and all of them open,
so that a key is replaced by naming the next before it. Nothing opens by a key that is not named: whoever
writes to the keys store could put one of their own there.
"""

from base64 import urlsafe_b64encode
from collections.abc import Callable, Collection, Mapping, Sequence
from configparser import ConfigParser, Error
from pathlib import Path
from typing import Any, Final, TypeVar

from vault.crypto.aead import KEY_BYTES, Draw
from vault.custody.providers.key_provider import Ending
from vault.errors import Corrupt, KeyDenied, KeyDestroyed, KeyUnavailable, Misconfigured

try:
    from boto3.session import Session
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError:  # pragma: no cover - the extra is not installed; who needs it is told
    IS_HERE = False
else:
    IS_HERE = True

_VERSION: Final = b"\x04"
_LENGTH_BYTES: Final = 2
# The shortest time that AWS lets pass until a key is gone; it opens nothing meanwhile.
_PENDING_DAYS: Final = 7
_GONE: Final = frozenset({"NotFoundException", "KMSInvalidStateException"})
_DENIED: Final = frozenset({"AccessDeniedException", "DisabledException", "UnrecognizedClientException"})
_WRONG: Final = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})

_Found = TypeVar("_Found")


class AwsKms:
    """The keys of one region, by the slots that they are for; *connect* gives the client of AWS."""

    name: Final = "aws-kms"

    __slots__ = ("_arns", "_client", "_keys")

    def __init__(self, keys: Mapping[str, Sequence[str]], *, client: Any) -> None:
        """Use *keys*, each slot's newest first, by *client*."""
        self._keys = {slot: tuple(named) for slot, named in keys.items()}
        self._client = client
        self._arns: dict[str, str] = {}

    @property
    def served(self) -> frozenset[str]:
        """The slots that have a key there."""
        return frozenset(self._keys)

    def seal(self, slot: str, key: bytes, *, context: bytes, draw: Draw) -> bytes:  # noqa: ARG002
        """Seal *key* there, under the first key of the slot."""
        arn = self._usable(slot, self._keys[slot][0])
        found = self._asked(
            slot,
            lambda: self._client.encrypt(KeyId=arn, Plaintext=key, EncryptionContext=_bound(context)),
        )
        return _VERSION + len(arn).to_bytes(_LENGTH_BYTES) + arn.encode() + bytes(found["CiphertextBlob"])

    def open(self, slot: str, sealed: bytes, *, context: bytes) -> bytes:
        """Open there what was sealed there, by the key that it names, if the slot has it."""
        arn, made = _read(sealed)
        named = next((one for one in self._keys[slot] if self._arn(slot, one) == arn), None)
        if named is None:
            raise Corrupt("slot_key")
        self._usable(slot, named)
        found = self._asked(
            slot,
            lambda: self._client.decrypt(KeyId=arn, CiphertextBlob=made, EncryptionContext=_bound(context)),
        )
        key = bytes(found["Plaintext"])
        if len(key) != KEY_BYTES:
            raise Corrupt("slot_length")
        return key

    def check(self, slot: str) -> None:
        """Ask for the state of the key that seals."""
        self._usable(slot, self._keys[slot][0])

    def rotate(self, slots: Collection[str]) -> None:
        """Let AWS make new material for each key; older material stays there, and AWS destroys none of it."""
        for slot in slots:
            arn = self._usable(slot, self._keys[slot][0])
            self._asked(slot, lambda arn=arn: self._client.rotate_key_on_demand(KeyId=arn))  # type: ignore[misc]

    def retire(self, in_use: Mapping[str, Collection[bytes]]) -> Ending:
        """Let AWS delete the former keys under which nothing is sealed: unusable at once, gone in a week."""
        ending = Ending.KEPT
        for slot, sealed in in_use.items():
            used = {_read(one)[0] for one in sealed}
            for former in self._keys[slot][1:]:
                arn = self._arn(slot, former)
                if arn in used:
                    continue
                ending = Ending.PENDING
                self._end(slot, former)
        return ending

    def changed(self) -> list[str]:
        """Nothing can be told from here."""
        return []

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def _end(self, slot: str, named: str) -> None:
        known = self._known(slot, named)
        if known["KeyState"] != "PendingDeletion":
            days = {"KeyId": known["KeyId"], "PendingWindowInDays": _PENDING_DAYS}
            self._asked(slot, lambda: self._client.schedule_key_deletion(**days))

    def _arn(self, slot: str, named: str) -> str:
        if named not in self._arns:
            self._arns[named] = str(self._known(slot, named)["Arn"])
        return self._arns[named]

    def _usable(self, slot: str, named: str) -> str:
        """Find the ARN of a key that may be used: one that is on its way out is refused before it is gone."""
        known = self._known(slot, named)
        match known["KeyState"]:
            case "Enabled":
                return str(known["Arn"])
            case "PendingDeletion" | "PendingReplicaDeletion":
                raise KeyDestroyed(slot=slot, provider=self.name)
            case _:
                raise KeyDenied(slot=slot, provider=self.name)

    def _known(self, slot: str, named: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._asked(slot, lambda: self._client.describe_key(KeyId=named))
        return dict(found["KeyMetadata"])

    def _asked(self, slot: str, ask: Callable[[], _Found]) -> _Found:
        try:
            return ask()
        except ClientError as fault:
            code = fault.response.get("Error", {}).get("Code", "")
            if code in _WRONG:
                raise Corrupt("slot_commitment") from None
            if code in _GONE:
                raise KeyDestroyed(slot=slot, provider=self.name) from None
            if code in _DENIED:
                raise KeyDenied(slot=slot, provider=self.name) from None
            raise KeyUnavailable(slot=slot, provider=self.name) from None
        except BotoCoreError:
            raise KeyUnavailable(slot=slot, provider=self.name) from None


def connect(*, region: str, endpoint: str | None, credentials: Path | None, seconds: float) -> Any:
    """Give a client of AWS KMS that waits no longer than *seconds* for a word, and tries twice.

    Raises Misconfigured where the extra is not installed, or the credentials hold no key.
    """
    if not IS_HERE:
        raise Misconfigured(
            ["VAULT_ROOT_<SLOT> names aws-kms: its library is not here; install 'customer-vault[aws]'."]
        )
    config = Config(
        connect_timeout=seconds, read_timeout=seconds, retries={"total_max_attempts": 2, "mode": "standard"}
    )
    given = _credentials(credentials) if credentials is not None else {}
    return Session().client("kms", region_name=region, endpoint_url=endpoint, config=config, **given)


def _credentials(path: Path) -> Mapping[str, str]:
    # The library's own chain would look into the environment first, where no secret of a house may be.
    parser = ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
        section = parser["default"]
        names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
        return {name: section[name] for name in names if name in section or name != "aws_session_token"}
    except (OSError, UnicodeDecodeError, KeyError, Error):
        raise Misconfigured(
            [f"VAULT_AWS_CREDENTIALS_FILE: {path} has no access key under [default]."]
        ) from None


def _bound(context: bytes) -> Mapping[str, str]:
    return {"vault": urlsafe_b64encode(context).decode()}


def _read(sealed: bytes) -> tuple[str, bytes]:
    head = len(_VERSION) + _LENGTH_BYTES
    length = int.from_bytes(sealed[len(_VERSION) : head])
    arn = sealed[head : head + length]
    if sealed[: len(_VERSION)] != _VERSION or len(sealed) <= head + length or not arn.isascii():
        raise Corrupt("slot_form")
    return arn.decode(), sealed[head + length :]
