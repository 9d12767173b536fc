"""Reading: a parsed body held against its schema, and the kinds of values that schemas are made of."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, cast

from marshmallow import RAISE, Schema, ValidationError, fields
from typing_extensions import override

from vault.domain.terms import id_bytes, is_code
from vault.errors import Invalid, InvalidValue, NotFound
from vault.web.routes import BATCH_ITEMS

_LONGEST_CODE = 64
_LONGEST_KEY = 128

# What a validator of ours says is the code itself; the library's own messages are told by their text.
_OWN_CODES = frozenset({"unknown_key", "format", "date", "limit", "empty", "repeated"})
_REQUIRED = fields.Field.default_error_messages["required"]


def load(schema: type[Schema], value: object) -> Any:
    """Read *value* by *schema*; raises Invalid with a code and the path of the key that is wrong."""
    try:
        return _instance(schema).load(cast(Mapping[str, Any], value))
    except ValidationError as refusal:
        code, path = min(_faults(_messages(refusal)), key=_weight)
        facts: dict[str, str | int] = {"field": path} if path else {}
        # The library's own error holds the value and the unknown key's name: it goes no further.
        raise Invalid(code, **facts, **({"limit": BATCH_ITEMS} if code == "limit" else {})) from None


def read_id(prefix: str, text: str) -> bytes:
    """Read an id out of a path or a body; raises NotFound for what is none: it names nothing."""
    raw = id_bytes(prefix, text)
    if raw is None:
        raise NotFound
    return raw


def read_limit(text: str | None, *, most: int) -> int | None:
    """Read how many are asked for; raises Invalid ``type`` or ``limit``, and never reads a long number."""
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()):
        raise InvalidValue("type", field="limit")
    if len(text) > len(str(most)) or not 1 <= int(text) <= most:
        raise Invalid("limit", field="limit", limit=most)
    return int(text)


@cache
def _instance(schema: type[Schema]) -> Schema:
    return schema()


def _messages(refusal: ValidationError) -> Mapping[Any, Any]:
    # A body that is no object at all has a bare list of messages.
    return refusal.messages if isinstance(refusal.messages, dict) else {"_schema": refusal.messages}


def _faults(messages: Mapping[Any, Any], path: str = "") -> Iterator[tuple[str, str]]:
    for key, told in messages.items():
        here = path if key == "_schema" else f"{path}.{key}".lstrip(".")
        if isinstance(told, Mapping):
            yield from _faults(told, here)
            continue
        code = told[0] if told[0] in _OWN_CODES else "required" if told[0] == _REQUIRED else "type"
        # An unknown key is the sender's own word: only where it stood is told, never what it was.
        yield (code, path if code == "unknown_key" else here)


def _weight(fault: tuple[str, str]) -> tuple[bool, bool]:
    return (fault[0] != "unknown_key", fault[0] != "required")


# ---- the kinds of values ----


class Strict(Schema):
    """A JSON object with exactly the keys that are named."""

    error_messages = {"unknown": "unknown_key"}  # noqa: RUF012 - the library's own way to say it

    class Meta:
        """How the library is told to refuse a key that is not named."""

        unknown = RAISE


class Code(fields.String):
    """A code or an id: plain ASCII, never free text."""

    def __init__(self, *, one_of: Iterable[str] = (), **more: Any) -> None:
        """Take a code; *one_of* is told in the description, and held by the service that knows them."""
        form = {"minLength": 1, "maxLength": _LONGEST_CODE, "pattern": "^[A-Za-z0-9._:/-]+$"}
        super().__init__(metadata={"enum": sorted(one_of)} if one_of else form, **more)

    @override
    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **more: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **more)
        if not is_code(text, longest=_LONGEST_CODE):
            raise ValidationError("format")
        return text


class Key(fields.String):
    """An idempotency key: up to 128 visible ASCII characters, kept as a keyed hash alone."""

    @override
    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **more: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **more)
        if not is_key(text):
            raise ValidationError("format")
        return text


class Values(fields.Raw):
    """Fields by their catalogue names; the service checks each against its field."""

    def __init__(self, **more: Any) -> None:
        """Describe it as the object that it is."""
        super().__init__(metadata={"type": "object"}, **more)

    @override
    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **more: Any) -> Any:
        if not isinstance(value, dict):
            raise ValidationError("type")
        return value


class Several(fields.List[Any]):
    """A list of as much as one call may carry, and of something."""

    def __init__(self, inner: fields.Field[Any], **more: Any) -> None:
        """Take a list of *inner*."""
        super().__init__(
            inner, validate=_several, metadata={"minItems": 1, "maxItems": BATCH_ITEMS}, required=True, **more
        )


class Moment(fields.AwareDateTime):
    """A moment as RFC 3339 writes it, with its offset."""

    default_error_messages = {"invalid": "date", "format": "date", "invalid_awareness": "date"}  # noqa: RUF012


class Flag(fields.Boolean):
    """A JSON boolean, and nothing that merely sounds like one."""

    @override
    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **more: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("type")
        return value


def is_key(text: str) -> bool:
    """Tell whether *text* can be an idempotency key; a comma is where servers join a header sent twice."""
    return 0 < len(text) <= _LONGEST_KEY and all("!" <= letter <= "~" and letter != "," for letter in text)


def _several(value: list[Any]) -> None:
    if not value:
        raise ValidationError("empty")
    if len(value) > BATCH_ITEMS:
        raise ValidationError("limit")
