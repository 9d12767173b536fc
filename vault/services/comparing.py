"""Comparing: whether what was given is what lies sealed; how long it took tells nothing about it."""

import hmac

from vault.domain.catalogue import Field
from vault.domain.normalise import normal, tail
from vault.services.releasing import Opened


def holds(opened: Opened, field: Field, wanted: bytes) -> bool:
    """Compare every value of *field*, each in constant time, with *wanted* in its normal form."""
    held = [plain for _, plain in opened.profile.values(field) if plain is not None]
    equal = [hmac.compare_digest(normal(field, plain), wanted) for plain in held]
    return any(equal)


def ends(opened: Opened, field: Field, wanted: bytes) -> bool:
    """Compare the ending of every value of *field* with *wanted*."""
    endings = [tail(field, plain) for _, plain in opened.profile.values(field) if plain is not None]
    return any(ending is not None and hmac.compare_digest(ending, wanted) for ending in endings)
