"""Setting backups: where backup sets go, who may open them, how often they are taken and how many stay."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from vault.setting_given import Given

_TO: Final = "VAULT_BACKUP_TO"
_RECIPIENTS: Final = "VAULT_BACKUP_RECIPIENTS"
NAMES: Final = (_TO, _RECIPIENTS, "VAULT_BACKUP_EVERY_HOURS", "VAULT_BACKUP_KEEP")
_RECIPIENT: Final = re.compile(r"age1[a-z0-9]{20,4000}", re.ASCII)
_EVERY, _RAREST = 24, 24 * 31
_KEEP, _MOST = 30, 10_000


@dataclass(frozen=True, slots=True)
class Backups:
    """Where sets go, to whom they are sealed, how often, and how many groups of them are kept."""

    to: str
    recipients: tuple[str, ...]
    every: timedelta
    keep: int


def backups(given: Given) -> Backups | None:
    """Read how backups are taken; None where no place is named."""
    if _TO not in given.texts:
        given.faults += [f"{name} is of no use without {_TO}." for name in NAMES[1:] if name in given.texts]
        return None
    to = given.texts[_TO]
    if _RECIPIENTS not in given.texts:
        given.faults.append(f"{_RECIPIENTS} is needed beside {_TO}; 'age-keygen' makes a key pair.")
    none: tuple[str, ...] = ()
    return Backups(
        to=str(given.directory / to),
        recipients=given.parsed(
            _RECIPIENTS, _recipients, default=none, form="public keys of age with commas between them, age1…"
        ),
        every=timedelta(hours=given.count("VAULT_BACKUP_EVERY_HOURS", default=_EVERY, most=_RAREST)),
        keep=given.count("VAULT_BACKUP_KEEP", default=_KEEP, most=_MOST),
    )


def _recipients(text: str) -> tuple[str, ...]:
    found = tuple(one.strip() for one in text.split(","))
    if not all(map(_RECIPIENT.fullmatch, found)):
        raise ValueError("recipient")
    return found
