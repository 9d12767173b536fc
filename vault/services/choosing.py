"""Choosing: whether a password may be chosen; common, leaked and personal ones are refused, offline."""

from collections.abc import Sequence
from typing import Final

from zxcvbn import zxcvbn

from vault.errors import Invalid

SHORTEST: Final = 12
LONGEST: Final = 256
# zxcvbn's own scale, 0 to 4: from here on safe against an attacker with the hashes (USENIX Security 2016).
_ENOUGH: Final = 3
# What lies beyond adds strength, and time to judge it.
_JUDGED: Final = 72


def check_password(text: str, *, beside: Sequence[str]) -> None:
    """Refuse a password that is short or can be guessed; *beside* are words an attacker would try first.

    Raises Invalid ``password_length`` or ``password_weak``. NIST SP 800-63B 5.1.1.2: no rules of composition,
    a list of passwords that are common or were leaked.
    """
    if not SHORTEST <= len(text) <= LONGEST:
        raise Invalid("password_length", field="password", limit=SHORTEST)
    words = [*beside, *(part for one in beside for part in one.replace("-", ".").split("."))]
    if zxcvbn(text[:_JUDGED], user_inputs=words)["score"] < _ENOUGH:
        raise Invalid("password_weak", field="password")
