"""Age: bytes sealed to the public keys of whoever may restore, and opened by one of their identities.

Any stock ``age`` opens them too. It binds no context, so that what is sealed says itself what it is.
"""

from collections.abc import Sequence
from typing import Final, TypeAlias

from pyrage import DecryptError, IdentityError, RecipientError, decrypt, encrypt, tagpq, x25519

Recipient: TypeAlias = x25519.Recipient | tagpq.Recipient
Identity: TypeAlias = x25519.Identity
_SECRET: Final = "AGE-SECRET-KEY-1"  # noqa: S105 - what one begins with, and none


def recipient(text: str) -> Recipient:
    """Read a public key, ``age1…`` or the post-quantum ``age1tagpq1…``; raises ValueError ``recipient``."""
    try:
        is_tagged = text.startswith("age1tagpq1")
        return tagpq.Recipient.from_str(text) if is_tagged else x25519.Recipient.from_str(text)
    except RecipientError:
        raise ValueError("recipient") from None


def identities(text: str) -> list[Identity]:
    """Read an identity file as ``age-keygen`` writes it; raises ValueError ``identity``."""
    lines = [line.strip() for line in text.splitlines()]
    try:
        found = [x25519.Identity.from_str(line) for line in lines if line.startswith(_SECRET)]
    except IdentityError:
        raise ValueError("identity") from None
    if not found:
        raise ValueError("identity")
    return found


def seal(plain: bytes, recipients: Sequence[Recipient]) -> bytes:
    """Seal *plain* to each of *recipients*."""
    sealed: bytes = encrypt(plain, list(recipients))
    return sealed


def open_sealed(sealed: bytes, known: Sequence[Identity]) -> bytes:
    """Open what :func:`seal` made; raises ValueError where none of *known* does, or it is not whole."""
    try:
        plain: bytes = decrypt(sealed, list(known))
    except DecryptError:
        raise ValueError("sealed") from None
    return plain
