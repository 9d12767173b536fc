"""Single sign-on schemas: how one is begun, and what comes back from the provider."""

from marshmallow import fields

from vault.web.reading import Strict


class SignOnBegun(Strict):
    """Where a command line waits for the browser; a browser itself leaves it out."""

    back = fields.String(load_default="", metadata={"maxLength": 256, "format": "uri"})


class JoinBegun(SignOnBegun):
    """An invitation, or a link to begin anew."""

    link = fields.String(required=True, metadata={"maxLength": 128})


class SignOnReturned(Strict):
    """What the provider gave the browser; ``iss`` where it named itself (RFC 9207)."""

    code = fields.String(required=True, metadata={"minLength": 1, "maxLength": 4096})
    state = fields.String(required=True, metadata={"maxLength": 128})
    issuer = fields.String(data_key="iss", load_default=None, metadata={"maxLength": 255})


# ---- what is answered ----


class SignOnAddress(Strict):
    """Where the person logs in at the provider, in a browser."""

    address = fields.String(required=True)
