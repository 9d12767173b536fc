"""Settings: one frozen record from VAULT_* variables and an optional TOML file; all faults at once."""

import difflib
import stat
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import TypeVar

from vault import setting_forms
from vault.errors import Misconfigured

STORES = ("data", "keys", "audit", "register")
SLOTS = (
    *(f"KEK_T{tier}" for tier in range(6)),
    *(f"INDEX_T{tier}" for tier in range(1, 5)),
    "AUTHORITY",
    "SUPPRESSION",
    "DETAIL",
    "SIGNING",
)
_URLS = tuple(f"VAULT_{store.upper()}_URL" for store in STORES)
NAMES = (
    "VAULT_SETTINGS",
    "VAULT_MODE",
    "VAULT_STATE_DIR",
    "VAULT_BIND",
    "VAULT_ORIGIN",
    "VAULT_WORKERS",
    "VAULT_THREADS",
    "VAULT_TIERS",
    "VAULT_TRUSTED_PROXIES",
    "VAULT_CLIENT_CERT_HEADER",
    "VAULT_ISSUER",
    *_URLS,
    *(f"{url}_FILE" for url in _URLS),
    *(f"VAULT_ROOT_{slot}_FILE" for slot in SLOTS),
)

_DEMO_STATE = ".vault"
_BIND = ("127.0.0.1", 8200)
_WORKERS, _MOST_WORKERS = 2, 64
_THREADS, _MOST_THREADS = 8, 256
# So many more threads of a worker only wait: for a slow sender, or for their turn to work.
WAITING_THREADS = 240
# Without these no request can be judged, whichever tiers a process serves.
_NEEDED_SLOTS = ("KEK_T0", "AUTHORITY", "DETAIL")
# How alike a strange variable must be to one of ours before it counts as a slip of the pen.
_LIKENESS = 0.85


Parsed = TypeVar("Parsed")


class Mode(StrEnum):
    """A demo keeps its secrets beside its data and listens to this machine alone; production does neither."""

    DEMO = "demo"
    PRODUCTION = "production"


@dataclass(frozen=True, slots=True)
class Settings:
    """How one process of a house is set up; ``tiers`` narrows what it serves, None leaves it to the slots."""

    mode: Mode
    state_dir: Path
    # A URL may hold a password that came from a file, so no repr shows it.
    urls: Mapping[str, str] = field(repr=False)
    slots: Mapping[str, Path]
    host: str
    port: int
    workers: int
    threads: int
    tiers: frozenset[int] | None
    # Peers that are believed about whom they speak for; nobody else is.
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    client_cert_header: str = ""
    # What applications write their assertions for; empty is the address that is listened on.
    named_issuer: str = ""

    @property
    def issuer(self) -> str:
        """The house as its callers address it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.named_issuer or f"http://{host}:{self.port}"

    # Where browsers visit the house, as https://vault.example.com; empty where they do not.
    origin: str = ""


def read(environ: Mapping[str, str], *, directory: Path) -> Settings:
    """Read the settings from *environ* and the TOML file it may name; relative paths start at *directory*.

    Raises Misconfigured with every fault found, each a sentence that names the setting and the remedy.
    """
    given = _Given(directory)
    given.gather(environ)
    mode = given.parsed("VAULT_MODE", Mode, default=Mode.PRODUCTION, form="demo or production")
    state_dir = given.state_dir(mode)
    host, port = given.parsed(
        "VAULT_BIND", setting_forms.bind, default=_BIND, form="host:port, such as 127.0.0.1:8200"
    )
    settings = Settings(
        mode=mode,
        state_dir=state_dir,
        urls={store: given.url(store, state_dir) for store in STORES},
        slots=given.slots(mode, state_dir),
        host=host,
        port=port,
        workers=given.count("VAULT_WORKERS", default=_WORKERS, most=_MOST_WORKERS),
        threads=given.count("VAULT_THREADS", default=_THREADS, most=_MOST_THREADS),
        tiers=given.parsed(
            "VAULT_TIERS", setting_forms.tiers, default=None, form="tiers from 1 to 5, such as 1,2,3"
        ),
        trusted_proxies=given.parsed(
            "VAULT_TRUSTED_PROXIES",
            setting_forms.networks,
            default=(),
            form="networks, such as 10.1.0.4/32,10.1.0.5/32",
        ),
        client_cert_header=given.parsed(
            "VAULT_CLIENT_CERT_HEADER",
            setting_forms.header,
            default="",
            form="letters and digits, such as ClientCertSha256",
        ),
        named_issuer=given.parsed(
            "VAULT_ISSUER",
            setting_forms.origin,
            default="",
            form="an address, such as https://vault.example.com",
        ),
        origin=given.parsed(
            "VAULT_ORIGIN",
            setting_forms.site,
            default=f"http://localhost:{port}" if mode is Mode.DEMO else "",
            form="an origin, such as https://vault.example.com; plain http only for localhost",
        ),
    )
    faults = (
        given.faults
        + _faults(settings)
        + (_demo_faults if mode is Mode.DEMO else _production_faults)(settings, given.texts)
    )
    if faults:
        raise Misconfigured(faults)
    return settings


class _Given:
    """What was given for each name, and what is wrong with it so far."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.texts: dict[str, str] = {}
        self.faults: list[str] = []

    def gather(self, environ: Mapping[str, str]) -> None:
        """Lay the variables over the file, and refuse what looks like ours and is not."""
        for name in sorted(name for name in environ if name.startswith("VAULT_") and name not in NAMES):
            meant = difflib.get_close_matches(name, NAMES, 1, _LIKENESS)
            # VAULT_TEIRS must not widen what a process serves; another program's VAULT_* may stay.
            if name.startswith("VAULT_ROOT_"):
                self.faults.append(f"{name} is not a setting; secrets come from VAULT_ROOT_<SLOT>_FILE.")
            elif meant:
                self.faults.append(f"{name} is not a setting; did you mean {meant[0]}?")
        own = {name: environ[name] for name in NAMES if name in environ}
        path = own.pop("VAULT_SETTINGS", "")
        texts = (self._file(self.directory / path) if path else {}) | own
        self.faults += [
            f"{n} is empty; give it a value or remove it." for n, t in texts.items() if not t.strip()
        ]
        self.texts = {name: text.strip() for name, text in texts.items() if text.strip()}

    def _file(self, path: Path) -> dict[str, str]:
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):
            self.faults.append(f"VAULT_SETTINGS: {path} cannot be read; name a file that this user may read.")
            return {}
        except tomllib.TOMLDecodeError:
            # The parser would quote the line, and a line may hold a password.
            self.faults.append(f"VAULT_SETTINGS: {path} is not TOML.")
            return {}
        texts = {}
        for key, value in document.items():
            name = f"VAULT_{key.upper()}"
            if name not in NAMES or name == "VAULT_SETTINGS" or key != key.lower():
                self.faults.append(f"{path}: {key} is not a setting; write VAULT_MODE as mode, and so on.")
            else:
                texts[name] = ",".join(map(str, value)) if isinstance(value, list) else str(value)
        return texts

    def parsed(self, name: str, parse: Callable[[str], Parsed], *, default: Parsed, form: str) -> Parsed:
        """Parse what was given for *name*, or take the default; a fault names the *form* it should have."""
        text = self.texts.get(name)
        if text is None:
            return default
        try:
            return parse(text)
        except ValueError:
            self.faults.append(f"{name} must be {form}.")
            return default

    def count(self, name: str, *, default: int, most: int) -> int:
        """Parse a count from 1 to *most*."""
        found = self.parsed(name, int, default=default, form=f"a number from 1 to {most}")
        if not 1 <= found <= most:
            self.faults.append(f"{name} must be a number from 1 to {most}.")
        return found

    def state_dir(self, mode: Mode) -> Path:
        """Find the state directory; a production house says where it lives."""
        text = self.texts.get("VAULT_STATE_DIR")
        if text is None and mode is Mode.PRODUCTION:
            self.faults.append("VAULT_STATE_DIR is needed in production; name a directory of its own.")
        return self.directory / (text or _DEMO_STATE)

    def url(self, store: str, state_dir: Path) -> str:
        """Find the URL of *store*: said, or in a file, or by default an embedded file in *state_dir*."""
        name = f"VAULT_{store.upper()}_URL"
        text, file = self.texts.get(name), self.texts.get(f"{name}_FILE")
        if text is not None and file is not None:
            self.faults.append(f"{name} and {name}_FILE are both set; remove one.")
        if file is None:
            return text or f"sqlite:///{state_dir.absolute()}/{store}.db"
        path = self.directory / file
        try:
            if stat.S_IMODE(path.stat().st_mode) & 0o077:
                self.faults.append(f"{name}_FILE is open to others; run 'chmod 600 {path}'.")
            return path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            self.faults.append(f"{name}_FILE: {path} cannot be read; name a file that this user may read.")
            return ""

    def slots(self, mode: Mode, state_dir: Path) -> dict[str, Path]:
        """Find the file of each slot; a demo has one for each beside its stores."""
        if mode is Mode.DEMO:
            return {slot: state_dir / "slots" / slot.lower() for slot in SLOTS}
        names = {slot: f"VAULT_ROOT_{slot}_FILE" for slot in SLOTS}
        return {slot: self.directory / self.texts[name] for slot, name in names.items() if name in self.texts}


def _faults(settings: Settings) -> list[str]:
    urls = list(settings.urls.values())
    faults = [
        f"VAULT_{store.upper()}_URL is another store's too; each of the four needs its own."
        for store, url in settings.urls.items()
        if url and urls.count(url) > 1
    ]
    if settings.client_cert_header and not settings.trusted_proxies:
        faults.append("VAULT_CLIENT_CERT_HEADER needs VAULT_TRUSTED_PROXIES: nobody else is believed.")
    return faults


def _demo_faults(settings: Settings, texts: Mapping[str, str]) -> list[str]:
    """Refuse what only production has: a demo's secrets lie beside its data."""
    faults = [
        f"{name} is for production; a demo keeps all in its state directory. Remove it, or change VAULT_MODE."
        for name in texts
        if name.endswith(("_URL", "_FILE"))
    ]
    if not setting_forms.is_loopback(settings.host):
        faults.append("VAULT_BIND must be a loopback address in demo mode, such as 127.0.0.1:8200.")
    return faults


def _production_faults(settings: Settings, texts: Mapping[str, str]) -> list[str]:
    """Refuse secrets where others would find them: in the environment, or beside what they open."""
    faults = [
        f"{name} holds a password; put the URL into a file of mode 600 and name it in {name}_FILE."
        for name in _URLS
        if name in texts and setting_forms.has_password(texts[name])
    ]
    faults += [
        f"VAULT_ROOT_{slot}_FILE is needed in production; name the file of its secret."
        for slot in _NEEDED_SLOTS
        if slot not in settings.slots
    ]
    state_dir = settings.state_dir.resolve()
    faults += [
        f"VAULT_ROOT_{slot}_FILE lies in the state directory; keep secrets apart from what they open."
        for slot, path in settings.slots.items()
        if path.resolve().is_relative_to(state_dir)
    ]
    return faults
