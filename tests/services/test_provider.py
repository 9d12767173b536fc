"""The provider: whom it names is believed for what it signed, for this house, this attempt and now."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event, Semaphore
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from joserfc import jwk
from typing_extensions import override

from tests.house import Clock
from tests.issuer import STRONG, Issuer, an_issuer
from vault.custody.attempts import Words
from vault.domain.signing_on import SignedOn
from vault.errors import Unavailable
from vault.services.provider import Provider

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


class Ticks:
    """A monotonic clock that stands until it is told to go on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


def known(issuer: Issuer, *, strong: bool = False, ticks: Ticks | None = None) -> Provider:
    settings = issuer.settings(strong=strong)
    return (
        Provider(settings, redirect=HERE)
        if ticks is None
        else Provider(settings, redirect=HERE, monotonic=ticks)
    )


def coded(provider: Provider, issuer: Issuer, words: Words = WORDS) -> str:
    """Log in at the provider; returns the code that it gives."""
    return issuer.log_in(provider.address(words, back="", at=issuer.clock()), SUBJECT)["code"]


def named(
    provider: Provider, issuer: Issuer, code: str = "", *, words: Words = WORDS, by: str | None = "itself"
) -> SignedOn | None:
    """Redeem a code, or a new one, that the browser was given *by* the provider or by another."""
    shown = code or coded(provider, issuer)
    name = issuer.name if by == "itself" else by
    return provider.redeem(shown, words, issuer=name, back="", at=issuer.clock())


def test_whom_the_provider_has_logged_in_is_believed(issuer: Issuer) -> None:
    assert named(known(issuer), issuer) == SignedOn(SUBJECT, "")


def test_what_else_a_provider_says_of_a_person_is_left_alone(issuer: Issuer) -> None:
    issuer.claims = {"email": "li.wei@example.com", "access": {"house": {"roles": [{"name": {"of": []}}]}}}

    assert named(known(issuer), issuer) == SignedOn(SUBJECT, "")


@pytest.mark.parametrize("methods", [["client_secret_post"], ["private_key_jwt", "client_secret_post"]])
def test_the_secret_goes_where_the_provider_wants_it(issuer: Issuer, methods: list[str]) -> None:
    issuer.document = {"token_endpoint_auth_methods_supported": methods}

    assert named(known(issuer), issuer) is not None
    assert issuer.shown_in == "form"


# ---- forged ----

Forge = Callable[[Issuer], None]


def _by_an_unknown_key(issuer: Issuer) -> None:
    issuer.key = jwk.RSAKey.generate_key(2048, {"kid": "one"})


def _unsigned(issuer: Issuer) -> None:
    issuer.alg = "none"


def _for_another_house(issuer: Issuer) -> None:
    issuer.claims = {"aud": "other"}


def _expired(issuer: Issuer) -> None:
    issuer.claims = {"exp": int(issuer.clock().timestamp()) - 120}


def _no_token(issuer: Issuer) -> None:
    issuer.rewrite = lambda _: "a text"


# What else a token may say, and by what it may be signed, the tests of domain and custody hold one by one.
FORGED: dict[str, Forge] = {
    "unsigned": _unsigned,
    "by an unknown key of a known name": _by_an_unknown_key,
    "for another house": _for_another_house,
    "expired": _expired,
    "no token": _no_token,
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_a_token_that_is_not_what_it_should_be_names_nobody(issuer: Issuer, forge: Forge) -> None:
    provider = known(issuer)
    assert named(provider, issuer) is not None

    forge(issuer)

    assert named(provider, issuer) is None


def test_a_code_serves_once_and_with_its_verifier_alone(issuer: Issuer) -> None:
    provider = known(issuer)
    code = coded(provider, issuer)

    assert named(provider, issuer, code, words=Words("s", WORDS.nonce, "another")) is None
    assert named(provider, issuer) is not None
    assert named(provider, issuer, code) is None


def test_a_token_of_one_attempt_answers_no_other(issuer: Issuer) -> None:
    provider = known(issuer)
    other = Words("s", "another nonce", WORDS.verifier)

    assert named(provider, issuer, coded(provider, issuer, other)) is None


def test_another_provider_cannot_speak_for_this_one(issuer: Issuer) -> None:
    provider = known(issuer)

    # This one always names itself, so an answer without a name is another's (RFC 9207 2.4).
    for name in ("https://id.example.com", "", None):
        assert named(provider, issuer, by=name) is None
    issuer.document = {"authorization_response_iss_parameter_supported": False}
    silent = known(issuer)
    assert named(silent, issuer, by=None) is not None
    assert named(silent, issuer, by="https://id.example.com") is None


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
    [{"issuer": "https://id.example.com"}, {"jwks_uri": "file:///etc/passwd"}],
    ids=["another's", "astray"],
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
def test_a_provider_that_answers_anything_but_its_document_is_not_well(
    issuer: Issuer, said: tuple[int, Any], reason: str
) -> None:
    issuer.answers["/.well-known/openid-configuration"] = said

    with pytest.raises(Unavailable, match=f"reason={reason}"):
        known(issuer).address(WORDS, back="", at=issuer.clock())
    assert issuer.asked == ["/.well-known/openid-configuration"]


@pytest.mark.parametrize("said", [(200, {"keys": []}), (404, None), (500, None)], ids=["none", "404", "500"])
def test_a_provider_without_keys_is_not_well(issuer: Issuer, said: tuple[int, Any]) -> None:
    status, keys = said
    # What a page of an error says is not believed, whatever it says.
    issuer.answers["/keys"] = (status, keys or {"keys": issuer.published})

    with pytest.raises(Unavailable, match="reason=keys"):
        known(issuer).address(WORDS, back="", at=issuer.clock())


@pytest.mark.parametrize(("status", "reason"), [(401, "client"), (500, "status"), (503, "status")])
def test_a_provider_that_cannot_redeem_is_not_well(issuer: Issuer, status: int, reason: str) -> None:
    provider = known(issuer)
    code = coded(provider, issuer)
    issuer.status = status

    with pytest.raises(Unavailable, match=f"sso_unavailable reason={reason}"):
        named(provider, issuer, code)


def test_a_slow_provider_holds_two_threads_and_no_more(issuer: Issuer) -> None:
    provider = known(issuer)
    waiting = [coded(provider, issuer) for _ in range(3)]
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


def test_nobody_waits_behind_somebody_who_waits_for_long(issuer: Issuer, clock: Clock, ticks: Ticks) -> None:
    provider = known(issuer, ticks=ticks)
    asked, goes_on = Event(), Event()

    class Held(list[str]):
        @override
        def append(self, path: str) -> None:
            super().append(path)
            asked.set()
            goes_on.wait(30)

    issuer.asked = Held()
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(provider.address, WORDS, back="", at=clock())
        assert asked.wait(30)
        ticks.now += 1

        with pytest.raises(Unavailable, match="reason=busy"):
            provider.address(WORDS, back="", at=clock())

        goes_on.set()
        assert first.result(30).startswith(f"{issuer.name}/authorize?")


def test_a_provider_that_took_long_to_fail_is_given_its_rest_from_then_on(
    issuer: Issuer, clock: Clock, ticks: Ticks
) -> None:
    class Slow(list[str]):
        @override
        def append(self, path: str) -> None:
            super().append(path)
            ticks.now += 9

    issuer.asked, issuer.document = Slow(), {"issuer": "https://id.example.com"}
    provider = known(issuer, ticks=ticks)

    for reason in ("document", "resting"):
        with pytest.raises(Unavailable, match=f"reason={reason}"):
            provider.address(WORDS, back="", at=clock())

    assert len(issuer.asked) == 1


def test_a_provider_that_is_not_well_is_asked_again_after_a_pause(
    issuer: Issuer, clock: Clock, ticks: Ticks
) -> None:
    provider = known(issuer, ticks=ticks)
    issuer.document = {"issuer": "https://id.example.com"}
    for reason in ("document", "resting"):
        with pytest.raises(Unavailable, match=f"reason={reason}"):
            provider.address(WORDS, back="", at=clock())
    assert len(issuer.asked) == 1
    issuer.document = {}

    ticks.now += 5

    assert provider.address(WORDS, back="", at=clock()).startswith(f"{issuer.name}/authorize?")


def test_what_a_provider_says_of_itself_is_believed_for_an_hour(issuer: Issuer, clock: Clock) -> None:
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


def test_a_provider_that_has_changed_its_keys_is_asked_for_them_once_more(issuer: Issuer) -> None:
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
