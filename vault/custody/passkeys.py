"""Passkeys: what an authenticator says (WebAuthn), held against the challenge, the origin and its key."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from webauthn import verify_authentication_response, verify_registration_response
from webauthn.helpers import decode_credential_public_key, decoded_public_key_to_cryptography
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.structs import (
    AttestationFormat,
    AuthenticationCredential,
    AuthenticatorAssertionResponse,
    AuthenticatorAttestationResponse,
    RegistrationCredential,
)

from vault.domain.canonical import Json
from vault.domain.grants import token_bytes, token_text
from vault.domain.passkeys import Asserted, Attested

ALGORITHMS: Final = (
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
)


@dataclass(frozen=True, slots=True)
class Site:
    """Where the house is visited: what authenticators sign for, and nothing else."""

    origin: str

    @property
    def rp_id(self) -> str:
        """Name the host, as authenticators know it."""
        return urlsplit(self.origin).hostname or ""


@dataclass(frozen=True, slots=True)
class Credential:
    """What is kept of a passkey: its id, its public key (COSE), and where its counter began; no secret."""

    id: bytes
    public_key: bytes
    counter: int


def challenge_in(client_data: str) -> bytes:
    """Read which challenge was signed; empty where that cannot be read, or another site's frame asked."""
    try:
        told = json.loads(token_bytes(client_data))
        return b"" if told.get("crossOrigin") else token_bytes(told["challenge"])
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return b""


def attest(sent: Attested, site: Site, challenge: bytes) -> Credential | None:
    """Read a new passkey that was made for *challenge* at *site*, its user verified; None for others."""
    try:
        raw = token_bytes(sent.id)
        response = AuthenticatorAttestationResponse(
            client_data_json=token_bytes(sent.client_data),
            attestation_object=token_bytes(sent.attestation),
        )
        found = verify_registration_response(
            credential=RegistrationCredential(id=sent.id, raw_id=raw, response=response),
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            require_user_verification=True,
            supported_pub_key_algs=[*ALGORITHMS],
        )
        # A key that is no key would be found out only when its owner needs it.
        decoded_public_key_to_cryptography(decode_credential_public_key(found.credential_public_key))
    except Exception:  # noqa: BLE001 - whatever a reader of hostile bytes raises refuses them
        return None
    # No certificate is asked for, so none is looked at (WebAuthn 5.4.7).
    if found.fmt != AttestationFormat.NONE or found.credential_id != raw:
        return None
    return Credential(found.credential_id, found.credential_public_key, found.sign_count)


def check(sent: Asserted, site: Site, challenge: bytes, *, kept: Credential) -> int | None:
    """Give the counter of a passkey that signed *challenge* at *site*, its user verified; None for others.

    ``kept.counter`` is the last one known: one that does not go up is a copy of the passkey
    (WebAuthn 6.1.1), but where it stays at 0 the authenticator does not count.
    """
    try:
        found = verify_authentication_response(
            credential=AuthenticationCredential(
                id=sent.id,
                raw_id=token_bytes(sent.id),
                response=AuthenticatorAssertionResponse(
                    client_data_json=token_bytes(sent.client_data),
                    authenticator_data=token_bytes(sent.authenticator_data),
                    signature=token_bytes(sent.signature),
                ),
            ),
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            credential_public_key=kept.public_key,
            credential_current_sign_count=kept.counter,
            require_user_verification=True,
        )
    except Exception:  # noqa: BLE001 - whatever a reader of hostile bytes raises refuses them
        return None
    return found.new_sign_count if found.credential_id == kept.id else None


def written(credential: Credential) -> Mapping[str, Json]:
    """Write what is kept of a passkey."""
    return {
        "credential": token_text(credential.id),
        "public_key": token_text(credential.public_key),
        "counter": credential.counter,
    }


def read(body: str) -> Credential:
    """Read what was kept of a passkey."""
    told = json.loads(body)
    return Credential(token_bytes(told["credential"]), token_bytes(told["public_key"]), int(told["counter"]))
