"""Setting anchors: who outside holds what the notary signed, as the settings name them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from vault import setting_forms
from vault.setting_given import Given
from vault.setting_tables import Table, tables_of

NAME: Final = "VAULT_ANCHORS"
_OF_AN_ANCHOR: Final = re.compile(r"[a-z][a-z0-9-]{0,39}", re.ASCII)
_VKEY: Final = re.compile(r"[^\s+]{1,255}\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44,1800}={0,2}", re.ASCII)
_COMMON: Final = frozenset({"kind", "required", "every_seconds", "overdue_seconds"})
_OVERDUE_SECONDS: Final = 15 * 60
# Below it a slow answer would already lock the house.
_LEAST_OVERDUE_SECONDS: Final = 60
_DAY_SECONDS: Final = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory that only grows: a WORM mount, or another user's."""

    path: Path


@dataclass(frozen=True, slots=True)
class Host:
    """Another host that takes notes over HTTP, from whoever shows the token."""

    url: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Witness:
    """A C2SP witness at its submission prefix, and the keys that it cosigns by."""

    url: str
    vkeys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Authority:
    """A time stamping authority (RFC 3161), and the root certificates that vouch for it, as PEM."""

    url: str
    roots: bytes = field(repr=False)


Place: TypeAlias = Directory | Host | Witness | Authority
KINDS: Final[Mapping[str, type[Place]]] = {
    "directory": Directory,
    "http": Host,
    "witness": Witness,
    "timestamp": Authority,
}


@dataclass(frozen=True, slots=True)
class Anchor:
    """One of them: where it is, how often it is handed a checkpoint, and whether reads wait for it."""

    name: str
    place: Place
    required: bool = field(kw_only=True)
    every_seconds: int = field(kw_only=True)
    overdue_seconds: int = field(kw_only=True)

    @property
    def kind(self) -> str:
        """What kind of place it is, in a word."""
        return next(word for word, kind in KINDS.items() if isinstance(self.place, kind))


def anchors(given: Given, state_dir: Path) -> tuple[Anchor, ...]:
    """Read the anchors: the tables of the settings file, or of a file of their own; all faults at once."""
    found = [_anchor(_Table(given, name, table), state_dir) for name, table in tables_of(given, NAME).items()]
    return tuple(one for one in found if one is not None)


class _Table(Table):
    """What is said of one anchor."""

    def __init__(self, given: Given, name: str, said: object) -> None:
        """Look at what is *said*."""
        super().__init__(given, NAME, name, said=said)
        if not self.said or not _OF_AN_ANCHOR.fullmatch(name):
            self.fault("", "must be a table with a name of small letters, digits and hyphens")

    def text(self, key: str, parse: Callable[[str], str], *, form: str) -> str:
        """Read a text that must be there."""
        try:
            return parse(self.said[key])
        except (KeyError, TypeError, ValueError, AttributeError):
            self.fault(key, f"must be {form}")
            return ""

    def count(self, key: str, *, default: int, least: int) -> int:
        """Read a number of seconds up to a day."""
        found = self.said.get(key, default)
        if type(found) is not int or not least <= found <= _DAY_SECONDS:
            self.fault(key, f"must be a number from {least} to {_DAY_SECONDS}")
            return default
        return found

    def path(self, key: str) -> Path:
        """Read the name of a file or directory that must be there."""
        return self.given.directory / self.text(key, _filled, form="the name of a file or directory")

    def refuse_others(self, known: frozenset[str]) -> None:
        """Refuse keys that this kind of anchor does not have."""
        for key in sorted(set(self.said) - known - _COMMON):
            self.fault(key, f"is not a setting of this kind of anchor; it has {', '.join(sorted(known))}")


def _anchor(table: _Table, state_dir: Path) -> Anchor | None:
    if not table.said:
        return None
    kind = table.said.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        table.fault("kind", f"must be one of {', '.join(KINDS)}")
        return None
    required = table.said.get("required", False)
    if not isinstance(required, bool):
        table.fault("required", "must be true or false")
    every = table.count("every_seconds", default=10 if kind == "directory" else 60, least=1)
    overdue = table.count("overdue_seconds", default=_OVERDUE_SECONDS, least=_LEAST_OVERDUE_SECONDS)
    if overdue < 2 * every:
        table.fault("overdue_seconds", "must be at least twice every_seconds")
    place = _PLACES[kind](table)
    if isinstance(place, Directory) and place.path.resolve().is_relative_to(state_dir.resolve()):
        table.fault("path", "lies in the state directory; who loses the one would lose the other")
    if not table.is_whole:
        return None
    return Anchor(table.name, place, required=required, every_seconds=every, overdue_seconds=overdue)


def _directory(table: _Table) -> Directory:
    table.refuse_others(frozenset({"path"}))
    return Directory(table.path("path"))


def _host(table: _Table) -> Host:
    table.refuse_others(frozenset({"url", "token_file"}))
    url = table.text("url", _safe, form="an https address; plain http only for this machine")
    token = table.given.private_file(f"{NAME}: {table.name}.token_file", table.path("token_file"))
    if not token and table.is_whole:
        table.fault("token_file", "is empty; put the token into the file")
    return Host(url, token)


def _witness(table: _Table) -> Witness:
    table.refuse_others(frozenset({"url", "vkeys"}))
    url = table.text("url", _safe, form="an https address; plain http only for this machine")
    vkeys = table.said.get("vkeys")
    if not isinstance(vkeys, list) or not vkeys or not all(_is_vkey(one) for one in vkeys):
        table.fault("vkeys", "must be a list of the keys that the witness publishes (C2SP vkeys)")
        return Witness(url, ())
    return Witness(url, tuple(vkeys))


def _authority(table: _Table) -> Authority:
    table.refuse_others(frozenset({"url", "roots_file"}))
    # Its answers prove themselves, and most authorities answer over plain HTTP alone.
    url = table.text("url", setting_forms.origin, form="an address, such as http://time.example.com/tsr")
    path = table.path("roots_file")
    try:
        return Authority(url, path.read_bytes())
    except OSError:
        table.fault("roots_file", f"cannot be read; name a PEM file that this user may read ({path})")
        return Authority(url, b"")


_PLACES: Final[Mapping[str, Callable[[_Table], Place]]] = {
    "directory": _directory,
    "http": _host,
    "witness": _witness,
    "timestamp": _authority,
}


def _safe(text: str) -> str:
    parts = urlsplit(text)
    if "@" in parts.netloc or not (
        parts.scheme == "https" or setting_forms.is_loopback(parts.hostname or "")
    ):
        raise ValueError
    return setting_forms.origin(text)


def _filled(text: str) -> str:
    if not text.strip():
        raise ValueError
    return text


def _is_vkey(text: object) -> bool:
    return isinstance(text, str) and _VKEY.fullmatch(text) is not None
