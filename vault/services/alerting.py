"""Alerting: whoever is named hears of alerts and cases: in codes, ids and counts, at least once, in order."""

import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Final, TypeAlias

from vault.custody import webhooks
from vault.domain import syslog
from vault.domain.entry import Entry
from vault.domain.entry_reading import read_entry
from vault.domain.grants import token_text
from vault.domain.instants import moment, rfc3339
from vault.domain.kinds import Kind
from vault.domain.signals import GRAVITY, Severity
from vault.domain.terms import id_text
from vault.errors import Unavailable
from vault.services import syslogging
from vault.services.fetching import send
from vault.services.following import page
from vault.services.mailing import mail
from vault.services.parts import Parts
from vault.services.syslogging import Collector, Transport
from vault.setting_alerts import Alerting
from vault.storage import audit, derived

MAIL, WEBHOOK, SYSLOG = "alerts:mail", "alerts:webhook", "alerts:syslog"
_PAGE: Final = 500
_KINDS: Final = frozenset({Kind.ALERT_RAISED, Kind.CASE_OPENED, Kind.CASE_REOPENED, Kind.CASE_NOTIFIED})
_MARKS: Final = tuple(f'"kind":"{kind}"'.encode() for kind in sorted(_KINDS))
_SYSLOG: Final[Mapping[Severity, syslog.Severity]] = {
    Severity.LOW: syslog.Severity.NOTICE,
    Severity.MEDIUM: syslog.Severity.WARNING,
    Severity.HIGH: syslog.Severity.ERROR,
    Severity.CRITICAL: syslog.Severity.ALERT,
}
# The private enterprise number for examples (RFC 5612): a house that has its own maps it at the collector.
_DATA: Final = "vault@32473"


@dataclass(frozen=True, slots=True)
class Notice:
    """What a receiver is told: nothing that says who anybody is."""

    id: str
    at_ms: int
    index: int
    type: str
    case: str
    rule: str | None
    severity: Severity
    score: int
    entries: int

    def told(self) -> dict[str, object]:
        """Lay it out as JSON; what does not apply is null."""
        return {"type": self.type, "timestamp": rfc3339(moment(self.at_ms)), "data": self.data()}

    def data(self) -> dict[str, object]:
        """Give what is said beside the type and the time."""
        return {
            "case": self.case,
            "rule": self.rule,
            "severity": self.severity.value,
            "score": self.score,
            "entries": self.entries,
            "index": self.index,
        }


Send: TypeAlias = Callable[[Notice], None]


def followers(alerting: Alerting) -> set[str]:
    """Name the followers of the ledger that the receivers of these settings are."""
    chosen = {MAIL: alerting.mail, WEBHOOK: alerting.webhook, SYSLOG: alerting.syslog}
    return {name for name, receiver in chosen.items() if receiver is not None}


def deliver_mail(parts: Parts, alerting: Alerting) -> None:
    """Send what is new by e-mail; raises Unavailable ``mail_unavailable``, and goes on there next time."""
    box = alerting.mail
    if box is None:
        return

    def post(notice: Notice) -> None:
        message = EmailMessage()
        message["From"], message["To"] = box.sender, ", ".join(box.receivers)
        about = notice.rule or notice.type
        message["Subject"] = f"[vault] {notice.severity}: {about} ({notice.case})"
        # A repetition has the same id, by which mail programs know it again.
        message["Message-ID"] = f"<{notice.id}@{box.sender.rpartition('@')[2]}>"
        message.set_content(json.dumps(notice.told(), indent=2) + "\n")
        mail(box, message, trusting=_trusted(alerting, "mail_unavailable"))

    _deliver(parts, MAIL, alerting, post)


def deliver_webhook(parts: Parts, alerting: Alerting) -> None:
    """Post what is new; raises Unavailable ``webhook_unavailable``, and goes on there next time."""
    hook = alerting.webhook
    if hook is None:
        return

    def post(notice: Notice) -> None:
        body = json.dumps(notice.told(), separators=(",", ":")).encode()
        at_seconds = int(parts.clock().timestamp())
        signed = webhooks.signed(hook.secret, f"msg_{notice.id}", at_seconds=at_seconds, body=body)
        headers = {"Content-Type": "application/json", **signed}
        heard = send(
            "POST",
            hook.address,
            unheard="webhook_unavailable",
            body=body,
            headers=headers,
            trusting=_trusted(alerting, "webhook_unavailable"),
        )
        if not 200 <= heard.status < 300:
            raise Unavailable("webhook_unavailable", reason="refused")

    _deliver(parts, WEBHOOK, alerting, post)


def deliver_syslog(parts: Parts, alerting: Alerting) -> None:
    """Log what is new elsewhere; raises Unavailable ``syslog_unavailable``, and goes on there next time."""
    server = alerting.syslog
    if server is None:
        return
    # The settings take no other.
    transport: Transport = "tls" if server.scheme == "tls" else "tcp" if server.scheme == "tcp" else "udp"
    collector = Collector(transport, server.host, server.port, alerting.ca_file)

    def post(notice: Notice) -> None:
        message = syslog.Message(
            at=moment(notice.at_ms),
            host="vault",
            app="vault",
            about=notice.type,
            text=f"{notice.severity} {notice.rule or notice.type} {notice.case}",
            severity=_SYSLOG[notice.severity],
            data={_DATA: {name: str(value) for name, value in notice.data().items() if value is not None}},
        )
        try:
            syslogging.send(collector, [message.encode()])
        except Unavailable as fault:
            raise Unavailable("syslog_unavailable", **fault.facts) from None

    _deliver(parts, SYSLOG, alerting, post)


def _deliver(parts: Parts, name: str, alerting: Alerting, post: Send) -> None:
    """Send what a receiver has not had, one after the other; what was sent is remembered one by one.

    Nothing is held while a receiver takes its time. One that is named for the first time hears of what comes
    from then on. A crash between sending and remembering sends once more, under the same id.
    """
    least = GRAVITY[Severity(alerting.severity)]
    with parts.stores.audit.read() as conn:
        size = audit.size(conn)
        is_known = name in derived.positions(conn)
        position = derived.position(conn, name) if is_known else size
    if not is_known:
        parts.stores.audit.transact(lambda conn: derived.move(conn, name, 0, size))
        return
    while position < size:
        with parts.stores.audit.read() as conn:
            rows = page(conn, position, limit=min(_PAGE, size - position))
        if not rows:
            return
        for row in rows:
            notice = _notice(row.idx, row.body)
            if notice is not None and GRAVITY[notice.severity] >= least:
                post(notice)
                position = _moved(parts, name, position, row.idx + 1)
                if position != row.idx + 1:
                    # Another process has been here: what is left of the page is told already, or by it.
                    break
        else:
            position = _moved(parts, name, position, rows[-1].idx + 1)


def _moved(parts: Parts, name: str, was: int, becomes: int) -> int:
    """Remember how far a receiver came; where another process was ahead, go on where that is."""
    moved = parts.stores.audit.transact(lambda conn: derived.move(conn, name, was, becomes))
    if moved:
        return becomes
    with parts.stores.audit.read() as conn:
        return derived.position(conn, name)


def _trusted(alerting: Alerting, code: str) -> ssl.SSLContext | None:
    """Believe whom the settings name; None believes whom the machine does."""
    if alerting.ca_file is None:
        return None
    try:
        return syslogging.trusting(alerting.ca_file)
    except OSError:
        # It was read when the house started, and is gone or changed.
        raise Unavailable(code, reason="ca_file") from None


def _notice(idx: int, body: bytes) -> Notice | None:
    if not any(mark in body for mark in _MARKS):
        return None
    try:
        entry = read_entry(body)
    except ValueError:
        return None
    if entry.kind not in _KINDS or entry.object is None or entry.object.id is None:
        return None
    is_alert = entry.kind is Kind.ALERT_RAISED
    rule, _, score = (entry.object.code or "").rpartition(":") if is_alert else ("", "", "")
    return Notice(
        id=token_text(entry.id),
        at_ms=entry.at_ms,
        index=idx,
        type=entry.kind.value,
        case=id_text("cas", entry.object.id),
        rule=rule or None,
        severity=_severity(entry),
        score=int(score) if score.isdigit() else 0,
        entries=entry.n if is_alert else 0,
    )


def _severity(entry: Entry) -> Severity:
    """Tell how grave a message is: what somebody asks to be told is told to everybody."""
    if entry.kind is Kind.CASE_NOTIFIED:
        return Severity.CRITICAL
    return Severity(entry.reason_code) if entry.reason_code in set(Severity) else Severity.LOW
