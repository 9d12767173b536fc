"""Mailing: one message by SMTP: over TLS from the first byte, or by STARTTLS before anything is said."""

import smtplib
import ssl
from email.message import EmailMessage
from typing import Final

from vault.errors import Unavailable
from vault.setting_alerts import Mailbox
from vault.setting_forms import is_loopback

_LONGEST_SECONDS: Final = 10


def mail(box: Mailbox, message: EmailMessage, *, trusting: ssl.SSLContext | None = None) -> None:
    """Send *message*; raises Unavailable ``mail_unavailable`` where its server does not take it.

    Only a server on this machine is spoken to in clear. Whom the machine believes is believed, or whom
    *trusting* does alone.
    """
    trusted = trusting or ssl.create_default_context()
    server = box.server
    try:
        if server.scheme == "smtps":
            with smtplib.SMTP_SSL(
                server.host, server.port, timeout=_LONGEST_SECONDS, context=trusted
            ) as line:
                _say(line, box, message)
            return
        with smtplib.SMTP(server.host, server.port, timeout=_LONGEST_SECONDS) as line:
            line.ehlo()
            if line.has_extn("starttls") or not is_loopback(server.host):
                # Where it is not offered this fails: somebody in between may have taken the offer away.
                line.starttls(context=trusted)
            _say(line, box, message)
    except ssl.SSLCertVerificationError:
        raise Unavailable("mail_unavailable", reason="certificate") from None
    except smtplib.SMTPException:
        raise Unavailable("mail_unavailable", reason="refused") from None
    except OSError:
        raise Unavailable("mail_unavailable", reason="no_answer") from None


def _say(line: smtplib.SMTP, box: Mailbox, message: EmailMessage) -> None:
    if box.user:
        line.login(box.user, box.password)
    line.send_message(message, box.sender, list(box.receivers))
