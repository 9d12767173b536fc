"""Who is told of alerts: servers, addresses and secrets, all or none of what belongs together."""

from pathlib import Path

import pytest

from vault.setting_alerts import NAMES, Alerting, Server, alerting
from vault.setting_given import Given


def given(folder: Path, **texts: str) -> tuple[Alerting, list[str]]:
    read = Given(folder, NAMES)
    read.gather({f"VAULT_ALERT_{name.upper()}": text for name, text in texts.items()})
    return alerting(read), read.faults


def secret(folder: Path, text: str) -> str:
    path = folder / "secret"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return str(path)


def test_nobody_is_told_where_nobody_is_named(tmp_path: Path) -> None:
    found, faults = given(tmp_path)

    assert (found.mail, found.webhook, found.syslog, faults) == (None, None, None, [])


def test_all_three_are_read(tmp_path: Path) -> None:
    hook = secret(tmp_path, "whsec_" + "AAAA" * 8)

    found, faults = given(
        tmp_path,
        mail="smtp://mail.example.com",
        mail_from="vault@example.com",
        mail_to="one@example.com, two@example.com",
        webhook="https://hooks.example.com/vault",
        webhook_secret_file=hook,
        syslog="tls://logs.example.com",
        severity="high",
    )

    assert faults == []
    assert found.mail is not None
    assert (found.mail.server.port, found.mail.receivers) == (587, ("one@example.com", "two@example.com"))
    assert found.webhook is not None
    assert found.webhook.secret == bytes(24)
    assert found.syslog == Server("tls", "logs.example.com", 6514)
    assert "AAAA" not in repr(found)


@pytest.mark.parametrize(
    ("texts", "fault"),
    [
        ({"severity": "grave"}, "VAULT_ALERT_SEVERITY must be one of"),
        ({"syslog": "tcp://logs.example.com"}, "VAULT_ALERT_SYSLOG must be"),
        ({"syslog": "udp://logs.example.com"}, "VAULT_ALERT_SYSLOG must be"),
        ({"ca_file": "nowhere.pem"}, "VAULT_ALERT_CA_FILE: /"),
        ({"mail": "smtp://mail.example.com"}, "VAULT_ALERT_MAIL_FROM is needed"),
        ({"mail": "http://x", "mail_from": "a@b.c", "mail_to": "a@b.c"}, "VAULT_ALERT_MAIL must be"),
        ({"mail": "smtps://x", "mail_from": "nobody", "mail_to": "a@b.c"}, "VAULT_ALERT_MAIL_FROM must be"),
        ({"webhook": "https://x"}, "VAULT_ALERT_WEBHOOK_SECRET_FILE is needed"),
        ({"syslog": "https://logs.example.com"}, "VAULT_ALERT_SYSLOG must be"),
    ],
)
def test_what_does_not_fit_is_said(tmp_path: Path, texts: dict[str, str], fault: str) -> None:
    _, faults = given(tmp_path, **texts)

    assert [one for one in faults if one.startswith(fault)]


@pytest.mark.parametrize("text", ["whsec_AAAA", "not base64 at all", ""])
def test_a_secret_that_is_too_short_or_none_is_refused(tmp_path: Path, text: str) -> None:
    found, faults = given(tmp_path, webhook="https://x", webhook_secret_file=secret(tmp_path, text))

    assert found.webhook is None
    assert "24 to 64 bytes" in faults[0]


def test_plain_http_is_for_this_machine_alone(tmp_path: Path) -> None:
    hook = secret(tmp_path, "whsec_" + "AAAA" * 8)

    _, faults = given(tmp_path, webhook="http://hooks.example.com", webhook_secret_file=hook)

    assert faults[0].startswith("VAULT_ALERT_WEBHOOK must be")
