"""Timestamps: a time stamping authority's word that it saw a note, asked for and verified (RFC 3161)."""

from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.x509 import load_pem_x509_certificates
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

QUERY_TYPE = "application/timestamp-query"
REPLY_TYPE = "application/timestamp-reply"


@dataclass(frozen=True, slots=True)
class Question:
    """A request as it is sent, and the number that its answer must repeat."""

    packed: bytes
    nonce: int


def ask(packed: bytes) -> Question:
    """Ask for a timestamp over these bytes, with the certificates that it is verified by."""
    made = TimestampRequestBuilder().data(packed).hash_algorithm(HashAlgorithm.SHA256).build()
    if made.nonce is None:
        raise ValueError("nonce")
    return Question(made.as_bytes(), made.nonce)


def read(reply: bytes, packed: bytes, *, roots: bytes, nonce: int | None = None) -> datetime:
    """Verify a *reply* over these bytes and say when it was given.

    Its certificate must be one for time stamping that a certificate of *roots* (PEM) vouched for when it was
    given; *nonce* is that of the question, where it is known. Raises ValueError ``timestamp``.
    """
    try:
        builder = VerifierBuilder(roots=load_pem_x509_certificates(roots), nonce=nonce)
        answer = decode_timestamp_response(reply)
        builder.build().verify_message(answer, packed)
        given = answer.tst_info.gen_time
    except (ValueError, VerificationError):
        raise ValueError("timestamp") from None
    return given if given.tzinfo is not None else given.replace(tzinfo=UTC)


def check_roots(roots: bytes) -> None:
    """Raise ValueError where these bytes hold no certificate in PEM."""
    load_pem_x509_certificates(roots)
