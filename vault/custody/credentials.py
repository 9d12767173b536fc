"""Credentials: the text of an app's secret, shown once, and the keyed hash that is kept of it."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field

from vault.crypto.mac import mac, same
from vault.custody.keyring import KeyPurpose, Keyring
from vault.domain.terms import AppId, id_bytes, id_text

SECRET_BYTES = 32
_TOKEN = re.compile(r"vault_([0-9a-hjkmnp-tv-z]{26})_([A-Za-z0-9_-]{43})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Credential:
    """What an asker presents: an app's id and a secret."""

    app: AppId
    secret: bytes = field(repr=False)


# Stands in where no credential could be read, so that a garbled header takes the same way and time.
NOBODY = Credential(AppId(bytes(16)), bytes(SECRET_BYTES))


def write(credential: Credential) -> str:
    """Write a credential as ``vault_``, 26 letters of the app and 43 of the secret; it is shown once."""
    letters = id_text("app", credential.app).removeprefix("app_")
    return f"vault_{letters}_{urlsafe_b64encode(credential.secret).decode().rstrip('=')}"


def read(header: str | None) -> Credential | None:
    """Read an ``Authorization`` header (RFC 6750 2.1); None where it is not one of ours, exactly spelled."""
    scheme, _, text = (header or "").partition(" ")
    found = _TOKEN.fullmatch(text) if scheme.lower() == "bearer" else None
    app = id_bytes("app", f"app_{found[1]}") if found is not None else None
    if found is None or app is None:
        return None
    credential = Credential(AppId(app), urlsafe_b64decode(f"{found[2]}="))
    # 43 letters hold 258 bits: only the spelling with two clear bits is the one that was shown.
    return credential if write(credential) == text else None


def verifier(keyring: Keyring, credential: Credential) -> bytes:
    """Hash a credential under the authority root, bound to its app (CRYPTO §7)."""
    root = keyring.root(KeyPurpose.AUTHORITY)
    return mac(root, b"PV1T" + keyring.tenant + credential.app + credential.secret)


def matches(presented: bytes, kept: bytes) -> bool:
    """Compare two verifiers in constant time."""
    return same(presented, kept)
