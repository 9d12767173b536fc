"""The provider: whom it names is believed for what it signed, for this house, this attempt and now."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event, Semaphore
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from joserfc import jwk

from tests.house import Clock
from tests.issuer import CLIENT, SECRET, STRONG, Issuer, an_issuer
from vault.custody.attempts import Words
from vault.domain.signing_on import SignedOn, is_back
from vault.errors import Unavailable
from vault.services.provider import Provider, Returned

SUBJECT = "0b51-subject-of-li.wei"
WORDS = Words("the state", "the nonce", "the verifier")
HERE = "http://localhost:8200/v1/login/sso/return"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def issuer(clock: Clock) -> Iterator[Issuer]:
    with an_issuer(clock) as running:
        yield running


def known(issuer: Issuer, *, strong: bool = False) -> Provider:
    return Provider(issuer.settings(strong=strong), redirect=HERE)


def brought(provider: Provider, issuer: Issuer, words: Words = WORDS, subject: str = SUBJECT) -> Returned:
    back = issuer.log_in(provider.address(words, back="", at=issuer.clock()), subject)
    return Returned(back["state"], back["code"], back["iss"])


def named(provider: Provider, issuer: Issuer, returned: Returned | None = None) -> SignedOn | None:
    found = returned or brought(provider, issuer)
    return provider.redeem(found, WORDS, back="", at=issuer.clock())


def test_whom_it_has_logged_in_is_believed(issuer: Issuer) -> None:
    assert named(known(issuer), issuer) == SignedOn(SUBJECT, "")


@pytest.mark.parametrize(
    ("key", "alg"),
    [
        (lambda: jwk.RSAKey.generate_key(2048, {"kid": "k"}), "RS256"),
        (lambda: jwk.RSAKey.generate_key(2048, {"kid": "k"}), "PS256"),
        (lambda: jwk.ECKey.generate_key("P-256", {"kid": "k"}), "ES256"),
        (lambda: jwk.OKPKey.generate_key("Ed25519", {"kid": "k"}), "Ed25519"),
        # A token need not say by which key; then each is tried.
        (lambda: jwk.ECKey.generate_key("P-256"), "ES256"),
    ],
    ids=["RS256", "PS256", "ES256", "Ed25519", "unnamed"],
)
def test_it_may_sign_by_these(issuer: Issuer, key: Callable[[], Any], alg: str) -> None:
    issuer.key, issuer.alg = key(), alg
    issuer.publish()

    assert named(known(issuer), issuer) is not None


def test_what_else_it_says_of_a_person_is_left_alone(issuer: Issuer) -> None:
    issuer.claims = {"email": "li.wei@example.com", "access": {"house": {"roles": [{"name": {"of": []}}]}}}

    assert named(known(issuer), issuer) == SignedOn(SUBJECT, "")


@pytest.mark.parametrize("methods", [["client_secret_post"], ["private_key_jwt", "client_secret_post"]])
def test_the_secret_goes_where_it_wants_it(issuer: Issuer, methods: list[str]) -> None:
    issuer.document = {"token_endpoint_auth_methods_supported": methods}

    assert named(known(issuer), issuer) is not None
    assert issuer.shown_in == "form"


def test_a_name_for_two_houses_is_of_none(issuer: Issuer) -> None:
    issuer.claims = {"aud": [CLIENT]}
    assert named(known(issuer), issuer) is not None

    issuer.claims = {"aud": [CLIENT, "other"], "azp": CLIENT}
    assert named(known(issuer), issuer) is None


# ---- forged ----

Forge = Callable[[Issuer], None]


def _claims(**claims: Any) -> Forge:
    def forge(issuer: Issuer) -> None:
        issuer.claims = claims

    return forge


def _times(**minutes: int) -> Forge:
    def forge(issuer: Issuer) -> None:
        now = issuer.clock()
        issuer.claims = {
            name: int((now + timedelta(minutes=count)).timestamp()) for name, count in minutes.items()
        }

    return forge


def _unsigned(issuer: Issuer) -> None:
    issuer.alg = "none"


def _by_the_clients_secret(issuer: Issuer) -> None:
    issuer.key, issuer.alg = jwk.OctKey.import_key(SECRET), "HS256"


def _by_the_public_key(issuer: Issuer) -> None:
    # As an old library took it: the modulus that everybody can read, for an HMAC.
    assert isinstance(issuer.key, jwk.RSAKey)
    public = issuer.key.as_dict(private=False)
    issuer.key, issuer.alg = jwk.OctKey.import_key(str(public["n"]), {"kid": str(public["kid"])}), "HS256"


def _by_an_unknown_key(issuer: Issuer) -> None:
    issuer.key = jwk.RSAKey.generate_key(2048, {"kid": "one"})


def _by_another_algorithm(issuer: Issuer) -> None:
    issuer.alg = "RS512"


def _cut_short(issuer: Issuer) -> None:
    issuer.rewrite = lambda token: token.rpartition(".")[0]


def _with_other_claims(issuer: Issuer) -> None:
    def swap(token: str) -> str:
        head, _, signature = token.split(".")
        return f"{head}.{issuer.token('somebody', WORDS.nonce).split('.')[1]}.{signature}"

    issuer.rewrite = swap


def _endless(issuer: Issuer) -> None:
    issuer.claims = {"groups": ["x" * 100] * 200}


FORGED: dict[str, Forge] = {
    "unsigned": _unsigned,
    "by the client's secret": _by_the_clients_secret,
    "by the public key as a secret": _by_the_public_key,
    "by an unknown key of a known name": _by_an_unknown_key,
    "by an algorithm that is not taken": _by_another_algorithm,
    "without its signature": _cut_short,
    "with the signature of another": _with_other_claims,
    "longer than any": _endless,
    "another issuer": _claims(iss="https://id.example.com"),
    "no issuer": _claims(iss=None),
    "another audience": _claims(aud="other"),
    "no audience": _claims(aud=None),
    "an empty audience": _claims(aud=[]),
    "another party": _claims(azp="other"),
    "another nonce": _claims(nonce="A" * 43),
    "no nonce": _claims(nonce=None),
    "a nonce that is no text": _claims(nonce=7),
    "expired": _times(exp=-2),
    "no end": _claims(exp=None),
    "an end that is no time": _claims(exp="tomorrow"),
    "an end that is true": _claims(exp=True),
    "signed long ago": _times(iat=-12),
    "signed ahead": _times(iat=2),
    "signed never": _claims(iat=None),
    "no subject": _claims(sub=None),
    "an empty subject": _claims(sub=""),
    "a subject that is no text": _claims(sub=["li.wei"]),
    "a subject of other letters": _claims(sub="李"),
    "an endless subject": _claims(sub="x" * 256),
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_a_token_that_is_not_what_it_should_be_names_nobody(issuer: Issuer, forge: Forge) -> None:
    provider = known(issuer)
    assert named(provider, issuer) is not None

    forge(issuer)

    assert named(provider, issuer) is None


def test_a_code_serves_once_and_with_its_verifier_alone(issuer: Issuer) -> None:
    provider = known(issuer)
    returned = brought(provider, issuer)

    stolen = provider.redeem(returned, Words("s", WORDS.nonce, "another"), back="", at=issuer.clock())
    assert stolen is None
    assert named(provider, issuer, brought(provider, issuer)) is not None
    assert named(provider, issuer, returned) is None


def test_a_token_of_one_attempt_answers_no_other(issuer: Issuer) -> None:
    provider = known(issuer)
    other = Words("s", "another nonce", WORDS.verifier)

    assert named(provider, issuer, brought(provider, issuer, other)) is None


def test_another_provider_cannot_speak_for_this_one(issuer: Issuer) -> None:
    provider = known(issuer)

    # This one always names itself, so an answer without a name is another's (RFC 9207 2.4).
    for name in ("https://id.example.com", "", None):
        returned = brought(provider, issuer)
        assert named(provider, issuer, Returned(returned.state, returned.code, name)) is None
    issuer.document = {"authorization_response_iss_parameter_supported": False}
    silent = known(issuer)
    returned = brought(silent, issuer)
    assert named(silent, issuer, Returned(returned.state, returned.code, None)) is not None


@pytest.mark.parametrize("told", [None, -10, 10, "now"], ids=["nothing", "old", "ahead", "no time"])
def test_a_second_factor_that_was_not_shown_just_now_counts_for_nothing(
    issuer: Issuer, told: int | str | None
) -> None:
    provider = known(issuer, strong=True)
    asked = dict(parse_qsl(urlsplit(provider.address(WORDS, back="", at=issuer.clock())).query))
    assert (asked["acr_values"], asked["max_age"]) == (STRONG, "300")
    issuer.claims = {"acr": STRONG}
    signed = named(provider, issuer)
    assert signed is not None
    assert provider.is_strong(signed)

    now = int(issuer.clock().timestamp())
    issuer.claims = {"acr": STRONG, "auth_time": now + told * 60 if isinstance(told, int) else told}

    assert named(provider, issuer) is None


def test_without_a_word_of_the_house_nothing_is_strong(issuer: Issuer) -> None:
    provider = known(issuer)
    issuer.claims = {"acr": STRONG}

    signed = named(provider, issuer)

    assert signed is not None
    assert not provider.is_strong(signed)


# ---- not well ----


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://id.example.com"},
        {"issuer": None},
        {"token_endpoint": "http://id.example.com/token"},
        # Without TLS it may lead to its own host alone, even on this machine.
        {"token_endpoint": "http://localhost/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": None},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "https://id.example.com/#"},
        {"authorization_endpoint": "https://id.example.com:x/"},
        {"jwks_uri": "https://me@id.example.com/keys"},
        {"jwks_uri": "https://id.example.com/\r\nHost: other"},
        {"jwks_uri": f"https://id.example.com/{'x' * 2048}"},
        {"token_endpoint_auth_methods_supported": ["none"]},
        {"token_endpoint_auth_methods_supported": "client_secret_basic"},
    ],
    ids=lambda document: str(document)[:60],
)
def test_a_document_that_leads_astray_is_not_followed(issuer: Issuer, document: dict[str, Any]) -> None:
    issuer.document = document
    provider = known(issuer)

    with pytest.raises(Unavailable, match="reason=document"):
        provider.address(WORDS, back="", at=issuer.clock())
    # Whatever it said, nobody was asked there.
    assert issuer.asked == ["/.well-known/openid-configuration"]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ((200, b"x" * 600_000), "too_much"),
        ((200, b"no JSON"), "document"),
        ((200, []), "document"),
        ((302, {}), "document"),
        ((503, {}), "document"),
    ],
    ids=["endless", "no JSON", "no object", "a redirect", "not well"],
)
def test_an_answer_that_is_none_is_no_answer(issuer: Issuer, said: tuple[int, Any], reason: str) -> None:
    issuer.answers["/.well-known/openid-configuration"] = said

    with pytest.raises(Unavailable, match=f"reason={reason}"):
        known(issuer).address(WORDS, back="", at=issuer.clock())
    assert issuer.asked == ["/.well-known/openid-configuration"]


@pytest.mark.parametrize(
    "keys",
    [
        {"keys": []},
        {"keys": "none"},
        {},
        {"keys": [7, {"kty": "oct", "k": "c2VjcmV0"}, {"kty": "RSA", "n": "AQAB", "e": "AQAB"}]},
    ],
    ids=["none", "a text", "nothing", "none of ours"],
)
def test_a_provider_without_keys_is_not_well(issuer: Issuer, keys: Any) -> None:
    issuer.answers["/keys"] = (200, keys)

    with pytest.raises(Unavailable, match="reason=keys"):
        known(issuer).address(WORDS, back="", at=issuer.clock())


def test_a_key_to_encrypt_by_signs_nothing(issuer: Issuer) -> None:
    issuer.published = [one | {"use": "enc"} for one in issuer.published]

    with pytest.raises(Unavailable, match="reason=keys"):
        known(issuer).address(WORDS, back="", at=issuer.clock())


@pytest.mark.parametrize(("status", "reason"), [(401, "client"), (500, "status"), (503, "status")])
def test_a_provider_that_cannot_redeem_is_not_well(issuer: Issuer, status: int, reason: str) -> None:
    provider = known(issuer)
    returned = brought(provider, issuer)
    issuer.status = status

    with pytest.raises(Unavailable, match=f"sso_unavailable reason={reason}"):
        named(provider, issuer, returned)


def test_a_slow_provider_holds_two_threads_and_no_more(issuer: Issuer) -> None:
    provider = known(issuer)
    waiting = [brought(provider, issuer) for _ in range(3)]
    asked, goes_on = Semaphore(0), Event()

    def slowly(token: str) -> str:
        asked.release()
        goes_on.wait(30)
        return token

    issuer.rewrite = slowly
    with ThreadPoolExecutor(2) as threads:
        held = [threads.submit(named, provider, issuer, one) for one in waiting[:2]]
        assert asked.acquire(timeout=30)
        assert asked.acquire(timeout=30)

        with pytest.raises(Unavailable, match="reason=busy"):
            named(provider, issuer, waiting[2])

        goes_on.set()
        assert [one.result(30) for one in held] == [SignedOn(SUBJECT, "")] * 2


def test_where_nobody_listens_nobody_answers(issuer: Issuer, clock: Clock) -> None:
    with an_issuer(clock) as gone:
        settings = gone.settings()

    with pytest.raises(Unavailable, match="reason=no_answer"):
        Provider(settings, redirect=HERE).address(WORDS, back="", at=clock())


def test_a_provider_that_is_not_well_is_asked_again_after_a_pause(issuer: Issuer, clock: Clock) -> None:
    provider = known(issuer)
    issuer.document = {"issuer": "https://id.example.com"}
    for reason in ("document", "resting"):
        with pytest.raises(Unavailable, match=f"reason={reason}"):
            provider.address(WORDS, back="", at=clock())
    assert len(issuer.asked) == 1
    issuer.document = {}

    clock.advance(timedelta(seconds=5))

    assert provider.address(WORDS, back="", at=clock()).startswith(f"{issuer.name}/authorize?")


def test_what_it_says_of_itself_is_believed_for_an_hour(issuer: Issuer, clock: Clock) -> None:
    provider = known(issuer)
    for _ in range(2):
        assert named(provider, issuer) is not None
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys", "/token", "/token"]

    clock.advance(timedelta(hours=1))

    assert named(provider, issuer) is not None
    assert issuer.asked[4:] == ["/.well-known/openid-configuration", "/keys", "/token"]


def test_a_clock_that_was_set_back_believes_nothing_of_later(issuer: Issuer, clock: Clock) -> None:
    provider = known(issuer)
    provider.address(WORDS, back="", at=clock())

    clock.advance(timedelta(days=-1))

    provider.address(WORDS, back="", at=clock())
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"] * 2


def test_it_may_change_its_keys_and_is_asked_once_more(issuer: Issuer) -> None:
    provider = known(issuer)
    assert named(provider, issuer) is not None
    issuer.change_key()
    asked = len(issuer.asked)

    assert named(provider, issuer) is not None
    assert issuer.asked[asked:] == ["/token", "/.well-known/openid-configuration", "/keys"]
    # A key that nobody has is asked for once a log-in, not for ever.
    issuer.key = jwk.RSAKey.generate_key(2048, {"kid": "three"})
    assert named(provider, issuer) is None
    assert issuer.asked[asked + 3 :] == ["/token", "/.well-known/openid-configuration", "/keys"]


# ---- where a command line waits ----


@pytest.mark.parametrize("back", ["http://127.0.0.1:9123/", "http://127.0.0.1:1/done", "http://[::1]:65535/"])
def test_a_command_line_waits_on_its_own_machine(back: str) -> None:
    assert is_back(back)


@pytest.mark.parametrize(
    "back",
    [
        "",
        "http://localhost:9123/",
        "http://127.0.0.1:9123",
        "http://127.0.0.1/",
        "http://127.0.0.2:9123/",
        "https://127.0.0.1:9123/",
        "HTTP://127.0.0.1:9123/",
        "http://127.0.0.1:09123/",
        "http://127.0.0.1:9123/?next=elsewhere",
        "http://127.0.0.1:9123/#",
        "http://127.0.0.1:9123@evil.example/",
        "http://127.0.0.1@evil.example:9123/",
        "http://127.0.0.1:9123\\@evil.example/",
        "http://evil.example:9123/",
        "//evil.example/",
        "http://127.0.0.1:x/",
        "http://127.0.0.1:70000/",
        "http://[::1:9/",
        "http://127.0.0.1:9123/\r\nx",
        f"http://127.0.0.1:9123/{'x' * 256}",
    ],
)
def test_a_command_line_waits_nowhere_else(back: str) -> None:
    assert not is_back(back)
