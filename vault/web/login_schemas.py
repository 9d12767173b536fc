"""Login schemas: what people send and get who log in, and who keep their own account."""

from marshmallow import fields

from vault.web.reading import Code, Flag, Strict


class Login(Strict):
    """A name and a password."""

    login = fields.String(required=True, metadata={"maxLength": 64})
    password = fields.String(required=True, metadata={"maxLength": 256})


class Joining(Strict):
    """A link, and the password that is chosen with it."""

    link = fields.String(required=True, metadata={"maxLength": 128})
    password = fields.String(required=True, metadata={"minLength": 12, "maxLength": 256})


class SecondFactor(Strict):
    """A code: six digits of a generator, or a recovery code."""

    code = fields.String(required=True, metadata={"maxLength": 32})


class PasswordChange(Strict):
    """The old password and a new one."""

    old = fields.String(required=True, metadata={"maxLength": 256})
    new = fields.String(required=True, metadata={"minLength": 12, "maxLength": 256})


class GeneratorConfirmed(Strict):
    """The secret that was scanned, a code that it shows now, and what the generator is called."""

    secret = fields.String(required=True, metadata={"maxLength": 64})
    code = fields.String(required=True, metadata={"maxLength": 16})
    name = Code(load_default="generator")


# ---- what is answered ----


class Joined(Strict):
    """Who has joined."""

    person = Code(required=True)


class LoggedIn(Strict):
    """A session that has begun: ``csrf`` goes into Vault-Csrf, ``left`` are the second factors to show."""

    person = Code(required=True)
    strength = fields.Integer(required=True, strict=True)
    left = fields.List(Code(), required=True)
    csrf = fields.String(required=True)


class HeldGrant(Strict):
    """A role that the person holds now."""

    role = Code(required=True)
    purposes = fields.List(Code(), required=True)
    until = fields.String(required=True)


class LoginKey(Strict):
    """Something that the person logs in by."""

    id = Code(required=True)
    kind = Code(required=True)
    name = Code(required=True)
    created = fields.String(required=True)


class Oneself(Strict):
    """Who is logged in, how strongly, and with which roles and keys."""

    person = Code(required=True)
    login = Code(required=True)
    strength = fields.Integer(required=True, strict=True)
    left = fields.List(Code(), required=True)
    csrf = fields.String(required=True)
    grants = fields.List(fields.Nested(HeldGrant), required=True)
    keys = fields.List(fields.Nested(LoginKey), required=True)


class OneSession(Strict):
    """A session of one's own."""

    id = Code(required=True)
    strength = fields.Integer(required=True, strict=True)
    begun = fields.String(required=True)
    seen = fields.String(required=True)
    this = Flag(required=True)


class Sessions(Strict):
    """One's own sessions, oldest first."""

    items = fields.List(fields.Nested(OneSession), required=True)


class GeneratorBegun(Strict):
    """The secret of a generator of codes, and the address that a phone reads as a QR code."""

    secret = fields.String(required=True)
    address = fields.String(required=True)


class KeyAdded(Strict):
    """The id of a new key."""

    id = Code(required=True)


class RecoveryCodes(Strict):
    """Ten codes, shown once; each serves once in the place of a second factor."""

    codes = fields.List(fields.String(), required=True)


class PromisedSecret(Strict):
    """A secret of an application that waits for its owner."""

    id = Code(required=True)
    app = Code(required=True)
    until = fields.String(required=True)


class PromisedSecrets(Strict):
    """The secrets that wait for whoever is logged in."""

    items = fields.List(fields.Nested(PromisedSecret), required=True)


class TakenSecret(Strict):
    """An application's secret: ``token`` is shown once."""

    app = Code(required=True)
    secret = Code(required=True)
    token = fields.String(required=True)
