"""Bodies: what is read, what is refused, and that nothing is read beyond the limit or spooled to disk."""

import io
import json
import tempfile
from typing import Any

import pytest
from flask import Request
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override
from werkzeug.test import EnvironBuilder

from vault.errors import Invalid, TooLarge
from vault.web import body

EXACT = st.integers(-(2**53) + 1, 2**53 - 1)
VALUES = st.recursive(
    st.none() | st.booleans() | EXACT | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def request_of(raw: bytes, **more: Any) -> Request:
    more.setdefault("content_type", "application/json")
    return Request(EnvironBuilder(method="POST", data=raw, **more).get_environ())


class Endless(io.RawIOBase):
    """A chunked body without an end, which counts what was taken of it."""

    taken = 0

    @override
    def read(self, size: int = -1, /) -> bytes:
        self.taken += size
        return b" " * size

    @override
    def readinto(self, buffer: Any, /) -> int:
        self.taken += len(buffer)
        return len(buffer)


def chunked(stream: io.IOBase) -> Request:
    environ = EnvironBuilder(method="POST", content_type="application/json").get_environ()
    environ |= {"wsgi.input": stream, "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    environ.pop("CONTENT_LENGTH", None)
    return Request(environ)


@given(VALUES)
def test_what_json_can_say_is_read_as_it_was_said(value: Any) -> None:
    raw = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")

    if json.dumps(value).count("[") + json.dumps(value).count("{") <= 15:
        assert body.parse(raw) == value


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "syntax"),
        (b"{", "syntax"),
        (b"{} {}", "syntax"),
        (b"{'a': 1}", "syntax"),
        (b'{"a": 1,}', "syntax"),
        (b'{"a": 01}', "syntax"),
        (b'{"a": "\x00"}', "syntax"),
        (b"\xef\xbb\xbf{}", "syntax"),
        (b'{"a": "\xff"}', "encoding"),
        (b'{"a": "\xed\xa0\x80"}', "encoding"),
        (b'{"a": "\xc0\x80"}', "encoding"),
        (b'{"a": 1, "a": 1}', "duplicate_key"),
        (b'{"a": [{"b": 1, "\\u0062": 2}]}', "duplicate_key"),
        (b"[NaN]", "unsafe_number"),
        (b"[-Infinity]", "unsafe_number"),
        (b"[1e999]", "unsafe_number"),
        (b"[9007199254740992]", "unsafe_number"),
        (b"[-9007199254740992]", "unsafe_number"),
        (b"[" + b"9" * 5000 + b"]", "unsafe_number"),
        (b"[" * 17 + b"]" * 17, "depth"),
        (b"[" * 100_000, "syntax"),
        (b'{"a":' * 100_000, "syntax"),
    ],
)
def test_what_two_readers_could_understand_differently_is_refused(raw: bytes, code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        body.parse(raw)

    assert refusal.value.code == code
    assert refusal.value.__cause__ is None


def test_sixteen_levels_are_deep_enough_and_seventeen_too_deep() -> None:
    assert body.parse(b"[" * 16 + b"]" * 16)

    with pytest.raises(Invalid, match="depth"):
        body.parse(b"[" * 16 + b"{}" + b"]" * 16)


@pytest.mark.parametrize(
    "text", ['"\\ud800"', '"\\udc00\\ud800"', '"a\\u0000b"'], ids=["lone", "swapped", "nul"]
)
def test_a_string_that_no_field_can_hold_is_left_to_its_field(text: str) -> None:
    assert isinstance(body.parse(text.encode()), str)


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=gbk",
    ],
)
def test_only_json_is_read(content_type: str) -> None:
    with pytest.raises(Invalid, match="media_type"):
        body.read(request_of(b"{}", content_type=content_type), 100)


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"'],
)
def test_json_is_read_however_its_type_is_spelled(content_type: str) -> None:
    assert body.read(request_of(b"{}", content_type=content_type), 100) == b"{}"


def test_a_compressed_body_is_not_unpacked() -> None:
    with pytest.raises(Invalid, match="media_type"):
        body.read(request_of(b"\x1f\x8b", headers={"Content-Encoding": "gzip"}), 100)


def test_a_body_of_the_limit_is_read_and_one_byte_more_is_not() -> None:
    assert len(body.read(request_of(b" " * 100), 100)) == 100

    with pytest.raises(TooLarge, match="limit=100"):
        body.read(request_of(b" " * 101), 100)


def test_a_chunked_body_is_cut_off_at_the_limit_however_long_it_would_be() -> None:
    stream = Endless()

    with pytest.raises(TooLarge):
        body.read(chunked(stream), 10_000)

    assert stream.taken < 200_000


def test_a_chunked_body_within_the_limit_is_read_whole() -> None:
    assert body.read(chunked(io.BytesIO(b'{"a": 1}')), 100) == b'{"a": 1}'


def test_a_chunked_body_one_byte_over_the_limit_is_refused_not_cut() -> None:
    with pytest.raises(TooLarge):
        body.read(chunked(io.BytesIO(b" " * 101)), 100)


def test_half_a_body_is_refused_though_it_is_json() -> None:
    request = request_of(b"[1]")
    request.environ |= {"CONTENT_LENGTH": "9", "wsgi.input_terminated": True}

    with pytest.raises(Invalid, match="request"):
        body.read(request, 100)


def test_a_large_body_never_touches_a_temporary_file(monkeypatch: pytest.MonkeyPatch) -> None:
    spooled: list[object] = []
    for maker in ("TemporaryFile", "SpooledTemporaryFile", "NamedTemporaryFile", "mkstemp"):
        monkeypatch.setattr(tempfile, maker, lambda *_, **__: spooled.append(1))

    assert len(body.read(request_of(b" " * 8_000_000), 8_000_000)) == 8_000_000
    assert spooled == []


@pytest.mark.parametrize("raw", [b"", b"{}", b" {} "])
def test_where_no_body_is_expected_an_empty_object_is_none(raw: bytes) -> None:
    body.refuse(request_of(raw))


@pytest.mark.parametrize("raw", [b'{"a": 1}', b"[]", b"null"])
def test_where_no_body_is_expected_one_is_refused(raw: bytes) -> None:
    with pytest.raises(Invalid, match="body_unexpected"):
        body.refuse(request_of(raw))
