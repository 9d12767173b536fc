"""Networks: from which addresses an application may call, and which peers are proxies that are believed."""

import json
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

Network: TypeAlias = IPv4Network | IPv6Network
Address: TypeAlias = IPv4Address | IPv6Address

# How an empty list is written: every network.
EVERY = "[]"


def address(text: str) -> Address | None:
    """Read an address; one of IPv4 that came in the form of IPv6 is that of IPv4 (RFC 4291 2.5.5.2)."""
    try:
        found = ip_address(text.strip())
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped if mapped is not None else found


def lies_in(one: Address, networks: Sequence[Network]) -> bool:
    """Tell whether an address is of one of *networks*."""
    return any(one in network for network in networks)


def admits(networks_text: str, source: str) -> bool:
    """Tell whether a call from *source* is one from the networks that are stored as *networks_text*."""
    if networks_text == EVERY:
        return True
    one = address(source)
    return one is not None and lies_in(one, _read(networks_text))


@lru_cache(maxsize=1024)
def _read(networks_text: str) -> tuple[Network, ...]:
    return tuple(ip_network(one) for one in json.loads(networks_text))
