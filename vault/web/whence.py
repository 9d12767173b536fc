"""Whence: where a caller is, by the peer of the connection, or by the word of a proxy that is trusted."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, Final, TypeAlias

from flask import Flask, Request

_KEY: Final = "VAULT_TRUSTED_PROXIES"
# Nobody is behind more proxies than that; what goes on is somebody's play.
_MOST_HOPS: Final = 10

Networks: TypeAlias = tuple[IPv4Network | IPv6Network, ...]


def install(app: Flask, proxies: Sequence[str]) -> None:
    """Let *app* know whose word counts."""
    app.config[_KEY] = tuple(ip_network(one) for one in proxies)


def source(app: Flask, request: Request) -> str:
    """Find the address of whoever asks.

    The right-most address of ``X-Forwarded-For`` that is no trusted proxy is believed, and only where the
    peer is one: whatever stands to the left of it, the caller may have written.
    """
    peer = request.remote_addr or "unknown"
    proxies: Networks = app.config[_KEY]
    if not proxies or not _is_among(peer, proxies):
        return peer
    told = request.headers.get("X-Forwarded-For", "")
    found = peer
    for hop in reversed([one.strip() for one in told.split(",") if one.strip()][-_MOST_HOPS:]):
        if not _is_address(hop):
            return found
        found = hop
        if not _is_among(hop, proxies):
            return hop
    return found


def _is_among(text: str, networks: Networks) -> bool:
    address: Any = ip_address(text) if _is_address(text) else None
    return address is not None and any(address in one for one in networks)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
