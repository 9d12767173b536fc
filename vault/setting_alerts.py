"""Setting alerts: who is told of alerts: by e-mail, by a webhook, by syslog; secrets come from files."""

import base64
import binascii
import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from vault import setting_forms
from vault.setting_given import Given

_MAIL: Final = ("VAULT_ALERT_MAIL", "VAULT_ALERT_MAIL_FROM", "VAULT_ALERT_MAIL_TO")
_WEBHOOK: Final = ("VAULT_ALERT_WEBHOOK", "VAULT_ALERT_WEBHOOK_SECRET_FILE")
NAMES: Final = (
    "VAULT_ALERT_SEVERITY",
    *_MAIL,
    "VAULT_ALERT_MAIL_USER",
    "VAULT_ALERT_MAIL_PASSWORD_FILE",
    *_WEBHOOK,
    "VAULT_ALERT_SYSLOG",
    "VAULT_ALERT_CA_FILE",
)
SEVERITIES: Final = ("low", "medium", "high", "critical")
_PORTS: Final = {"smtps": 465, "smtp": 587, "tls": 6514, "tcp": 514, "udp": 514}
_ADDRESS: Final = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+", re.ASCII)
# Standard Webhooks: a secret of 24 to 64 bytes, written as base64 behind this.
_SECRET: Final = "whsec_"  # noqa: S105 - what a secret begins with, and none
_SHORTEST, _LONGEST = 24, 64


@dataclass(frozen=True, slots=True)
class Server:
    """A server by its host and port, and how it is spoken to."""

    scheme: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Mailbox:
    """The server that takes e-mail, from whom and to whom it goes."""

    server: Server
    sender: str
    receivers: tuple[str, ...]
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that alerts are posted to, and what they are signed by."""

    address: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Alerting:
    """Who is told of alerts, from which severity on."""

    severity: str = "medium"
    mail: Mailbox | None = None
    webhook: Webhook | None = None
    syslog: Server | None = None
    ca_file: Path | None = None


def alerting(given: Given) -> Alerting:
    """Read who is told of alerts."""
    return Alerting(
        severity=given.parsed(
            "VAULT_ALERT_SEVERITY", _severity, default="medium", form=f"one of {', '.join(SEVERITIES)}"
        ),
        mail=_mail(given),
        webhook=_webhook(given),
        syslog=given.parsed(
            "VAULT_ALERT_SYSLOG",
            _collector,
            default=None,
            form="tls://host:6514, or tcp:// or udp:// for this machine alone",
        ),
        ca_file=_ca_file(given),
    )


def _ca_file(given: Given) -> Path | None:
    """Name the file of those who vouch for servers, which must be one of certificates."""
    name = "VAULT_ALERT_CA_FILE"
    if name not in given.texts:
        return None
    path = given.directory / given.texts[name]
    try:
        ssl.create_default_context(cafile=path)
    except OSError:
        # An SSLError too: the file is there, and no PEM.
        given.faults.append(f"{name}: {path} holds no certificates (PEM) that this user may read.")
    return path


def _mail(given: Given) -> Mailbox | None:
    if not _is_whole(given, _MAIL):
        return None
    server = given.parsed(
        "VAULT_ALERT_MAIL",
        _mail_server,
        default=None,
        form="smtps://host:465 or smtp://host:587, which takes STARTTLS but for this machine",
    )
    nobody: tuple[str, ...] = ()
    senders = given.parsed("VAULT_ALERT_MAIL_FROM", _addresses, default=nobody, form="an address")
    receivers = given.parsed(
        "VAULT_ALERT_MAIL_TO", _addresses, default=nobody, form="addresses with commas between them"
    )
    named = "VAULT_ALERT_MAIL_PASSWORD_FILE" in given.texts
    password = given.private_text("VAULT_ALERT_MAIL_PASSWORD_FILE") if named else ""
    if server is None or not senders or not receivers:
        return None
    return Mailbox(server, senders[0], receivers, given.texts.get("VAULT_ALERT_MAIL_USER", ""), password)


def _webhook(given: Given) -> Webhook | None:
    if not _is_whole(given, _WEBHOOK):
        return None
    address = given.parsed(
        "VAULT_ALERT_WEBHOOK",
        setting_forms.issuer,
        default="",
        form="an address, such as https://hooks.example.com/vault; plain http only for this machine",
    )
    text = given.private_text("VAULT_ALERT_WEBHOOK_SECRET_FILE")
    try:
        secret = base64.b64decode(text.removeprefix(_SECRET), validate=True)
    except binascii.Error:
        secret = b""
    if not _SHORTEST <= len(secret) <= _LONGEST:
        given.faults.append("VAULT_ALERT_WEBHOOK_SECRET_FILE must hold whsec_ and 24 to 64 bytes in base64.")
        return None
    return Webhook(address, secret)


def _is_whole(given: Given, names: tuple[str, ...]) -> bool:
    """Tell whether all of *names* are given; where some are, say which are missing."""
    missing = [name for name in names if name not in given.texts]
    if 0 < len(missing) < len(names):
        given.faults += [f"{name} is needed beside {names[0]}; give all of them or none." for name in missing]
    return not missing


def _severity(text: str) -> str:
    if text not in SEVERITIES:
        raise ValueError
    return text


def _mail_server(text: str) -> Server:
    return _server(text, frozenset({"smtps", "smtp"}))


def _collector(text: str) -> Server | None:
    server = _server(text, frozenset({"tls", "tcp", "udp"}))
    if server.scheme != "tls" and not setting_forms.is_loopback(server.host):
        raise ValueError
    return server


def _server(text: str, schemes: frozenset[str]) -> Server:
    parts = urlsplit(text)
    if parts.scheme not in schemes or not parts.hostname or parts.path.strip("/") or "@" in parts.netloc:
        raise ValueError
    return Server(parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme])


def _addresses(text: str) -> tuple[str, ...]:
    found = tuple(part.strip() for part in text.split(","))
    if not all(_ADDRESS.fullmatch(one) for one in found):
        raise ValueError
    return found
