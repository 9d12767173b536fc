"""Login: a person logs in from a terminal, joins, keeps an own account, and logs out."""

import json
from pathlib import Path

import click

from vault.cli import speaking
from vault.cli.signing_on import through_browser
from vault.cli.speaking import Session
from vault.errors import Unavailable

_address = click.option(
    "--address",
    default="http://127.0.0.1:8200",
    show_default=True,
    help="Where the house listens; https, but for this machine.",
)
_password_file = click.option(
    "--password-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with the password; without it, it is asked for.",
)
_sso = click.option("--sso", is_flag=True, help="By the provider that the house names, in a browser.")
_port = click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help=(
        "To which port of this machine the browser comes back, for a provider that takes one port alone;"
        " any free one if not said, or 0."
    ),
)


@click.command()
@click.argument("name", required=False)
@_address
@_password_file
@_sso
@_port
@click.option("--code", help="What the generator shows; asked for where it is needed.")
def login(
    *,
    name: str | None,
    address: str,
    password_file: Path | None,
    sso: bool,
    port: int | None,
    code: str | None,
) -> None:
    """Log in as NAME, or with --sso; commands for people work as that person until 'vaultctl logout'."""
    if (name is None) != sso:
        raise click.UsageError("Give a NAME, or --sso and none.")
    _check_way(password_file, sso=sso, port=port)
    if sso:
        begun = through_browser(address, "/v1/login/sso", port=port)
    else:
        sent = {"login": name, "password": _password(password_file)}
        begun = speaking.send(address, "POST", "/v1/login", sent)
    session = _session(address, begun)
    if begun.body["left"]:
        shown = code or click.prompt("Code of your generator")
        headers = {"Cookie": f"{session.name}={session.cookie}", "Vault-Csrf": session.csrf}
        raised = speaking.send(address, "POST", "/v1/login/code", {"code": shown}, headers=headers)
        session, begun = _session(address, raised), raised
    speaking.keep(session)
    click.echo(f"Logged in as {name or begun.body['person']}, strength {begun.body['strength']}.")


@click.command()
def logout() -> None:
    """End the session that 'vaultctl login' began."""
    try:
        speaking.ask("POST", "/v1/logout")
    finally:
        speaking.forget()


@click.command()
@_address
@_password_file
@_sso
@_port
@click.option("--link", help="What the invitation showed; without it, it is asked for.")
def join(*, address: str, password_file: Path | None, sso: bool, port: int | None, link: str | None) -> None:
    """Take an invitation, or a link to begin anew, and choose a password, or none with --sso."""
    _check_way(password_file, sso=sso, port=port)
    shown = link or click.prompt("Link", hide_input=True)
    if sso:
        done = through_browser(address, "/v1/join/sso", port=port, body={"link": shown})
        speaking.keep(_session(address, done))
        click.echo(f"{done.body['person']} has joined and is logged in. Next: 'vaultctl me generator'.")
        return
    password = _password(password_file, confirm=True)
    joined = speaking.send(address, "POST", "/v1/join", {"link": shown, "password": password}).body
    click.echo(f"{joined['person']} has joined. Next: 'vaultctl login', then 'vaultctl me generator'.")


@click.group()
def me() -> None:
    """See and keep your own account; needs 'vaultctl login'."""


@me.command()
def show() -> None:
    """Say who is logged in, how strongly, and with which roles."""
    # What a change says beside the cookie is a secret of the session, and nothing to show.
    _write({name: one for name, one in speaking.ask("GET", "/v1/me").items() if name != "csrf"})


@me.command()
@click.option("--name", default="generator", show_default=True, help="What it is called.")
def generator(*, name: str) -> None:
    """Add a generator of codes (RFC 6238), such as an app on a phone."""
    begun = speaking.ask("POST", "/v1/me/generators")
    click.echo(begun["address"])
    code = click.prompt("Code that it shows now")
    sent = {"secret": begun["secret"], "code": code, "name": name}
    _write(speaking.ask("POST", "/v1/me/generators/confirm", sent))


@me.command("sso")
@_port
def add_sso(*, port: int | None) -> None:
    """Add single sign-on to your account, by logging in at the provider once."""
    session = speaking.read()
    headers = {"Cookie": f"{session.name}={session.cookie}", "Vault-Csrf": session.csrf}
    _write(through_browser(session.address, "/v1/me/sso", port=port, headers=headers).body)


@me.command("recovery-codes")
def recovery_codes() -> None:
    """Draw ten recovery codes in the place of the former ones; they are shown once."""
    for code in speaking.ask("POST", "/v1/me/recovery-codes")["codes"]:
        click.echo(code)


@me.command()
def sessions() -> None:
    """List your own sessions."""
    _write(speaking.ask("GET", "/v1/me/sessions"))


@me.command("end-session")
@click.argument("session")
def end_session(*, session: str) -> None:
    """End one of your own sessions at once."""
    speaking.ask("DELETE", f"/v1/me/sessions/{session}")


@me.command()
@click.argument("promise", required=False)
def secret(*, promise: str | None) -> None:
    """List the secrets of applications that wait for you, or take PROMISE, whose token is shown once."""
    if promise is None:
        _write(speaking.ask("GET", "/v1/me/secrets"))
        return
    taken = speaking.ask("POST", f"/v1/me/secrets/{promise}")
    click.echo(f"{taken['app']}  {taken['secret']}; the token is shown once:", err=True)
    click.echo(taken["token"])


def _check_way(password_file: Path | None, *, sso: bool, port: int | None) -> None:
    """Refuse what would be left aside: each option is of one way to log in alone."""
    if sso and password_file is not None:
        raise click.UsageError("--password-file is for a log-in by password, and --sso for one without.")
    if not sso and port is not None:
        raise click.UsageError("--port is where a browser comes back to; it goes with --sso alone.")


def _session(address: str, answer: speaking.Answer) -> Session:
    if answer.cookie is None:
        raise Unavailable("no_answer")
    name, value = answer.cookie
    return Session(address, name, value, answer.body["csrf"])


def _password(file: Path | None, *, confirm: bool = False) -> str:
    if file is not None:
        return file.read_text(encoding="utf-8").rstrip("\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=confirm))


def _write(found: object) -> None:
    click.echo(json.dumps(found, indent=2, ensure_ascii=False))
