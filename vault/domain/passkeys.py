"""Passkeys: what a browser sends of one that was made, and of one that signed (WebAuthn 5.1.8)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Attested:
    """What a browser sends of a new passkey, in unpadded base64url."""

    id: str
    client_data: str
    attestation: str


@dataclass(frozen=True, slots=True)
class Asserted:
    """What a browser sends of a passkey that signed, in unpadded base64url."""

    id: str
    client_data: str
    authenticator_data: str
    signature: str
    user_handle: str | None
