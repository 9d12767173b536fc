"""Shares: a secret in parts, so many of which give it back and fewer tell nothing (SLIP-39)."""

from collections.abc import Sequence
from typing import Final

from shamir_mnemonic import combine_mnemonics, generate_mnemonics
from shamir_mnemonic.share import Share
from shamir_mnemonic.utils import MnemonicError

from vault.errors import Invalid

MOST_SHARES: Final = 16
_LONGEST: Final = 1000


def split(secret: bytes, *, threshold: int, count: int) -> list[str]:
    """Split *secret* into *count* shares, of which any *threshold* give it back."""
    (group,) = generate_mnemonics(1, [(threshold, count)], secret)
    return list(group)


def join(texts: Sequence[str]) -> bytes:
    """Put shares together.

    Raises Invalid ``share`` with the position of one that was mistyped, ``shares_mixed`` where they are of
    several sets, ``shares_few`` where more are needed; what shares hold is in no message.
    """
    read = dict(_share(at, text) for at, text in enumerate(texts, 1))
    by_index: dict[int, str] = {}
    for share, text in read.items():
        by_index.setdefault(share.index, text)
    if not read:
        raise Invalid("shares_few", needed=2, given=0)
    if len({(one.identifier, one.member_threshold, one.group_count) for one in read}) > 1:
        raise Invalid("shares_mixed")
    needed = next(iter(read)).member_threshold
    if len(by_index) < needed:
        raise Invalid("shares_few", needed=needed, given=len(by_index))
    try:
        return bytes(combine_mnemonics(list(by_index.values())[:needed]))
    except MnemonicError:
        raise Invalid("shares_mixed") from None


def _share(position: int, text: str) -> tuple[Share, str]:
    try:
        words = " ".join(text[:_LONGEST].lower().split())
        return Share.from_mnemonic(words), words
    except (MnemonicError, ValueError):
        raise Invalid("share", position=position) from None
