"""OAuth schemas: what the token endpoint takes and gives, by the names that RFC 6749 and RFC 7523 give it."""

from marshmallow import fields

from vault.web.reading import Strict


class TokenRequest(Strict):
    """A form: the grant, and what the application shows of itself where no Authorization header does."""

    grant_type = fields.String(required=True, metadata={"enum": ["client_credentials"]})
    client_id = fields.String(metadata={"maxLength": 64})
    client_secret = fields.String(metadata={"maxLength": 128})
    client_assertion_type = fields.String(metadata={"maxLength": 128})
    client_assertion = fields.String(metadata={"maxLength": 4096})
    scope = fields.String(metadata={"maxLength": 0})


class TokenIssued(Strict):
    """A token for the Authorization header, and for how many seconds it serves."""

    access_token = fields.String(required=True)
    token_type = fields.String(required=True)
    expires_in = fields.Integer(required=True, strict=True)
