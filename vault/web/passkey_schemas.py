"""Passkey schemas: WebAuthn's own JSON (Level 3, 5.1.8-10), as browsers read and write it."""

from typing import Any

from marshmallow import fields

from vault.web.reading import Code, Flag, Strict


def _text(name: str, most: int, **more: Any) -> fields.String:
    """Unpadded base64url under the name that browsers give it."""
    return fields.String(data_key=name, metadata={"maxLength": most}, **{"required": True, **more})


class _Nothing(Strict):
    """An object without keys: no extension is asked for."""


class _Credential(Strict):
    """What every credential says beside its response."""

    id = _text("id", 1400)
    raw_id = _text("rawId", 1400)
    type = Code(required=True, one_of=["public-key"])
    authenticator_attachment = fields.String(data_key="authenticatorAttachment", allow_none=True)
    client_extension_results = fields.Nested(_Nothing, data_key="clientExtensionResults")


class _Attestation(Strict):
    """What the authenticator says of a new passkey; only the first two are looked at."""

    client_data = _text("clientDataJSON", 4096)
    attestation = _text("attestationObject", 16384)
    authenticator_data = _text("authenticatorData", 16384, required=False)
    transports = fields.List(fields.String())
    public_key = _text("publicKey", 4096, required=False, allow_none=True)
    public_key_algorithm = fields.Integer(data_key="publicKeyAlgorithm", strict=True)


class _Assertion(Strict):
    """What the authenticator signed."""

    client_data = _text("clientDataJSON", 4096)
    authenticator_data = _text("authenticatorData", 4096)
    signature = _text("signature", 4096)
    user_handle = _text("userHandle", 128, required=False, allow_none=True)


class NewCredential(_Credential):
    """A new passkey, as ``PublicKeyCredential.toJSON()`` writes it."""

    response = fields.Nested(_Attestation, required=True)


class ShownCredential(_Credential):
    """A passkey that signed, as ``PublicKeyCredential.toJSON()`` writes it."""

    response = fields.Nested(_Assertion, required=True)


class PasskeyMade(Strict):
    """A new passkey, and what it is called."""

    name = Code(load_default="passkey")
    credential = fields.Nested(NewCredential, required=True)


class PasskeyShown(Strict):
    """A passkey that signed."""

    credential = fields.Nested(ShownCredential, required=True)


# ---- what is answered ----


class _Place(Strict):
    """Where the passkey holds."""

    id = fields.String(required=True)
    name = fields.String(required=True)


class _User(Strict):
    """Whose it is to be: an id, and the name to log in by."""

    id = fields.String(required=True)
    name = fields.String(required=True)
    display_name = fields.String(data_key="displayName", required=True)


class _Algorithm(Strict):
    """A kind of signature that is taken."""

    type = Code(required=True)
    alg = fields.Integer(required=True, strict=True)


class _Known(Strict):
    """A passkey that the person has."""

    type = Code(required=True)
    id = fields.String(required=True)


class _Selection(Strict):
    """What the authenticator must do."""

    user_verification = Code(data_key="userVerification", required=True)
    resident_key = Code(data_key="residentKey", required=True)
    require_resident_key = Flag(data_key="requireResidentKey", required=True)


class PasskeyWanted(Strict):
    """What ``PublicKeyCredential.parseCreationOptionsFromJSON()`` reads."""

    rp = fields.Nested(_Place, required=True)
    user = fields.Nested(_User, required=True)
    challenge = fields.String(required=True)
    algorithms = fields.List(fields.Nested(_Algorithm), data_key="pubKeyCredParams", required=True)
    timeout = fields.Integer(required=True, strict=True)
    excluded = fields.List(fields.Nested(_Known), data_key="excludeCredentials", required=True)
    selection = fields.Nested(_Selection, data_key="authenticatorSelection", required=True)
    attestation = Code(required=True)


class PasskeyAsked(Strict):
    """What ``PublicKeyCredential.parseRequestOptionsFromJSON()`` reads."""

    challenge = fields.String(required=True)
    timeout = fields.Integer(required=True, strict=True)
    rp = fields.String(data_key="rpId", required=True)
    allow = fields.List(fields.Nested(_Known), data_key="allowCredentials", required=True)
    verification = Code(data_key="userVerification", required=True)
