"""Alerting: receivers hear of every alert in codes; one that is gone blocks nothing and misses nothing."""

import base64
import hmac
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from typing_extensions import override

from tests.collectors import a_syslog_collector, certificate
from tests.house import House
from tests.services.test_signals import a_reader, adopt
from vault.errors import Unavailable
from vault.services import alerting, signals
from vault.setting_alerts import Alerting, Mailbox, Server, Webhook

RULES = """
[[signal]]
id = "read"
title = "Anybody reads"
kind = "query"
severity = "high"
score = 10
ignore = "10s"
[signal.where]
kinds = ["profile.disclosed"]
"""
SECRET = bytes(range(32))


@dataclass
class Postbox:
    """What a server of e-mail has taken."""

    port: int = 0
    letters: list[bytes] = field(default_factory=list)
    refusing: bool = False

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - as it is asked
        if self.refusing:
            return "451 later"
        self.letters.append(envelope.content)
        return "250 OK"


class _Listening(Controller):
    """A controller whose port the system chooses."""

    @override
    def _trigger_server(self) -> None:
        server: Any = self.server
        self.port = server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@contextmanager
def a_postbox(pem: Path | None = None, *, starttls: bool = False) -> Iterator[Postbox]:
    context = None
    if pem is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(pem)
    box = Postbox()

    def known(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        fits = isinstance(data, LoginPassword) and (data.login, data.password) == (b"vault", b"a password")
        return AuthResult(success=fits)

    more: dict[str, Any] = {"authenticator": known, "auth_require_tls": starttls}
    if starttls:
        more |= {"tls_context": context, "require_starttls": True}
    controller = _Listening(
        box, hostname="127.0.0.1", port=0, ssl_context=None if starttls else context, **more
    )
    controller.start()
    box.port = controller.port
    try:
        yield box
    finally:
        controller.stop()


@dataclass
class Hook:
    """What was posted to a webhook, and what it answers."""

    port: int = 0
    status: int = 204
    posted: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    # Done once, before the first answer.
    meanwhile: Callable[[], None] | None = None


@contextmanager
def a_hook(pem: Path | None = None) -> Iterator[Hook]:
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.posted.append(({name.lower(): value for name, value in self.headers.items()}, body))
            meanwhile, hook.meanwhile = hook.meanwhile, None
            if meanwhile is not None:
                meanwhile()
            self.send_response(hook.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        @override
        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if pem is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(pem)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    hook.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def mailed(box: Postbox, scheme: str = "smtp", **more: Any) -> Alerting:
    server = Server(scheme, "127.0.0.1", box.port)
    return Alerting(
        mail=Mailbox(server, "vault@example.com", ("security@example.com", "officer@example.com"), **more)
    )


def posted(hook: Hook) -> Alerting:
    return Alerting(webhook=Webhook(f"http://127.0.0.1:{hook.port}/vault", SECRET))


@pytest.fixture
def watched(house: House) -> House:
    adopt(house, RULES)
    signals.catch_up(house.parts)
    return house


def raise_alerts(house: House, own: str, count: int = 1) -> None:
    for _ in range(count):
        house.disclose("settlement", own, "name")
        signals.catch_up(house.parts)
        house.clock.advance(timedelta(seconds=20))


def test_an_alert_is_mailed_in_codes_to_everybody_who_is_named(watched: House) -> None:
    with a_postbox() as box:
        alerting.deliver_mail(watched.parts, mailed(box))
        raise_alerts(watched, a_reader(watched))

        alerting.deliver_mail(watched.parts, mailed(box))

        (letter,) = box.letters
    text = letter.decode()
    assert "To: security@example.com, officer@example.com" in text
    assert "Subject: [vault] high: read (cas_" in text
    assert '"score": 10' in text
    assert "settlement" not in text


@pytest.mark.parametrize("starttls", [True, False])
def test_mail_goes_over_tls_and_logs_in_where_it_must(
    watched: House, tmp_path: Path, *, starttls: bool
) -> None:
    pem = certificate(tmp_path)
    with a_postbox(pem, starttls=starttls) as box:
        told = mailed(box, "smtp" if starttls else "smtps", user="vault", password="a password")
        told = replace(told, ca_file=pem)
        alerting.deliver_mail(watched.parts, told)
        raise_alerts(watched, a_reader(watched))

        with pytest.raises(Unavailable, match="certificate"):
            alerting.deliver_mail(watched.parts, replace(told, ca_file=None))
        alerting.deliver_mail(watched.parts, told)

        assert len(box.letters) == 1


def test_a_server_that_refuses_gets_the_same_letter_later(watched: House) -> None:
    with a_postbox() as box:
        told = mailed(box)
        alerting.deliver_mail(watched.parts, told)
        raise_alerts(watched, a_reader(watched), 2)
        box.refusing = True

        with pytest.raises(Unavailable, match="mail_unavailable"):
            alerting.deliver_mail(watched.parts, told)
        box.refusing = False
        alerting.deliver_mail(watched.parts, told)
        alerting.deliver_mail(watched.parts, told)

        ids = [line for one in box.letters for line in one.decode().splitlines() if "Message-ID" in line]
    assert len(ids) == len(set(ids)) == 2


def test_a_server_that_is_gone_is_said_to_be(watched: House) -> None:
    with a_postbox() as box:
        told = mailed(box)
    alerting.deliver_mail(watched.parts, told)
    raise_alerts(watched, a_reader(watched))

    with pytest.raises(Unavailable, match="no_answer"):
        alerting.deliver_mail(watched.parts, told)


def test_a_webhook_is_signed_so_that_its_receiver_can_tell(watched: House) -> None:
    with a_hook() as hook:
        alerting.deliver_webhook(watched.parts, posted(hook))
        raise_alerts(watched, a_reader(watched))

        alerting.deliver_webhook(watched.parts, posted(hook))

        ((headers, body),) = hook.posted
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.digest(SECRET, signed, sha256)).decode()
    told = json.loads(body)
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert told["type"] == "alert.raised"
    assert (told["data"]["rule"], told["data"]["score"], told["data"]["entries"]) == ("read", 10, 1)
    index = told["data"]["index"]
    assert watched.entries()[index]["kind"] == "alert.raised"


def test_a_webhook_that_fails_is_gone_on_with_where_it_stopped(watched: House) -> None:
    with a_hook() as hook:
        alerting.deliver_webhook(watched.parts, posted(hook))
        raise_alerts(watched, a_reader(watched), 3)
        hook.status = 500

        with pytest.raises(Unavailable, match="refused"):
            alerting.deliver_webhook(watched.parts, posted(hook))
        hook.status = 200
        alerting.deliver_webhook(watched.another().parts, posted(hook))

        ids = [headers["webhook-id"] for headers, _ in hook.posted]
    assert len(ids) == 4
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


def test_of_two_who_send_at_once_neither_goes_back_behind_the_other(watched: House) -> None:
    with a_hook() as hook:
        alerting.deliver_webhook(watched.parts, posted(hook))
        raise_alerts(watched, a_reader(watched), 3)
        hook.meanwhile = lambda: alerting.deliver_webhook(watched.another().parts, posted(hook))

        alerting.deliver_webhook(watched.parts, posted(hook))

        ids = [headers["webhook-id"] for headers, _ in hook.posted]
    assert len(ids) == 4
    assert len(set(ids)) == 3


def test_a_webhook_is_believed_by_the_certificates_that_are_named(watched: House, tmp_path: Path) -> None:
    pem = certificate(tmp_path)
    with a_hook(pem) as hook:
        told = Alerting(webhook=Webhook(f"https://127.0.0.1:{hook.port}/vault", SECRET), ca_file=pem)
        alerting.deliver_webhook(watched.parts, told)
        raise_alerts(watched, a_reader(watched))

        with pytest.raises(Unavailable, match="certificate"):
            alerting.deliver_webhook(watched.parts, replace(told, ca_file=None))
        with pytest.raises(Unavailable, match="ca_file"):
            alerting.deliver_webhook(watched.parts, replace(told, ca_file=tmp_path / "gone.pem"))
        alerting.deliver_webhook(watched.parts, told)

        assert len(hook.posted) == 1


def test_one_receiver_that_is_gone_holds_up_no_other(watched: House) -> None:
    with a_hook() as hook, a_postbox() as box:
        told = replace(mailed(box), webhook=posted(hook).webhook)
        for deliver in (alerting.deliver_mail, alerting.deliver_webhook):
            deliver(watched.parts, told)
        raise_alerts(watched, a_reader(watched))
        box.refusing = True

        with pytest.raises(Unavailable):
            alerting.deliver_mail(watched.parts, told)
        alerting.deliver_webhook(watched.parts, told)

        assert (len(hook.posted), len(box.letters)) == (1, 0)


def test_what_is_less_grave_than_asked_for_is_not_told(watched: House) -> None:
    with a_hook() as hook:
        told = replace(posted(hook), severity="critical")
        alerting.deliver_webhook(watched.parts, told)
        raise_alerts(watched, a_reader(watched))

        alerting.deliver_webhook(watched.parts, told)

        assert hook.posted == []


def test_an_alert_is_logged_at_a_collector_over_tls(watched: House, tmp_path: Path) -> None:
    pem = certificate(tmp_path)
    with a_syslog_collector(pem) as received:
        told = Alerting(syslog=Server("tls", "127.0.0.1", received.port), ca_file=pem)
        alerting.deliver_syslog(watched.parts, told)
        raise_alerts(watched, a_reader(watched))

        alerting.deliver_syslog(watched.parts, told)

        (message,) = received.messages
    text = message.decode()
    # "log audit" and "error".
    assert text.startswith("<107>1 ")
    assert 'rule="read"' in text
    assert 'severity="high"' in text


def test_who_is_told_of_nothing_costs_nothing(watched: House) -> None:
    for deliver in (alerting.deliver_mail, alerting.deliver_webhook, alerting.deliver_syslog):
        deliver(watched.parts, Alerting())
