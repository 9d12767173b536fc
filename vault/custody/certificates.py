"""Certificates: what the house says of an erasure, signed so that anybody can check who said it.

seed = Expand(authority root, "PV1e" | house 16, 32), an Ed25519 key (RFC 8032)
text = JWS compact (RFC 7515), alg Ed25519 (RFC 9864), typ erasure+jws, kid = its thumbprint (RFC 7638)
"""

import json
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jwk, jws
from joserfc.errors import JoseError

from vault.crypto.aead import KEY_BYTES
from vault.crypto.kdf import expand
from vault.custody.keyring import KeyPurpose, Keyring
from vault.domain.canonical import Json, canonical

_LABEL: Final = b"PV1e"
_TYPE: Final = "erasure+jws"
_ALGORITHM: Final = "Ed25519"


class Certificates:
    """Signs what the house certifies, and knows its own again.

    Whoever could sign in its name could write its entries as well; what makes a certificate proof is that an
    entry of the ledger, under the notary's signature, holds its hash.
    """

    __slots__ = ("_key",)

    def __init__(self, keyring: Keyring) -> None:
        """Derive the key of the house that *keyring* is of."""
        seed = expand(keyring.root(KeyPurpose.AUTHORITY), _LABEL + keyring.house, length=KEY_BYTES)
        self._key = jwk.OKPKey.import_key(Ed25519PrivateKey.from_private_bytes(seed))

    @property
    def public(self) -> dict[str, Any]:
        """The public key as a JWK."""
        return {**self._key.as_dict(private=False), "kid": self._key.thumbprint(), "alg": _ALGORITHM}

    def sign(self, said: dict[str, Json]) -> str:
        """Sign the canonical bytes of *said*."""
        header = {"alg": _ALGORITHM, "typ": _TYPE, "kid": self._key.thumbprint()}
        return jws.serialize_compact(header, canonical(said), self._key, algorithms=[_ALGORITHM])

    def read(self, text: str) -> dict[str, Json]:
        """Read what a certificate of this house says; raises ValueError for any other text."""
        try:
            found = jws.deserialize_compact(text, self._key, algorithms=[_ALGORITHM])
            said = json.loads(found.payload)
        except (JoseError, ValueError) as fault:
            raise ValueError("certificate") from fault
        if found.headers().get("typ") != _TYPE or not isinstance(said, dict):
            raise ValueError("certificate")
        return said
