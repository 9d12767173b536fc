"""Callers: from where a call comes, and which certificate it showed, as far as who says so is trusted."""

import re
from dataclasses import dataclass
from typing import Final, cast

from flask import Request, g

from vault.domain.networks import address, lies_in
from vault.settings import Settings

UNKNOWN: Final = "unknown"
_THUMBPRINT: Final = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Caller:
    """The address that a call comes from, and the SHA-256 of the certificate that it showed, if any."""

    source: str
    certificate: bytes | None = None


class Callers:
    """Tells callers by the peer's address, and by what a trusted proxy says of whom it speaks for."""

    def __init__(self, settings: Settings) -> None:
        """Trust the proxies that *settings* name, and nobody else."""
        self._proxies = settings.trusted_proxies
        name = settings.client_cert_header
        self._certificate = f"HTTP_{name.upper()}" if name else ""

    def caller(self, request: Request) -> Caller:
        """Tell who calls; a header of anybody but a trusted proxy can claim anything, and is not read."""
        peer = request.remote_addr or UNKNOWN
        # Most houses name no proxies, and pay for nothing here.
        if not self._proxies or not self._is_proxy(peer):
            return Caller(peer)
        environ = request.environ
        shown = environ.get(self._certificate, "") if self._certificate else ""
        certificate = bytes.fromhex(shown) if _THUMBPRINT.fullmatch(shown) else None
        return Caller(self._source(peer, environ.get("HTTP_X_FORWARDED_FOR", "")), certificate)

    def _source(self, peer: str, forwarded: str) -> str:
        """Take the right-most address that is no trusted proxy: what stands left of it, anybody can write."""
        source = peer
        for text in reversed(forwarded.split(",")) if forwarded else ():
            one = address(text)
            if one is None:
                # A trusted proxy that does not know either: the proxy's own address must not stand in.
                return UNKNOWN
            source = str(one)
            if not lies_in(one, self._proxies):
                break
        return source

    def _is_proxy(self, peer: str) -> bool:
        one = address(peer)
        return one is not None and lies_in(one, self._proxies)


def calling() -> Caller:
    """Tell who makes the request at hand; found out once, before anything else of it is looked at."""
    return cast(Caller, g.caller)
