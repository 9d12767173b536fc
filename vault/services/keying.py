"""Keying: secrets of apps, drawn, dated, and shown once."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from vault.custody import credentials
from vault.custody.credentials import SECRET_BYTES, Credential
from vault.domain.entry import ObjectRef
from vault.domain.instants import millis
from vault.domain.terms import AppId, Millis, id_text
from vault.errors import Invalid
from vault.services.governing import Ground
from vault.services.parts import Parts
from vault.storage.accounts import SecretRow


@dataclass(frozen=True, slots=True)
class Issued:
    """A fresh secret: ``token`` is shown to whoever asked, once, and is nowhere afterwards.

    It is empty where the secret is only promised, by the link ``secret``, to the app's owner.
    """

    app: AppId
    secret: bytes
    token: str = field(repr=False)


def fresh_secret(parts: Parts, app: AppId) -> tuple[SecretRow, Issued]:
    """Draw a secret for *app*: its row, not yet dated, and what is shown of it."""
    credential = Credential(app, parts.random(SECRET_BYTES))
    secret = parts.new_id()
    verifier = credentials.verifier(parts.keyring, credential)
    row = SecretRow(parts.tenant, app, secret, verifier, Millis(0), Millis(0), None)
    return row, Issued(app, secret, credentials.write(credential))


def dated(secret: SecretRow, ground: Ground, expires: datetime) -> SecretRow:
    """Let a secret live from now until it *expires*; raises Invalid ``expiry`` where that has passed."""
    if expires <= ground.at:
        raise Invalid("expiry")
    return replace(secret, created_ms=millis(ground.at), expires_ms=millis(expires))


def secret_ref(row: SecretRow) -> ObjectRef:
    """Say whose secret it is."""
    return ObjectRef("secret", row.secret, id_text("app", row.app))
