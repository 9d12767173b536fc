"""An authenticator in software: EC P-256, attestation "none", and every lie that one could tell."""

import json
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from vault.domain.grants import token_bytes, token_text

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


@dataclass
class Authenticator:
    """One passkey; what it says can be bent part by part."""

    origin: str = "http://localhost:8200"
    # None says the host that the options name.
    rp_id: str | None = None
    counter: int = 0
    # Synced passkeys do not count.
    counts: bool = True
    verified: bool = True
    cross_origin: bool = False
    user_handle: bytes | None = None
    id: bytes = bytes(range(32))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def make(self, options: dict[str, Any]) -> dict[str, Any]:
        """Answer ``navigator.credentials.create()``."""
        numbers = self.key.public_key().public_numbers()
        cose = cbor2.dumps(
            {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}, canonical=True
        )
        attested = bytes(16) + len(self.id).to_bytes(2) + self.id + cose
        data = self._data(self.rp_id or options["rp"]["id"], ATTESTED) + attested
        response = {
            "clientDataJSON": self._client("webauthn.create", options["challenge"]),
            "attestationObject": token_text(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})),
            "transports": ["internal"],
        }
        return self._credential(response)

    def sign(self, options: dict[str, Any]) -> dict[str, Any]:
        """Answer ``navigator.credentials.get()``."""
        data = self._data(self.rp_id or options["rpId"], 0)
        client = self._client("webauthn.get", options["challenge"])
        said = data + sha256(token_bytes(client)).digest()
        response = {
            "clientDataJSON": client,
            "authenticatorData": token_text(data),
            "signature": token_text(self.key.sign(said, ec.ECDSA(SHA256()))),
        }
        if self.user_handle is not None:
            response["userHandle"] = token_text(self.user_handle)
        return self._credential(response)

    def _data(self, rp_id: str, flags: int) -> bytes:
        self.counter += self.counts
        said = flags | PRESENT | (VERIFIED if self.verified else 0)
        return sha256(rp_id.encode()).digest() + bytes([said]) + self.counter.to_bytes(4)

    def _client(self, kind: str, challenge: str) -> str:
        told = {
            "type": kind,
            "challenge": challenge,
            "origin": self.origin,
            "crossOrigin": self.cross_origin,
        }
        return token_text(json.dumps(told).encode())

    def _credential(self, response: dict[str, Any]) -> dict[str, Any]:
        name = token_text(self.id)
        return {
            "id": name,
            "rawId": name,
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": response,
        }
