"""Keys instead of secrets: given by owners alone, proved by a signature or a certificate, ended at once."""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from ipaddress import ip_network
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient
from joserfc import jwk, jws
from joserfc.errors import SecurityWarning
from werkzeug.test import TestResponse

from tests.house import House
from tests.staff import Person, admins, grant, hire
from vault.app import create_app
from vault.domain.instants import rfc3339
from vault.domain.terms import id_text
from vault.services.sweeping import sweep

Key = jwk.Key
ISSUER = "http://127.0.0.1:8200"
KIND = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
PROXY, FAR = "10.9.0.1", "192.0.2.9"
HEADER = "ClientCertSha256"
CERTIFICATE, OTHER = sha256(b"one").hexdigest(), sha256(b"other").hexdigest()
KEYS: Mapping[str, Key] = {
    "ES256": jwk.ECKey.generate_key("P-256"),
    "Ed25519": jwk.OKPKey.generate_key("Ed25519"),
    "RS256": jwk.RSAKey.generate_key(2048),
}
Claims = dict[str, Any]


class Scene:
    """An app without a secret, its owner, and two admins."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.one, self.other = admins(house)
        self.owner = hire(self.one, self.other, "zhao.min", "service_desk", "P03")
        made = self.one.ask("POST", "/v1/apps", {"name": "notices", "owner": self.owner.id}).get_json()
        self.app: str = made["app"]
        self.link: str = made["link"]
        grant(self.one, self.other, self.app, "service_desk", "P04")

    def add(self, by: Person | None = None, **body: Any) -> TestResponse:
        return (by or self.owner).ask("POST", f"/v1/me/apps/{self.app}/keys", body)

    def add_key(self, key: Key) -> str:
        answer = self.add(jwk=key.as_dict(private=False))
        assert answer.status_code == 201, answer.get_json()
        return str(answer.get_json()["id"])

    def browser(self, house: House | None = None) -> FlaskClient:
        """A client of a house that trusts one proxy to name certificates."""
        where = house or self.house
        settings = replace(
            where.settings, trusted_proxies=(ip_network(f"{PROXY}/32"),), client_cert_header=HEADER
        )
        return create_app(where.parts, settings).test_client()

    def claims(self, **more: Any) -> Claims:
        now = int(self.house.clock().timestamp())
        claims = {
            "iss": self.app,
            "sub": self.app,
            "aud": f"{ISSUER}/oauth/token",
            "iat": now,
            "exp": now + 300,
            "jti": "a",
        }
        told = {name: value for name, value in (claims | more).items() if value is not None}
        return {
            name: now + int(value.total_seconds()) if isinstance(value, timedelta) else value
            for name, value in told.items()
        }

    def present(self, assertion: str, **more: str) -> TestResponse:
        form = {"grant_type": "client_credentials", "client_assertion_type": KIND, **more}
        return self.browser().post("/oauth/token", data={**form, "client_assertion": assertion})

    def show(self, certificate: str, *, peer: str = PROXY) -> TestResponse:
        form = {"grant_type": "client_credentials", "client_id": self.app}
        return self.browser().post(
            "/oauth/token", data=form, headers={HEADER: certificate}, environ_overrides={"REMOTE_ADDR": peer}
        )

    def ask(
        self, bearer: str, certificate: str = "", *, house: House | None = None, peer: str = PROXY
    ) -> int:
        headers = {"Authorization": f"Bearer {bearer}", "Vault-Purpose": "P04"}
        if certificate:
            headers[HEADER] = certificate
        browser = self.browser(house)
        return browser.get("/v1/feeds", headers=headers, environ_overrides={"REMOTE_ADDR": peer}).status_code

    def counted(self) -> list[str]:
        """Why callers were nobody."""
        self.house.clock.advance(timedelta(minutes=1))
        self.house.parts.ledger.flush_counts(self.house.clock())
        self.house.parts.ledger.settle([])
        told = [one for one in self.house.entries() if one["kind"] == "access.unauthenticated"]
        return sorted(one["outcome"].removeprefix("refused:") for one in told)


@pytest.fixture
def scene(house: House) -> Scene:
    return Scene(house)


@pytest.fixture
def quick(sqlite_house: House) -> Scene:
    return Scene(sqlite_house)


def signed(key: Key, claims: Claims, *, algorithm: str = "", **header: Any) -> str:
    names = {"EC": "ES256", "OKP": "Ed25519", "RSA": "RS256"}
    name = algorithm or names[key.key_type]
    return jws.serialize_compact({"alg": name, **header}, orjson.dumps(claims), key, algorithms=[name])


def part(value: bytes) -> str:
    return urlsafe_b64encode(value).decode().rstrip("=")


def problem(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["code"]


def test_an_owner_sees_what_the_own_apps_prove_themselves_by_and_nobody_elses(scene: Scene) -> None:
    key = scene.add_key(KEYS["Ed25519"])
    scene.one.ask("POST", "/v1/apps", {"name": "survey", "owner": scene.one.id})
    token = scene.present(signed(KEYS["Ed25519"], scene.claims())).get_json()["access_token"]
    scene.ask(token)

    (own,) = scene.owner.get("/v1/me/apps")["items"]

    now = rfc3339(scene.house.clock())
    assert (own["id"], own["name"], own["state"], own["networks"]) == (scene.app, "notices", "live", [])
    (shown,) = own["keys"]
    assert shown == {
        "id": key,
        "kid": shown["kid"],
        "kind": "jwk",
        "state": "live",
        "since": now,
        "until": rfc3339(scene.house.clock() + timedelta(days=365)),
        "expires_soon": False,
        "last_used": now,
    }
    assert (own["secrets"], [one["id"] for one in own["promises"]]) == ([], [scene.link])
    assert own["last_used"] == now


def test_what_an_owner_took_and_ended_is_told_with_its_ends(scene: Scene) -> None:
    scene.owner.ask("POST", f"/v1/me/secrets/{scene.link}")
    key = scene.add(certificate=CERTIFICATE).get_json()["id"]
    scene.house.clock.advance(timedelta(days=80))
    scene.owner.log_in()
    scene.owner.ask("DELETE", f"/v1/me/apps/{scene.app}/keys/{key}")

    (own,) = scene.owner.get("/v1/me/apps")["items"]

    assert [(one["state"], one["expires_soon"], one["last_used"]) for one in own["secrets"]] == [
        ("live", True, None)
    ]
    assert [(one["kind"], one["state"], one["until"]) for one in own["keys"]] == [
        ("certificate", "revoked", rfc3339(scene.house.clock()))
    ]
    assert (own["promises"], own["last_used"]) == ([], None)


def test_whoever_answers_for_nothing_has_no_apps_and_an_app_none_of_its_own(quick: Scene) -> None:
    app: Any = quick.browser().get("/v1/me/apps", headers={"Authorization": "Bearer x"})

    assert quick.one.get("/v1/me/apps") == {"items": []}
    assert problem(app) == (401, "unauthenticated")


@pytest.mark.parametrize("algorithm", KEYS)
def test_an_app_signs_with_its_own_key_and_is_given_a_token(scene: Scene, algorithm: str) -> None:
    scene.add_key(KEYS[algorithm])

    answer = scene.present(signed(KEYS[algorithm], scene.claims(), kid="whatever"))

    assert answer.status_code == 200, answer.get_json()
    bearer = answer.get_json()["access_token"]
    assert scene.ask(bearer) == 200
    (entry,) = [one for one in scene.house.entries() if one["kind"] == "app.token_issued"]
    assert entry["object"]["type"] == "app_key"


def test_the_old_name_of_ed25519_serves_too(quick: Scene) -> None:
    quick.add_key(KEYS["Ed25519"])
    with pytest.warns(SecurityWarning):
        assertion = signed(KEYS["Ed25519"], quick.claims(), algorithm="EdDSA")

    assert quick.present(assertion).status_code == 200


def test_a_key_that_is_ended_ends_its_tokens_in_every_worker_at_once(scene: Scene) -> None:
    away = scene.house.another()
    by_owner, by_admin = scene.add_key(KEYS["ES256"]), scene.add_key(KEYS["Ed25519"])
    first = scene.present(signed(KEYS["ES256"], scene.claims())).get_json()["access_token"]
    second = scene.present(signed(KEYS["Ed25519"], scene.claims())).get_json()["access_token"]
    assert [scene.ask(first, house=away), scene.ask(second, house=away)] == [200, 200]

    ended = scene.owner.ask("DELETE", f"/v1/me/apps/{scene.app}/keys/{by_owner}")
    between = [scene.ask(first, house=away), scene.ask(second, house=away)]
    also = scene.one.ask("DELETE", f"/v1/apps/{scene.app}/keys/{by_admin}")

    assert (ended.status_code, between, also.status_code) == (204, [401, 200], 204)
    assert scene.ask(second, house=away) == 401
    assert scene.present(signed(KEYS["ES256"], scene.claims(jti="b"))).status_code == 401
    kinds = [one["kind"] for one in scene.house.entries()]
    assert (kinds.count("app.key_added"), kinds.count("app.key_revoked")) == (2, 2)
    assert scene.counted() == ["revoked"]


def test_an_assertion_serves_once_whichever_worker_it_comes_to(scene: Scene) -> None:
    scene.add_key(KEYS["ES256"])
    assertion = signed(KEYS["ES256"], scene.claims())
    form = {"grant_type": "client_credentials", "client_assertion_type": KIND}

    first = scene.present(assertion)
    again = scene.present(assertion)
    elsewhere = scene.browser(scene.house.another()).post(
        "/oauth/token", data={**form, "client_assertion": assertion}
    )
    later = scene.present(signed(KEYS["ES256"], scene.claims(exp=scene.claims()["exp"] - 1)))

    assert first.status_code == 200
    assert [one.status_code for one in (again, elsewhere, later)] == [401] * 3
    assert scene.present(signed(KEYS["ES256"], scene.claims(jti="b"))).status_code == 200
    assert scene.counted() == ["replayed"]


# A span of time is a moment so long from now.
WRONG: Mapping[str, Claims] = {
    "another house's": {"aud": "https://other.example.com/oauth/token"},
    "for nobody": {"aud": None},
    "ended": {"exp": timedelta(seconds=-60)},
    "without an end": {"exp": None},
    "of too long a life": {"exp": timedelta(seconds=361)},
    "with an end that is a text": {"exp": "4000000000"},
    "with an end that is a flag": {"exp": True},
    "not begun": {"nbf": timedelta(seconds=61)},
    "from the future": {"iat": timedelta(seconds=61)},
    "with a beginning that is a text": {"nbf": "now"},
    "of another issuer": {"iss": "somebody"},
    "without an issuer": {"iss": None},
    "without a number": {"jti": None},
    "with an empty number": {"jti": ""},
    "with a number that is too long": {"jti": "x" * 129},
    "with a number that is no text": {"jti": 7},
    "with a number that is not ascii": {"jti": "\ud7ff"},
}


@pytest.mark.parametrize("what", WRONG)
def test_an_assertion_says_what_it_must_for_here_and_now(quick: Scene, what: str) -> None:
    quick.add_key(KEYS["ES256"])

    answer = quick.present(signed(KEYS["ES256"], quick.claims(**WRONG[what])))

    assert (answer.status_code, answer.get_json()) == (401, {"error": "invalid_client"})
    assert quick.counted() == ["assertion"]


@pytest.mark.parametrize("aud", [ISSUER, f"{ISSUER}/oauth/token", ["x", ISSUER]])
def test_an_assertion_is_for_the_house_or_its_endpoint_and_clocks_may_differ(quick: Scene, aud: Any) -> None:
    quick.add_key(KEYS["ES256"])
    now = int(quick.house.clock().timestamp())
    ahead = quick.claims(aud=aud, iat=now + 60, nbf=now + 60, exp=now + 360)
    behind = quick.claims(aud=aud, jti="b", exp=now - 59)

    assert quick.present(signed(KEYS["ES256"], ahead)).status_code == 200
    assert quick.present(signed(KEYS["ES256"], behind), client_id=quick.app).status_code == 200


def test_no_trick_with_the_algorithm_or_another_key_proves_anything(quick: Scene) -> None:
    public = KEYS["RS256"]
    quick.add_key(public)
    claims = quick.claims()
    body = signed(public, claims).split(".")[1]
    assert isinstance(public, jwk.RSAKey)
    pem = public.as_pem(private=False)
    hashing = part(b'{"alg":"HS256"}')
    shared = f"{hashing}.{body}"
    foreign = jwk.RSAKey.generate_key(2048)
    embedded = foreign.as_dict(private=False)
    honest = signed(public, claims)
    head, _, signature = honest.split(".")
    none = part(b'{"alg":"none"}')
    tricks = {
        "none": f"{none}.{body}.",
        "none, signed": f"{none}.{body}.{signature}",
        "the public key as a shared one": f"{shared}.{part(hmac.digest(pem, shared.encode(), 'sha256'))}",
        "another algorithm of the key": signed(public, claims, algorithm="PS256"),
        "a foreign key": signed(foreign, claims),
        "a foreign key that is sent along": signed(foreign, claims, jwk=embedded),
        "a key of another kind": signed(KEYS["ES256"], claims),
        "another text": f"{head}.{part(b'{}')}.{signature}",
        "no signature": f"{honest.rpartition('.')[0]}.",
        "half a signature": honest[: -len(signature) // 2],
        "nothing": "..",
        "too much": honest + "A" * 5000,
        "too deep": f"{part(b'[' * 40)}.{body}.x",
    }

    for why, assertion in tricks.items():
        assert quick.present(assertion).status_code == 401, why
    assert quick.present(honest, client_id=id_text("app", b"?" * 16)).status_code == 401
    assert quick.present(honest).status_code == 200


def test_an_app_does_not_prove_another_by_its_own_key(quick: Scene) -> None:
    quick.add_key(KEYS["ES256"])
    made = quick.one.ask("POST", "/v1/apps", {"name": "other", "owner": quick.owner.id}).get_json()

    posing = quick.claims(iss=made["app"], sub=made["app"])

    assert quick.present(signed(KEYS["ES256"], posing)).status_code == 401


def test_only_the_owner_adds_a_key_with_a_second_factor_and_only_a_public_one(quick: Scene) -> None:
    good = KEYS["ES256"].as_dict(private=False)
    small = jwk.ECKey.generate_key("P-384").as_dict(private=False)
    wrong: list[Claims] = [
        {"jwk": KEYS["ES256"].as_dict(private=True)},
        {"jwk": small},
        {"jwk": {"kty": "oct", "k": "AAAA"}},
        {"jwk": {**good, "y": good["x"]}},
        {"jwk": {**good, "x": "!"}},
        {"jwk": {"kty": "RSA", "e": "AQAB", "n": part(b"\xff" * 128)}},
        {"jwk": {"kty": "RSA", "e": "AQ", "n": part(b"\xff" * 256)}},
        {"jwk": {"kty": "OKP", "crv": "X25519", "x": part(b"x" * 32)}},
        {"jwk": {"kty": 7}},
        {"jwk": {}},
        {"certificate": "x"},
        {"certificate": CERTIFICATE.upper()},
        {"certificate": CERTIFICATE, "jwk": good},
        {},
    ]

    by_admin, by_other = quick.add(quick.one, jwk=good), quick.add(quick.other, certificate=CERTIFICATE)
    refused = [quick.add(**body) for body in wrong]
    late = quick.add(jwk=good, until=rfc3339(quick.house.clock() + timedelta(days=366)))
    past = quick.add(jwk=good, until=rfc3339(quick.house.clock()))
    quick.house.clock.advance(timedelta(minutes=29, seconds=59))
    quick.owner.get("/v1/me")
    quick.house.clock.advance(timedelta(seconds=30))
    weak = quick.add(jwk=good)

    assert problem(by_admin) == problem(by_other) == (404, "not_found")
    assert [problem(one) for one in refused] == [(422, "key_form")] * len(wrong)
    assert problem(late) == problem(past) == (422, "expiry")
    assert problem(weak) == (403, "second_factor_first")


def test_an_app_has_five_keys_at_a_time_and_none_twice(quick: Scene) -> None:
    key = quick.add_key(KEYS["ES256"])
    for digit in "abcd":
        assert quick.add(certificate=digit * 64).status_code == 201

    sixth = quick.add(certificate=CERTIFICATE)
    twice = quick.add(jwk=KEYS["ES256"].as_dict(private=False))
    quick.owner.ask("DELETE", f"/v1/me/apps/{quick.app}/keys/{key}")
    again = quick.add(jwk=KEYS["ES256"].as_dict(private=False))
    ended = quick.owner.ask("DELETE", f"/v1/me/apps/{quick.app}/keys/{key}")

    assert (problem(sixth), problem(twice)) == ((422, "limit"), (409, "key_known"))
    assert (problem(again), problem(ended)) == ((409, "key_known"), (409, "revoked"))
    assert quick.add(certificate=CERTIFICATE).status_code == 201


def test_nobody_else_ends_a_key(quick: Scene) -> None:
    key = quick.add_key(KEYS["ES256"])
    clerk = hire(quick.one, quick.other, "wu.gang", "service_desk", "P03")

    assert problem(clerk.ask("DELETE", f"/v1/me/apps/{quick.app}/keys/{key}")) == (404, "not_found")
    assert problem(clerk.ask("DELETE", f"/v1/apps/{quick.app}/keys/{key}")) == (403, "role")
    assert problem(quick.owner.ask("DELETE", f"/v1/me/apps/{quick.app}/keys/x")) == (404, "not_found")


def test_an_admin_sees_a_key_its_end_and_its_last_use(quick: Scene) -> None:
    ends = quick.house.clock() + timedelta(days=20)
    quick.add(jwk=KEYS["ES256"].as_dict(private=False), until=rfc3339(ends))
    (unused,) = quick.one.get(f"/v1/apps/{quick.app}")["keys"]

    quick.house.clock.advance(timedelta(days=7))
    quick.one.log_in()
    answer = quick.present(signed(KEYS["ES256"], quick.claims()))
    used_at = quick.house.clock()
    (used,) = quick.one.get(f"/v1/apps/{quick.app}")["keys"]
    headers = {"Authorization": f"Bearer {answer.get_json()['access_token']}", "Vault-Purpose": "P04"}
    told = quick.browser().get("/v1/feeds", headers=headers).headers["Vault-Secret-Expires"]

    assert (unused["kid"], unused["kind"], unused["state"]) == (KEYS["ES256"].thumbprint(), "jwk", "live")
    assert (unused["expires_soon"], unused["last_used"]) == (False, None)
    assert (used["expires_soon"], used["until"], told) == (True, rfc3339(ends), rfc3339(ends))
    assert used["last_used"] == rfc3339(used_at)


def test_a_certificate_proves_an_app_and_its_token_comes_with_it(scene: Scene) -> None:
    scene.add(certificate=CERTIFICATE)
    scene.add(certificate=OTHER)

    answer = scene.show(CERTIFICATE.upper())
    bearer = answer.get_json()["access_token"]

    assert answer.status_code == 200
    assert scene.ask(bearer, CERTIFICATE) == 200
    assert [scene.ask(bearer), scene.ask(bearer, OTHER), scene.ask(bearer, "x")] == [401] * 3
    assert scene.ask(bearer, CERTIFICATE, peer=FAR) == 401
    assert scene.counted() == ["certificate", "certificate"]


def test_a_certificate_is_believed_from_a_trusted_proxy_alone(quick: Scene) -> None:
    quick.add(certificate=CERTIFICATE)

    untrusted, foreign = quick.show(CERTIFICATE, peer=FAR), quick.show("0" * 64)
    twice = quick.show(f"{CERTIFICATE},{CERTIFICATE}")
    assert [one.status_code for one in (untrusted, foreign, twice)] == [401] * 3
    assert untrusted.get_json() == {"error": "invalid_client"}

    plain = create_app(quick.house.parts, quick.house.settings).test_client()
    form = {"grant_type": "client_credentials", "client_id": quick.app}
    unset = plain.post("/oauth/token", data=form, headers={HEADER: CERTIFICATE})
    assert unset.status_code == 401
    assert quick.show(CERTIFICATE).status_code == 200


def test_with_its_certificate_a_bound_token_ends(quick: Scene) -> None:
    key = quick.add(certificate=CERTIFICATE).get_json()["id"]
    bearer = quick.show(CERTIFICATE).get_json()["access_token"]
    assert quick.ask(bearer, CERTIFICATE) == 200

    quick.one.ask("DELETE", f"/v1/apps/{quick.app}/keys/{key}")

    assert quick.ask(bearer, CERTIFICATE, house=quick.house.another()) == 401
    assert quick.show(CERTIFICATE).status_code == 401


def test_a_certificate_does_not_stand_in_for_a_wrong_secret(quick: Scene) -> None:
    quick.add(certificate=CERTIFICATE)
    form = {"grant_type": "client_credentials", "client_id": quick.app, "client_secret": "x" * 43}

    answer = quick.browser().post(
        "/oauth/token",
        data=form,
        headers={HEADER: CERTIFICATE},
        environ_overrides={"REMOTE_ADDR": PROXY},
    )

    assert answer.status_code == 401


def test_numbers_of_old_assertions_are_swept_and_the_steps_of_generators_stay(scene: Scene) -> None:
    scene.add_key(KEYS["ES256"])
    assert scene.present(signed(KEYS["ES256"], scene.claims())).status_code == 200
    query = "SELECT counter FROM login_use"
    before = [count for (count,) in scene.house.rows_of("data", query)]

    scene.house.clock.advance(timedelta(hours=1, seconds=1))
    sweep(scene.house.parts)

    assert before.count(-1) == 1
    left = [count for (count,) in scene.house.rows_of("data", query)]
    assert sorted(left) == sorted(count for count in before if count != -1)
    assert left
