"""Proving: what an application has shown, held against what is known of it: secrets, tokens, certificates."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from vault.custody import access_tokens, credentials
from vault.custody.access_tokens import AccessToken
from vault.custody.credentials import Credential
from vault.custody.standing import Standing
from vault.domain.access import Actor
from vault.domain.entry import ObjectRef
from vault.domain.instants import millis
from vault.domain.terms import AppId, Millis, id_text
from vault.services.parts import Parts
from vault.storage.accounts import SecretRow
from vault.storage.people import AppKeyRow

JWK: Final = "jwk"
CERTIFICATE: Final = "certificate"
# How long before its end a secret or a key is told as one that must be changed.
EXPIRES_SOON: Final = timedelta(days=14)

# What an app can prove itself by, and what an access token goes back to.
AppKey: TypeAlias = AppKeyRow
Proof: TypeAlias = SecretRow | AppKey


def proof_id(proof: Proof) -> bytes:
    """Name a secret or a key."""
    return proof.secret if isinstance(proof, SecretRow) else proof.app_key


def proof_ref(proof: Proof) -> ObjectRef:
    """Say in an entry whose secret or key it is."""
    kind = "secret" if isinstance(proof, SecretRow) else "app_key"
    return ObjectRef(kind, proof_id(proof), id_text("app", proof.app))


def is_live(proof: Proof, now: Millis) -> bool:
    """Tell whether a secret or a key serves."""
    return proof.revoked_ms is None and now < proof.expires_ms


def why_not(proofs: list[SecretRow] | list[AppKeyRow]) -> str:
    """Say why none of *proofs* serves."""
    if not proofs:
        return "unknown"
    return "revoked" if any(one.revoked_ms is not None for one in proofs) else "expired"


def shown_secret(parts: Parts, standing: Standing, presented: Credential, at: datetime) -> SecretRow | str:
    """Find the secret that was shown, or say why none serves; each is compared, whichever fits."""
    now = millis(at)
    verifier = credentials.verifier(parts.keyring, presented)
    fitting = [
        one for one in standing.secrets.get(presented.app, ()) if credentials.matches(verifier, one.verifier)
    ]
    living = next((one for one in fitting if is_live(one, now)), None)
    return living if living is not None else why_not(fitting)


def shown_token(
    parts: Parts, standing: Standing, token: AccessToken, at: datetime, *, certificate: bytes | None
) -> Proof | str:
    """Find what an access token was given for, or say why it does not serve.

    With the secret or the key its tokens end; one for a certificate comes with it (RFC 8705 3).
    """
    now = millis(at)
    if not access_tokens.is_ours(parts.keyring, parts.house.incarnation, token):
        return "unknown"
    if now >= token.expires_ms:
        return "expired"
    proof = known_proof(standing, token.app, token.credential)
    if proof is None:
        return "unknown"
    if not is_live(proof, now):
        return "revoked" if proof.revoked_ms is not None else "expired"
    is_bound = isinstance(proof, AppKeyRow) and proof.kind == CERTIFICATE
    return "certificate" if is_bound and not fits_certificate(proof, certificate) else proof


def fits_certificate(proof: Proof, certificate: bytes | None) -> bool:
    """Tell whether *proof* is the certificate that a caller has shown."""
    if certificate is None or not isinstance(proof, AppKeyRow) or proof.kind != CERTIFICATE:
        return False
    return bool(json.loads(proof.body)["sha256"] == certificate.hex())


def known_proof(standing: Standing, app: AppId, proof: bytes) -> Proof | None:
    """Find a secret or a key of *app* by its id, whether it serves or not."""
    return next((one for one in _proofs(standing, app) if proof_id(one) == proof), None)


def ends_soon(standing: Standing, actor: Actor, at: datetime) -> Millis | None:
    """Say when what an app has shown ends, where that is soon."""
    proof = known_proof(standing, AppId(actor.id), actor.secret) if actor.kind == "app" else None
    return proof.expires_ms if proof is not None and proof.expires_ms <= millis(at + EXPIRES_SOON) else None


def _proofs(standing: Standing, app: AppId) -> Iterator[Proof]:
    yield from standing.secrets.get(app, ())
    yield from standing.app_keys.get(app, ())
