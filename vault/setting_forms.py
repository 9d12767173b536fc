"""Setting forms: how the text of a setting is read; what is not of its form raises ValueError."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from urllib.parse import urlsplit


def networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Read networks with commas between them."""
    return tuple(ip_network(part.strip()) for part in text.split(","))


def header(text: str) -> str:
    """Read the name of a header."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,63}", text, re.ASCII):
        raise ValueError
    return text


def origin(text: str) -> str:
    """Read an address without query and fragment."""
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError
    return text.rstrip("/")


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
