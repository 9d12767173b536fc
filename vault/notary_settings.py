"""Notary settings: what the notary needs to be told, which is far less than a worker does."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vault import setting_forms
from vault.errors import Misconfigured
from vault.setting_given import Given
from vault.settings import NAMES, TABLES, Mode, Settings, notary_dir_of, slots_of, state_dir_of, url_of

_SLOT = "SIGNING"
_WITHIN_STATE = "notary"


@dataclass(frozen=True, slots=True)
class NotarySettings:
    """Where the ledger is, what it is signed by, and where the notary keeps its own head of it."""

    mode: Mode
    audit_url: str = field(repr=False)
    signing: Path
    directory: Path
    state_dir: Path


def settings_of(settings: Settings) -> NotarySettings:
    """Give what the notary needs of a whole house's *settings*; raises Misconfigured where it is missing."""
    signing = settings.slots.get(_SLOT)
    if signing is None:
        raise Misconfigured([_missing_slot()])
    return NotarySettings(
        settings.mode,
        settings.urls["audit"],
        signing,
        settings.notary_dir or settings.state_dir / _WITHIN_STATE,
        settings.state_dir,
    )


def read(environ: Mapping[str, str], *, directory: Path) -> NotarySettings:
    """Read them from *environ* and the TOML file it may name, as a house's settings are read.

    Nothing else is looked at: a notary under a user of its own can read no other slot and no other URL.
    Raises Misconfigured with every fault found.
    """
    given = Given(directory, NAMES, tables=TABLES)
    given.gather(environ)
    mode = given.parsed("VAULT_MODE", Mode, default=Mode.PRODUCTION, form="demo or production")
    state_dir = state_dir_of(given, mode)
    signing = slots_of(given, mode, state_dir).get(_SLOT)
    audit_url = url_of(given, "audit", state_dir)
    if signing is None:
        given.faults.append(_missing_slot())
    elif mode is Mode.PRODUCTION and signing.resolve().is_relative_to(state_dir.resolve()):
        given.faults.append(
            f"VAULT_ROOT_{_SLOT}_FILE lies in the state directory; keep secrets apart from what they open."
        )
    if mode is Mode.PRODUCTION and setting_forms.has_password(given.texts.get("VAULT_AUDIT_URL", "")):
        given.faults.append(
            "VAULT_AUDIT_URL holds a password; put the URL into a file of mode 600, VAULT_AUDIT_URL_FILE."
        )
    if given.faults or signing is None:
        raise Misconfigured(given.faults)
    return NotarySettings(
        mode, audit_url, signing, notary_dir_of(given) or state_dir / _WITHIN_STATE, state_dir
    )


def _missing_slot() -> str:
    return f"VAULT_ROOT_{_SLOT}_FILE is needed by the notary; name the file of its secret."
