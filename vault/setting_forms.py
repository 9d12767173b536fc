"""Setting forms: how the text of a setting is read and told; what is not of its form raises ValueError."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

# A host that is an address cannot have passkeys.
_HOST = re.compile(r"(?=.*[a-z])[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*", re.ASCII)


def networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Read networks with commas between them."""
    return tuple(ip_network(part.strip()) for part in text.split(","))


def header(text: str) -> str:
    """Read the name of a header, of letters and digits alone.

    WSGI writes a hyphen and an underscore alike, so that a caller could say ``X_Client`` through a proxy that
    only watches over ``X-Client``.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]{0,63}", text, re.ASCII):
        raise ValueError
    return text


def origin(text: str) -> str:
    """Read an address without query and fragment."""
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError
    return text.rstrip("/")


def issuer(text: str) -> str:
    """Read the name of a provider, which is compared letter by letter (OpenID Connect Discovery 4.3)."""
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise ValueError
    if set("?#") & set(text) or not (parts.scheme == "https" or is_loopback(parts.hostname)):
        raise ValueError
    return visible(text)


def visible(text: str) -> str:
    """Read up to 255 visible ASCII characters."""
    if not re.fullmatch(r"[!-~]{1,255}", text, re.ASCII):
        raise ValueError
    return text


def words(text: str) -> frozenset[str]:
    """Read visible words with commas between them."""
    return frozenset(visible(part.strip()) for part in text.split(","))


def bind(text: str) -> tuple[str, int]:
    """Read host and port."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not 1 <= int(port) <= 65535:
        raise ValueError
    return host, int(port)


def tiers(text: str) -> frozenset[int] | None:
    """Read tiers with commas between them."""
    tiers = frozenset(int(part.strip().upper().removeprefix("L")) for part in text.split(","))
    if not tiers <= frozenset(range(1, 6)):
        raise ValueError
    return tiers


def site(text: str) -> str:
    """Read an origin (RFC 6454): authenticators sign it letter by letter, so one spelling alone is taken."""
    parts = urlsplit(text)
    host, port = parts.hostname or "", parts.port
    default = {"http": 80, "https": 443}.get(parts.scheme)
    spelled = f"{parts.scheme}://{host}" + (f":{port}" if port is not None else "")
    # A host that is an address cannot have passkeys (WebAuthn 5.1.3).
    if text != spelled or default is None or port == default or not _HOST.fullmatch(host):
        raise ValueError
    if parts.scheme == "http" and host != "localhost":
        raise ValueError
    return text


def has_password(url: str) -> bool:
    """Tell whether a URL holds a password, or is too odd to tell."""
    try:
        parts = urlsplit(url)
        return parts.password is not None or "password=" in parts.query.lower()
    except ValueError:
        return True


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
