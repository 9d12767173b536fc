"""Own apps: whoever answers for applications sees them from a shell, and adds and ends their keys."""

import json
import re
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import click

from vault.cli import speaking
from vault.cli.governing import as_json_option, write
from vault.domain.instants import rfc3339
from vault.errors import Invalid

# What only the private half of a key has (RFC 7518 6.2.2, 6.3.2, 6.4.1).
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_PEM: Final = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_LARGEST_BYTES: Final = 64 * 1024
_DAYS: Final = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"])
_file = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@as_json_option
def apps(*, as_json: bool) -> None:
    """List the applications that you answer for, with their keys, secrets and what waits for you."""
    found = speaking.ask("GET", "/v1/me/apps")
    if as_json:
        write(found)
        return
    for one in found["items"]:
        _say(one)


@click.group()
def key() -> None:
    """Add and end keys of the applications that you answer for."""


@key.command()
@click.argument("app")
@click.option("--jwk", type=_file, help="A file with the public key, as a JWK.")
@click.option("--certificate", metavar="FILE|SHA256", help="A PEM file with one certificate, or its SHA-256.")
@click.option(
    "--until", type=_DAYS, metavar="DATE", help="When it ends, in UTC; a year from now if not said."
)
@as_json_option
def add(
    *, app: str, jwk: Path | None, certificate: str | None, until: datetime | None, as_json: bool
) -> None:
    """Let APP prove itself by a public key or by a certificate; its private half never leaves its place.

    Give one of the two.
    'vaultctl me apps' lists the ids of your applications and of their keys.
    """
    if (jwk is None) == (certificate is None):
        raise click.UsageError("Name either --jwk or --certificate.")
    sent: dict[str, Any] = {"jwk": _public(jwk)} if jwk is not None else {}
    if certificate is not None:
        sent["certificate"] = _thumbprint(certificate)
    if until is not None:
        sent["until"] = rfc3339(until.replace(tzinfo=UTC))
    added = speaking.ask("POST", f"/v1/me/apps/{app}/keys", sent)
    if as_json:
        write(added)
        return
    click.echo(added["id"])
    click.echo(f"It serves as {added['kid']} until {added['until']}.", err=True)


@key.command()
@click.argument("app")
@click.argument("key")
def end(*, app: str, key: str) -> None:
    """End KEY of APP at once, with every token that it gave."""
    speaking.ask("DELETE", f"/v1/me/apps/{app}/keys/{key}")


def _public(file: Path) -> Mapping[str, Any]:
    """Read a public JWK; raises Invalid ``syntax``, and ``private_key`` before anything is sent."""
    try:
        found = json.loads(_text(file, field="jwk"))
    except ValueError:
        raise Invalid("syntax") from None
    if not isinstance(found, dict):
        raise Invalid("key_form", field="jwk")
    if not _PRIVATE.isdisjoint(found):
        raise Invalid("private_key", field="jwk")
    return found


def _thumbprint(said: str) -> str:
    """Read the SHA-256 of a certificate as it is said, or compute it from the one in a file.

    Raises Invalid ``key_form`` for what is neither, and for a file with more than one: which of a chain is
    meant is for whoever asks to say.
    """
    plain = said.replace(":", "").lower()
    if _SHA256.fullmatch(plain):
        return plain
    path = Path(said)
    if not path.is_file():
        raise Invalid("key_form", field="certificate")
    found = _PEM.findall(_text(path, field="certificate"))
    if len(found) != 1:
        raise Invalid("key_form", field="certificate")
    try:
        return sha256(ssl.PEM_cert_to_DER_cert(found[0])).hexdigest()
    except ValueError:
        raise Invalid("key_form", field="certificate") from None


def _text(file: Path, *, field: str) -> str:
    with file.open("rb") as opened:
        held = opened.read(_LARGEST_BYTES + 1)
    if len(held) > _LARGEST_BYTES:
        raise Invalid("key_form", field=field)
    return held.decode("utf-8", "replace")


def _say(one: Mapping[str, Any]) -> None:
    whence = ", ".join(one["networks"]) or "any network"
    click.echo(f"{one['id']}  {one['state']:<8}  {one['name']}, from {whence}, {_used(one)}")
    for kind, shown in (
        *((each["kind"], each) for each in one["keys"]),
        *(("secret", each) for each in one["secrets"]),
    ):
        soon = ", ends soon" if shown["expires_soon"] else ""
        click.echo(
            f"  {shown['id']}  {shown['state']:<8}  {kind}, until {shown['until']}{soon}, {_used(shown)}"
        )
    for promise in one["promises"]:
        click.echo(f"  {promise['id']}  waiting   secret, to be taken until {promise['until']}")


def _used(one: Mapping[str, Any]) -> str:
    return f"last used {one['last_used']}" if one["last_used"] is not None else "never used"
