"""Setting providers: which slots have their secrets with a key provider, and how each of those is reached."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from vault import setting_forms
from vault.setting_given import Given

SLOTS: Final = (
    *(f"KEK_T{tier}" for tier in range(6)),
    *(f"INDEX_T{tier}" for tier in range(1, 5)),
    "AUTHORITY",
    "SUPPRESSION",
    "DETAIL",
    "SIGNING",
)
# The keys that sign are derived from this slot's own secret, and no provider lets that out.
_LOCAL_ONLY: Final = "SIGNING"
_OF_TRANSIT: Final = ("VAULT_TRANSIT_URL", "VAULT_TRANSIT_TOKEN_FILE", "VAULT_TRANSIT_CA_FILE")
_OF_AWS: Final = ("VAULT_AWS_REGION", "VAULT_AWS_ENDPOINT", "VAULT_AWS_CREDENTIALS_FILE")
_OF_PKCS11: Final = ("VAULT_PKCS11_MODULE", "VAULT_PKCS11_TOKEN", "VAULT_PKCS11_PIN_FILE")
_ROOTS: Final = {slot: f"VAULT_ROOT_{slot}" for slot in SLOTS}
NAMES: Final = (
    *_ROOTS.values(),
    *_OF_TRANSIT,
    *_OF_AWS,
    *_OF_PKCS11,
    "VAULT_HOST_SECRET_FILE",
    "VAULT_RECOVERY_DIR",
)
# The name of a key as each provider writes it.
_KEYS: Final[Mapping[str, re.Pattern[str]]] = {
    "transit": re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}", re.ASCII),
    "aws-kms": re.compile(r"[A-Za-z0-9][A-Za-z0-9:/_-]{0,255}", re.ASCII),
    "pkcs11": re.compile(r"[!-+\--~]{1,64}", re.ASCII),
}
_FORM: Final = "transit:NAME, aws-kms:KEY or pkcs11:LABEL"


@dataclass(frozen=True, slots=True)
class TransitSettings:
    """The engine of OpenBao or HashiCorp Vault, with its mount, and its keys by slot."""

    address: str
    token: Path
    keys: Mapping[str, str]
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class AwsSettings:
    """A region of AWS KMS, and its keys by slot, each slot's newest first."""

    region: str
    keys: Mapping[str, tuple[str, ...]]
    endpoint: str | None = None
    credentials: Path | None = None


@dataclass(frozen=True, slots=True)
class Pkcs11Settings:
    """A token behind a PKCS#11 library, and the labels of its keys by slot."""

    module: Path
    token: str
    keys: Mapping[str, str]
    pin: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Providers:
    """Those that any slot names."""

    transit: TransitSettings | None = None
    aws: AwsSettings | None = None
    pkcs11: Pkcs11Settings | None = None

    @property
    def served(self) -> frozenset[str]:
        """The slots whose secret lies with one of them."""
        named = (one.keys for one in (self.transit, self.aws, self.pkcs11) if one is not None)
        return frozenset(slot for keys in named for slot in keys)


def host_secret(given: Given, *, demo: Path | None) -> Path | None:
    """Find the file of the host secret, where one is named; a *demo* has it beside its slots."""
    if demo is not None:
        return demo / "slots" / "host"
    text = given.texts.get("VAULT_HOST_SECRET_FILE")
    return given.directory / text if text is not None else None


def recovery_dir(given: Given, state_dir: Path) -> Path:
    """Find the directory of what a share set opens; it holds nothing that opens by itself."""
    text = given.texts.get("VAULT_RECOVERY_DIR")
    return given.directory / text if text is not None else state_dir / "recovery"


def providers(given: Given) -> Providers:
    """Read which slot names which key, and how to get there; every fault is told."""
    keys = {slot: _named(given, slot) for slot, name in _ROOTS.items() if name in given.texts}
    by_kind = {
        kind: {slot: names for slot, (of, names) in keys.items() if of == kind and names} for kind in _KEYS
    }
    for kind, names in (("transit", _OF_TRANSIT), ("aws-kms", _OF_AWS), ("pkcs11", _OF_PKCS11)):
        if not by_kind[kind] and not given.faults:
            given.faults += [
                f"{name} is for slots with a key of {kind}, and VAULT_ROOT_<SLOT> names none; remove it."
                for name in names
                if name in given.texts
            ]
    return Providers(
        _transit(given, by_kind["transit"]) if by_kind["transit"] else None,
        _aws(given, by_kind["aws-kms"]) if by_kind["aws-kms"] else None,
        _pkcs11(given, by_kind["pkcs11"]) if by_kind["pkcs11"] else None,
    )


def _named(given: Given, slot: str) -> tuple[str, tuple[str, ...]]:
    """Read what is said of one slot: the provider, and the names of its keys there, newest first."""
    text = given.texts[_ROOTS[slot]]
    kind, _, rest = text.partition(":")
    names = tuple(part.strip().removeprefix(f"{kind}:") for part in rest.split(","))
    if slot == _LOCAL_ONLY:
        given.faults.append(
            f"VAULT_ROOT_{slot}: what signs the ledger is derived from a file; set VAULT_ROOT_{slot}_FILE."
        )
    elif kind not in _KEYS or not all(_KEYS[kind].fullmatch(name) for name in names):
        # A secret that was put here by mistake is not repeated.
        given.faults.append(f"VAULT_ROOT_{slot} must be {_FORM}; a secret itself comes from a file.")
    elif len(names) > 1 and kind != "aws-kms":
        given.faults.append(f"VAULT_ROOT_{slot} names several keys; only those of aws-kms may follow others.")
    else:
        return kind, names
    return kind, ()


def _transit(given: Given, keys: Mapping[str, tuple[str, ...]]) -> TransitSettings | None:
    address = given.parsed(
        "VAULT_TRANSIT_URL",
        setting_forms.issuer,
        default="",
        form="the address of the engine, such as https://bao.example.com:8200/v1/transit; plain http only for"
        " this machine",
    )
    if "VAULT_TRANSIT_URL" not in given.texts:
        _needed(given, "VAULT_TRANSIT_URL", "transit")
    token = _private(given, "VAULT_TRANSIT_TOKEN_FILE", "transit")
    ca_file = (
        given.directory / given.texts["VAULT_TRANSIT_CA_FILE"] if _OF_TRANSIT[2] in given.texts else None
    )
    if ca_file is not None and not ca_file.is_file():
        given.faults.append(f"VAULT_TRANSIT_CA_FILE: {ca_file} cannot be read; name a PEM file.")
    if token is None:
        return None
    return TransitSettings(
        address.rstrip("/"), token, {slot: names[0] for slot, names in keys.items()}, ca_file
    )


def _aws(given: Given, keys: Mapping[str, tuple[str, ...]]) -> AwsSettings | None:
    region = given.parsed(
        "VAULT_AWS_REGION", setting_forms.visible, default="", form="a region, such as eu-central-1"
    )
    if not region:
        _needed(given, "VAULT_AWS_REGION", "aws-kms")
    endpoint = given.parsed(
        "VAULT_AWS_ENDPOINT",
        setting_forms.issuer,
        default="",
        form="an address, such as https://kms.example.com; plain http only for this machine",
    )
    credentials = None
    if "VAULT_AWS_CREDENTIALS_FILE" in given.texts:
        credentials = _private(given, "VAULT_AWS_CREDENTIALS_FILE", "aws-kms")
    return AwsSettings(region, keys, endpoint or None, credentials)


def _pkcs11(given: Given, keys: Mapping[str, tuple[str, ...]]) -> Pkcs11Settings | None:
    for name in _OF_PKCS11[:2]:
        if name not in given.texts:
            _needed(given, name, "pkcs11")
    path = _private(given, "VAULT_PKCS11_PIN_FILE", "pkcs11")
    if path is None or given.faults:
        return None
    pin = given.private_text("VAULT_PKCS11_PIN_FILE")
    module = given.directory / given.texts["VAULT_PKCS11_MODULE"]
    if not module.is_file():
        given.faults.append(f"VAULT_PKCS11_MODULE: {module} cannot be read; name the module's library.")
    labels = {slot: names[0] for slot, names in keys.items()}
    return Pkcs11Settings(module, given.texts["VAULT_PKCS11_TOKEN"], labels, pin)


def _private(given: Given, name: str, kind: str) -> Path | None:
    """Find a file that its owner alone may read, and that holds something."""
    if name not in given.texts:
        _needed(given, name, kind)
        return None
    before = len(given.faults)
    if not given.private_text(name) and len(given.faults) == before:
        given.faults.append(f"{name} is empty; put the secret into the file.")
    return given.directory / given.texts[name]


def _needed(given: Given, name: str, kind: str) -> None:
    given.faults.append(f"{name} is needed: a VAULT_ROOT_<SLOT> names a key of {kind}.")
