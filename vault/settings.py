"""Settings: one frozen record from VAULT_* variables and an optional TOML file; all faults at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from vault import (
    setting_alerts,
    setting_anchors,
    setting_backups,
    setting_exporters,
    setting_forms,
    setting_mirror,
    setting_providers,
    setting_sso,
)
from vault.errors import Misconfigured
from vault.setting_alerts import Alerting
from vault.setting_anchors import Anchor
from vault.setting_backups import Backups
from vault.setting_exporters import Exporter
from vault.setting_given import Given
from vault.setting_providers import Providers
from vault.setting_sso import SingleSignOn

STORES = ("data", "keys", "audit", "register")
SLOTS = setting_providers.SLOTS
_URLS = tuple(f"VAULT_{store.upper()}_URL" for store in STORES)
# All three together, or none of them.
# What may stand as tables in the settings file.
TABLES = (setting_anchors.NAME, setting_exporters.NAME)
NAMES = (
    "VAULT_SETTINGS",
    "VAULT_MODE",
    "VAULT_STATE_DIR",
    "VAULT_NOTARY_DIR",
    "VAULT_BIND",
    "VAULT_ORIGIN",
    "VAULT_WORKERS",
    "VAULT_THREADS",
    "VAULT_TIERS",
    "VAULT_TRUSTED_PROXIES",
    "VAULT_CLIENT_CERT_HEADER",
    "VAULT_ISSUER",
    *setting_sso.NEEDED,
    "VAULT_OIDC_STRONG_ACR",
    setting_exporters.NAME,
    setting_anchors.NAME,
    *setting_alerts.NAMES,
    *setting_mirror.NAMES,
    *setting_backups.NAMES,
    *_URLS,
    *(f"{url}_FILE" for url in _URLS),
    *(f"VAULT_ROOT_{slot}_FILE" for slot in SLOTS),
    *setting_providers.NAMES,
)

_DEMO_STATE = ".vault"
_BIND = ("127.0.0.1", 8200)
_WORKERS, _MOST_WORKERS, _THREADS, _MOST_THREADS = 2, 64, 8, 256
# So many more threads of a worker only wait: for a slow sender, or for their turn to work.
WAITING_THREADS = 240
# Without these no request can be judged, whichever tiers a process serves.
_NEEDED_SLOTS = ("KEK_T0", "AUTHORITY", "DETAIL")


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

    # Where browsers visit the house, as https://vault.example.com; empty where they do not.
    origin: str = ""
    single_sign_on: SingleSignOn | None = None
    # Who outside the house holds what the notary signed.
    anchors: tuple[Anchor, ...] = ()
    # Where the notary keeps its own head; None is within the state directory.
    notary_dir: Path | None = None
    # Which SIEM is told of the ledger's entries.
    exporters: tuple[Exporter, ...] = ()
    # Who is told of alerts.
    alerting: Alerting = field(default_factory=Alerting)
    # Where other secrets lie than the slots': with providers, in the host secret, sealed to a share set.
    providers: Providers = field(default_factory=Providers)
    host_secret: Path | None = None
    recovery_dir: Path | None = None
    register_mirror: str = field(default="", repr=False)
    backups: Backups | None = None

    @property
    def issuer(self) -> str:
        """The house as its callers address it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.named_issuer or f"http://{host}:{self.port}"


def read(environ: Mapping[str, str], *, directory: Path) -> Settings:
    """Read the settings from *environ* and the TOML file it may name; relative paths start at *directory*.

    Raises Misconfigured with every fault found, each a sentence that names the setting and the remedy.
    """
    given = Given(directory, NAMES, tables=TABLES)
    given.gather(environ)
    mode = given.parsed("VAULT_MODE", Mode, default=Mode.PRODUCTION, form="demo or production")
    state_dir = state_dir_of(given, mode)
    host, port = given.parsed(
        "VAULT_BIND", setting_forms.bind, default=_BIND, form="host:port, such as 127.0.0.1:8200"
    )
    settings = Settings(
        mode=mode,
        state_dir=state_dir,
        urls={store: url_of(given, store, state_dir) for store in STORES},
        slots=slots_of(given, mode, state_dir),
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
        single_sign_on=setting_sso.single_sign_on(given),
        anchors=setting_anchors.anchors(given, state_dir),
        notary_dir=notary_dir_of(given),
        exporters=setting_exporters.exporters(given),
        alerting=setting_alerts.alerting(given),
        providers=setting_providers.providers(given),
        recovery_dir=setting_providers.recovery_dir(given, state_dir),
        host_secret=setting_providers.host_secret(given, demo=state_dir if mode is Mode.DEMO else None),
        register_mirror=setting_mirror.url_of(given, state_dir, is_demo=mode is Mode.DEMO),
        backups=setting_backups.backups(given),
    )
    faults = (
        given.faults
        + _faults(settings)
        + (_demo_faults if mode is Mode.DEMO else _production_faults)(settings, given.texts)
    )
    if faults:
        raise Misconfigured(faults)
    return settings


def state_dir_of(given: Given, mode: Mode) -> Path:
    """Find the state directory; a production house says where it lives."""
    text = given.texts.get("VAULT_STATE_DIR")
    if text is None and mode is Mode.PRODUCTION:
        given.faults.append("VAULT_STATE_DIR is needed in production; name a directory of its own.")
    return given.directory / (text or _DEMO_STATE)


def notary_dir_of(given: Given) -> Path | None:
    """Find the notary's directory, where one is named."""
    text = given.texts.get("VAULT_NOTARY_DIR")
    return given.directory / text if text is not None else None


def url_of(given: Given, store: str, state_dir: Path) -> str:
    """Find the URL of *store*: said, or in a file, or by default an embedded file in *state_dir*."""
    name = f"VAULT_{store.upper()}_URL"
    text = given.texts.get(name)
    if f"{name}_FILE" not in given.texts:
        return text or f"sqlite:///{state_dir.absolute()}/{store}.db"
    if text is not None:
        given.faults.append(f"{name} and {name}_FILE are both set; remove one.")
    return given.private_text(f"{name}_FILE")


def slots_of(given: Given, mode: Mode, state_dir: Path) -> dict[str, Path]:
    """Find the file of each slot; a demo has one for each beside its stores."""
    if mode is Mode.DEMO:
        return {slot: state_dir / "slots" / slot.lower() for slot in SLOTS}
    names = {slot: f"VAULT_ROOT_{slot}_FILE" for slot in SLOTS}
    return {slot: given.directory / given.texts[name] for slot, name in names.items() if name in given.texts}


def _faults(settings: Settings) -> list[str]:
    urls = [*settings.urls.values()]
    faults = [
        f"VAULT_{store.upper()}_URL is another store's too; each of the four needs its own."
        for store, url in settings.urls.items()
        if url and urls.count(url) > 1
    ]
    if settings.register_mirror and settings.register_mirror in urls:
        faults.append(f"{setting_mirror.NAME} is a store's own URL; name another place.")
    if settings.client_cert_header and not settings.trusted_proxies:
        faults.append("VAULT_CLIENT_CERT_HEADER needs VAULT_TRUSTED_PROXIES: nobody else is believed.")
    if settings.single_sign_on is not None and not settings.origin:
        faults.append("VAULT_OIDC_ISSUER needs VAULT_ORIGIN: it is where the provider sends people back to.")
    return faults


def _demo_faults(settings: Settings, texts: Mapping[str, str]) -> list[str]:
    """Refuse what only production has: a demo's secrets lie beside its data."""
    # What it shares with a receiver of alerts opens nothing of the house.
    faults = [
        f"{name} is for production; a demo keeps all in its state directory. Remove it, or change VAULT_MODE."
        for name in texts
        if (name.endswith(("_URL", "_FILE")) and name not in setting_alerts.NAMES)
        or name in setting_providers.NAMES
    ]
    if not setting_forms.is_loopback(settings.host):
        faults.append("VAULT_BIND must be a loopback address in demo mode, such as 127.0.0.1:8200.")
    return faults


def _production_faults(settings: Settings, texts: Mapping[str, str]) -> list[str]:
    """Refuse secrets where others would find them: in the environment, or beside what they open."""
    faults = [
        f"{name} holds a password; put the URL into a file of mode 600 and name it in {name}_FILE."
        for name in (*_URLS, setting_mirror.NAME)
        if name in texts and setting_forms.has_password(texts[name])
    ]
    faults += [
        f"VAULT_ROOT_{slot}_FILE is needed in production; name the file of its secret."
        for slot in _NEEDED_SLOTS
        if slot not in settings.slots and slot not in settings.providers.served
    ]
    state_dir = settings.state_dir.resolve()
    secrets = {f"VAULT_ROOT_{slot}_FILE": path for slot, path in settings.slots.items()}
    if settings.host_secret is not None:
        secrets["VAULT_HOST_SECRET_FILE"] = settings.host_secret
    faults += [
        f"{name} lies in the state directory; keep secrets apart from what they open."
        for name, path in secrets.items()
        if path.resolve().is_relative_to(state_dir)
    ]
    return faults
