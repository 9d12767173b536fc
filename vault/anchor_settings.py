"""Anchor settings: what hands checkpoints to others needs to be told, less than anybody else does."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vault import setting_anchors, setting_forms
from vault.errors import Misconfigured
from vault.setting_anchors import Anchor
from vault.setting_given import Given
from vault.settings import NAMES, TABLES, Mode, state_dir_of, url_of


@dataclass(frozen=True, slots=True)
class AnchorSettings:
    """Where the ledger is, and to whom what the notary signed of it is handed."""

    mode: Mode
    audit_url: str = field(repr=False)
    anchors: tuple[Anchor, ...]


def read(environ: Mapping[str, str], *, directory: Path) -> AnchorSettings:
    """Read them from *environ* and the TOML file it may name, as a house's settings are read.

    Nothing else is looked at: a user of its own can read no slot, and the URL of no other store. Raises
    Misconfigured with every fault found, and where there is no anchor.
    """
    given = Given(directory, NAMES, tables=TABLES)
    given.gather(environ)
    mode = given.parsed("VAULT_MODE", Mode, default=Mode.PRODUCTION, form="demo or production")
    state_dir = state_dir_of(given, mode)
    audit_url = url_of(given, "audit", state_dir)
    anchors = setting_anchors.anchors(given, state_dir)
    if mode is Mode.PRODUCTION and setting_forms.has_password(given.texts.get("VAULT_AUDIT_URL", "")):
        given.faults.append(
            "VAULT_AUDIT_URL holds a password; put the URL into a file of mode 600, VAULT_AUDIT_URL_FILE."
        )
    if not anchors and not given.faults:
        given.faults.append(f"{setting_anchors.NAME} is needed here; it names who takes the checkpoints.")
    if given.faults:
        raise Misconfigured(given.faults)
    return AnchorSettings(mode, audit_url, anchors)
