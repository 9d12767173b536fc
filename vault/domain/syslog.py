"""Syslog: one message of RFC 5424 as bytes, and its frame on a stream (RFC 5425, octet counting)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Final

# What every receiver takes (RFC 5425 4.3.1); many cut off what is longer, and say nothing.
MAX_BYTES: Final = 8_192
_VERSION: Final = 1
# "log audit", RFC 5424 6.2.1.
_AUDIT: Final = 13
_NONE: Final = "-"
_BOM: Final = b"\xef\xbb\xbf"
_NAME: Final = re.compile(r"[!-~]+", re.ASCII)
# An SD-NAME has none of these (RFC 5424 6.3.2).
_SD_NAME: Final = re.compile(r"[!#-<>-\\^-~]{1,32}", re.ASCII)
_ESCAPED: Final = str.maketrans({'"': '\\"', "\\": "\\\\", "]": "\\]"})


class Severity(IntEnum):
    """How grave a message is (RFC 5424 6.2.1)."""

    ALERT = 1
    CRITICAL = 2
    ERROR = 3
    WARNING = 4
    NOTICE = 5
    INFORMATIONAL = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is said to a collector; *data* is structured: ids such as ``vault@32473``, each with its pairs."""

    at: datetime
    host: str
    app: str
    about: str
    text: str
    severity: Severity = Severity.INFORMATIONAL
    data: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def encode(self) -> bytes:
        """Write the message; raises ValueError ``name`` where a part of its header is no name."""
        at = self.at.strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"
        names = (_name(self.host, 255), _name(self.app, 48), _NONE, _name(self.about, 32))
        head = f"<{_AUDIT * 8 + self.severity}>{_VERSION} {at} {' '.join(names)} {_structured(self.data)} "
        return head.encode() + _BOM + self.text.encode()


def framed(message: bytes) -> bytes:
    """Put the message's length before it, so that a line's end in it is none (RFC 5425 4.3)."""
    return b"%d %s" % (len(message), message)


def _structured(data: Mapping[str, Mapping[str, str]]) -> str:
    elements = []
    for name, pairs in data.items():
        written = "".join(f' {_sd_name(key)}="{value.translate(_ESCAPED)}"' for key, value in pairs.items())
        elements.append(f"[{_sd_name(name)}{written}]")
    return "".join(elements) or _NONE


def _name(text: str, most: int) -> str:
    if len(text) > most or not _NAME.fullmatch(text):
        raise ValueError("name")
    return text


def _sd_name(text: str) -> str:
    if not _SD_NAME.fullmatch(text):
        raise ValueError("name")
    return text
