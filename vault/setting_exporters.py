"""Setting exporters: which SIEM is told of the ledger's entries, where, and in which format."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias, cast, get_args
from urllib.parse import SplitResult, urlsplit

from vault import setting_forms
from vault.setting_given import Given
from vault.setting_tables import Table, tables_of

NAME: Final = "VAULT_EXPORTERS"
EventFormat: TypeAlias = Literal["ocsf", "ecs"]
Body: TypeAlias = Literal["ndjson", "array", "elastic", "splunk"]
_OF_AN_EXPORTER: Final = re.compile(r"[a-z][a-z0-9-]{0,31}", re.ASCII)
# A kind of entries, or all of one noun: grant.given, session.*
_KINDS: Final = re.compile(r"[a-z_]+\.([a-z_]+|\*)", re.ASCII)
COMMON: Final = frozenset({"format", "address", "kinds"})
KEYS: Final[Mapping[str, frozenset[str]]] = {
    "file": frozenset({"max_mib"}),
    "tls": frozenset({"ca_file", "client_file"}),
    "tcp": frozenset({"plain"}),
    "udp": frozenset({"plain"}),
    "https": frozenset({"body", "token_file", "ca_file"}),
    "http": frozenset({"body", "token_file", "plain"}),
}
_SYSLOG_PORT: Final[Mapping[str, int]] = {"tls": 6514, "tcp": 601, "udp": 514}
_MAX_MIB, _MOST_MIB = 100, 10_000


@dataclass(frozen=True, slots=True)
class FileSink:
    """A directory in which files of JSON lines follow each other."""

    directory: Path
    max_mib: int


@dataclass(frozen=True, slots=True)
class SyslogSink:
    """A collector of syslog."""

    transport: Literal["tls", "tcp", "udp"]
    host: str
    port: int
    ca_file: Path | None = None
    client_file: Path | None = None


@dataclass(frozen=True, slots=True)
class HttpSink:
    """A collector that takes batches by POST, from whoever shows the token."""

    url: str
    body: Body
    token: str = field(repr=False, default="")
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Exporter:
    """One of them; no *kinds* are all of them."""

    name: str
    format: EventFormat
    sink: FileSink | SyslogSink | HttpSink
    kinds: frozenset[str] = frozenset()

    def covers(self, kind: str) -> bool:
        """Tell whether entries of this kind are for it."""
        return not self.kinds or kind in self.kinds or f"{kind.partition('.')[0]}.*" in self.kinds


def exporters(given: Given) -> tuple[Exporter, ...]:
    """Read the exporters: the tables of the settings file, or of a file of their own; all faults at once."""
    found = [_exporter(_Table(given, name, table)) for name, table in tables_of(given, NAME).items()]
    return tuple(one for one in found if one is not None)


class _Table(Table):
    """What is said of one exporter."""

    def __init__(self, given: Given, name: str, said: object) -> None:
        """Look at what is *said*."""
        super().__init__(given, NAME, name, said=said)
        if not isinstance(said, dict) or not _OF_AN_EXPORTER.fullmatch(name):
            self.fault("", "must be a table whose name is of small letters, digits and hyphens")

    def word(self, key: str, words: tuple[str, ...], default: str | None = None) -> str:
        """Read one of a few words."""
        found = self.said.get(key, default)
        if found not in words:
            self.fault(key, f"must be one of {', '.join(words)}")
            return words[0]
        return str(found)

    def path(self, key: str) -> Path | None:
        """Read the name of a file that must be readable, where one is named."""
        found = self.said.get(key)
        if found is None:
            return None
        path = self.given.directory / str(found)
        try:
            path.read_bytes()
        except OSError:
            self.fault(key, f"cannot be read; name a PEM file that this user may read ({path})")
        return path

    def kinds(self) -> frozenset[str]:
        """Read which kinds of entries are wanted."""
        found = self.said.get("kinds", [])
        if not isinstance(found, list) or not all(
            isinstance(one, str) and _KINDS.fullmatch(one) for one in found
        ):
            self.fault("kinds", "must be a list of kinds, such as grant.given and session.*")
            return frozenset()
        return frozenset(found)


def _exporter(table: _Table) -> Exporter | None:
    chosen = cast("EventFormat", table.word("format", get_args(EventFormat)))
    kinds = table.kinds()
    address = table.said.get("address")
    parts = _split(address)
    if parts is None or parts.scheme not in KEYS:
        table.fault("address", f"must begin with one of {', '.join(f'{one}:' for one in KEYS)}")
        return None
    known = KEYS[parts.scheme]
    for key in sorted(set(table.said) - known - COMMON):
        table.fault(
            key, f"is not a setting of {parts.scheme}: exporters; they have {', '.join(sorted(known))}"
        )
    sink = _sink(table, parts, str(address))
    return Exporter(table.name, chosen, sink, kinds) if sink is not None and table.is_whole else None


def _sink(table: _Table, parts: SplitResult, address: str) -> FileSink | SyslogSink | HttpSink | None:
    if parts.scheme == "file":
        return _directory(table, parts)
    if not parts.hostname or "@" in parts.netloc:
        table.fault("address", "must name a host, and no password")
        return None
    if parts.scheme in {"tcp", "udp", "http"} and not _may_be_plain(table, parts.hostname):
        return None
    if parts.scheme in _SYSLOG_PORT:
        if parts.path.strip("/") or parts.query:
            table.fault("address", "must be a host and a port, such as tls://siem.example.com:6514")
        transport = cast("Literal['tls', 'tcp', 'udp']", parts.scheme)
        port = parts.port or _SYSLOG_PORT[transport]
        return SyslogSink(transport, parts.hostname, port, table.path("ca_file"), _client_file(table))
    body = cast("Body", table.word("body", get_args(Body), "ndjson"))
    return HttpSink(address, body, _token(table), table.path("ca_file"))


def _directory(table: _Table, parts: SplitResult) -> FileSink | None:
    if parts.netloc or not parts.path.startswith("/"):
        table.fault(
            "address", "must name a directory by its whole path, such as file:///var/log/vault-events"
        )
        return None
    most = table.said.get("max_mib", _MAX_MIB)
    if type(most) is not int or not 1 <= most <= _MOST_MIB:
        table.fault("max_mib", f"must be a number from 1 to {_MOST_MIB}")
        return None
    return FileSink(Path(parts.path), most)


def _may_be_plain(table: _Table, host: str) -> bool:
    """Let nothing unencrypted go to another machine unless it is said that it may."""
    if setting_forms.is_loopback(host) or table.said.get("plain") is True:
        return True
    table.fault("address", "goes to another machine unencrypted; use tls: or https:, or say plain = true")
    return False


def _client_file(table: _Table) -> Path | None:
    if "client_file" not in table.said:
        return None
    path = table.given.directory / str(table.said["client_file"])
    table.given.private_file(f"{NAME}: {table.name}.client_file", path)
    return path


def _token(table: _Table) -> str:
    if "token_file" not in table.said:
        return ""
    path = table.given.directory / str(table.said["token_file"])
    token = table.given.private_file(f"{NAME}: {table.name}.token_file", path)
    if table.is_whole and not re.fullmatch(r"[!-~]{1,4096}", token, re.ASCII):
        table.fault("token_file", "must hold one line of visible ASCII characters")
    return token


def _split(address: object) -> SplitResult | None:
    try:
        parts = urlsplit(address) if isinstance(address, str) else None
        # A port that is none is found only when it is asked for.
        is_sound = parts is None or parts.port != 0
    except ValueError:
        return None
    return parts if is_sound else None
