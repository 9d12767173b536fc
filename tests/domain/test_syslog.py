"""Syslog: what is said has one form, and nothing in it can end it early."""

from datetime import UTC, datetime

import pytest

from vault.domain.syslog import Message, Severity, framed

AT = datetime(2026, 11, 21, 8, 0, 0, 123000, tzinfo=UTC)


def test_a_message_is_written_as_rfc_5424_says() -> None:
    message = Message(
        at=AT,
        host="vault.example.com",
        app="customer-vault",
        about="grant.given",
        severity=Severity.NOTICE,
        data={"vault@32473": {"idx": "7", "leaf": "ab"}},
        text="{}",
    )

    # Facility 13 times eight, and five.
    assert message.encode() == (
        b"<109>1 2026-11-21T08:00:00.123000Z vault.example.com customer-vault - grant.given"
        b' [vault@32473 idx="7" leaf="ab"] \xef\xbb\xbf{}'
    )


def test_what_would_end_structured_data_is_escaped() -> None:
    message = Message(at=AT, host="v", app="a", about="b", text="", data={"x@1": {"k": 'a"]\\'}})

    assert b'[x@1 k="a\\"\\]\\\\"]' in message.encode()


def test_a_message_without_structured_data_says_so() -> None:
    assert b" b - \xef\xbb\xbf" in Message(at=AT, host="v", app="a", about="b", text="").encode()


@pytest.mark.parametrize("host", ["", "two words", "x" * 256, "ü"])
def test_a_host_that_is_no_name_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="name"):
        Message(at=AT, host=host, app="a", about="b", text="").encode()


@pytest.mark.parametrize("name", ["a=b", "a]", 'a"', "a b", "x" * 33])
def test_a_name_that_structured_data_cannot_have_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        Message(at=AT, host="v", app="a", about="b", text="", data={name: {}}).encode()


def test_a_frame_counts_octets() -> None:
    assert framed("ü\n".encode()) == b"3 \xc3\xbc\n"
