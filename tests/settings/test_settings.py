"""Settings: what a house is started with, and every way of getting that wrong."""

import os
from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.errors import Misconfigured
from vault.settings import NAMES, SLOTS, Mode, Settings, read

Environ = dict[str, str]


@pytest.fixture
def production(tmp_path: Path) -> Environ:
    """A production house with embedded stores, and every secret outside its state directory."""
    slots = {f"VAULT_ROOT_{slot}_FILE": str(tmp_path / "secrets" / slot.lower()) for slot in SLOTS}
    return {"VAULT_STATE_DIR": str(tmp_path / "state"), **slots}


def faults_of(environ: Environ, directory: Path) -> tuple[str, ...]:
    with pytest.raises(Misconfigured) as caught:
        read(environ, directory=directory)
    return caught.value.faults


def test_a_demo_needs_no_settings_and_keeps_everything_in_its_state_directory(tmp_path: Path) -> None:
    settings = read({"VAULT_MODE": "demo"}, directory=tmp_path)

    assert settings.state_dir == tmp_path / ".vault"
    assert settings.urls["data"] == f"sqlite:///{tmp_path}/.vault/data.db"
    assert set(settings.slots) == set(SLOTS)
    assert all(path.is_relative_to(tmp_path / ".vault") for path in settings.slots.values())
    assert (settings.host, settings.port) == ("127.0.0.1", 8200)
    assert settings.tiers is None


def test_a_house_is_in_production_unless_it_says_otherwise(production: Environ, tmp_path: Path) -> None:
    settings = read(production, directory=tmp_path)

    assert settings.mode is Mode.PRODUCTION
    assert settings.slots["KEK_T4"] == tmp_path / "secrets" / "kek_t4"


def test_all_faults_are_told_at_once_and_each_names_its_setting(tmp_path: Path) -> None:
    environ = {
        "VAULT_MODE": "prod",
        "VAULT_BIND": "nowhere",
        "VAULT_WORKERS": "0",
        "VAULT_THREADS": "many",
        "VAULT_TIERS": "9",
        "VAULT_AUDIT_URL": "",
        "VAULT_TRUSTED_PROXIES": "10.1.0.4/8,elsewhere",
        "VAULT_CLIENT_CERT_HEADER": "X-Client-Cert",
        "VAULT_ISSUER": "vault.example.com",
    }

    faults = faults_of(environ, tmp_path)

    for name in (*environ, "VAULT_STATE_DIR", "VAULT_ROOT_KEK_T0_FILE", "VAULT_ROOT_AUTHORITY_FILE"):
        assert any(fault.startswith(name) for fault in faults), name
    assert all(fault.endswith(".") for fault in faults)


@pytest.mark.parametrize("bind", ["0.0.0.0:8200", "192.0.2.7:80", "vault.example.com:443", "[::]:8200"])
def test_a_demo_listens_to_this_machine_alone(bind: str, tmp_path: Path) -> None:
    faults = faults_of({"VAULT_MODE": "demo", "VAULT_BIND": bind}, tmp_path)

    assert faults == ("VAULT_BIND must be a loopback address in demo mode, such as 127.0.0.1:8200.",)


@pytest.mark.parametrize("bind", ["127.0.0.1:9000", "[::1]:9000", "localhost:9000", "127.9.9.9:9000"])
def test_a_demo_may_choose_among_the_loopback_addresses(bind: str, tmp_path: Path) -> None:
    settings = read({"VAULT_MODE": "demo", "VAULT_BIND": bind}, directory=tmp_path)

    assert settings.port == 9000
    assert settings.host in bind


@pytest.mark.parametrize(
    "name", ["VAULT_DATA_URL", "VAULT_REGISTER_URL_FILE", "VAULT_ROOT_KEK_T4_FILE", "VAULT_ROOT_SIGNING_FILE"]
)
def test_a_demo_refuses_the_settings_of_a_production_house(name: str, tmp_path: Path) -> None:
    (tmp_path / "given").write_text("postgresql:///vault")
    (tmp_path / "given").chmod(0o600)

    faults = faults_of({"VAULT_MODE": "demo", name: str(tmp_path / "given")}, tmp_path)

    assert [fault.split()[0] for fault in faults] == [name]


def test_a_demo_can_tell_a_webhook_of_its_alerts(tmp_path: Path) -> None:
    (tmp_path / "signed").write_text(f"whsec_{b64encode(bytes(32)).decode()}")
    (tmp_path / "signed").chmod(0o600)
    named = {
        "VAULT_ALERT_WEBHOOK": "http://127.0.0.1:9000/",
        "VAULT_ALERT_WEBHOOK_SECRET_FILE": str(tmp_path / "signed"),
    }

    settings = read({"VAULT_MODE": "demo"} | named, directory=tmp_path)

    assert settings.alerting.webhook is not None


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://vault:canary-4711@db.example.com/vault",
        "postgresql://db.example.com/vault?user=vault&password=canary-4711",
        "postgresql://vault:@db.example.com/vault",
    ],
)
def test_production_refuses_a_password_in_the_environment_without_repeating_it(
    url: str, production: Environ, tmp_path: Path
) -> None:
    faults = faults_of(production | {"VAULT_KEYS_URL": url}, tmp_path)

    assert len(faults) == 1
    assert "VAULT_KEYS_URL_FILE" in faults[0]
    assert "canary" not in faults[0]


def test_a_url_with_a_password_comes_from_a_private_file_and_is_never_shown(
    production: Environ, tmp_path: Path
) -> None:
    file = tmp_path / "keys_url"
    file.write_text("postgresql://vault:canary-4711@db.example.com/vault\n")
    file.chmod(0o600)

    settings = read(production | {"VAULT_KEYS_URL_FILE": "keys_url"}, directory=tmp_path)

    assert settings.urls["keys"] == "postgresql://vault:canary-4711@db.example.com/vault"
    assert "canary" not in repr(settings)


def test_a_url_file_that_others_may_read_is_refused(production: Environ, tmp_path: Path) -> None:
    (tmp_path / "keys_url").write_text("postgresql:///vault")
    (tmp_path / "keys_url").chmod(0o644)

    faults = faults_of(production | {"VAULT_KEYS_URL_FILE": "keys_url"}, tmp_path)

    assert [fault.split()[0] for fault in faults] == ["VAULT_KEYS_URL_FILE"]


def test_a_url_and_its_file_are_not_both_obeyed(production: Environ, tmp_path: Path) -> None:
    (tmp_path / "keys_url").write_text("postgresql:///one")
    (tmp_path / "keys_url").chmod(0o600)
    both = {"VAULT_KEYS_URL": "postgresql:///two", "VAULT_KEYS_URL_FILE": "keys_url"}

    faults = faults_of(production | both, tmp_path)

    assert faults == ("VAULT_KEYS_URL and VAULT_KEYS_URL_FILE are both set; remove one.",)


def test_production_keeps_secrets_out_of_the_state_directory_also_behind_a_link(
    production: Environ, tmp_path: Path
) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "outside").symlink_to(tmp_path / "state")

    inside = production | {
        "VAULT_ROOT_KEK_T4_FILE": str(tmp_path / "state" / "kek"),
        "VAULT_ROOT_DETAIL_FILE": str(tmp_path / "outside" / "detail"),
    }
    faults = faults_of(inside, tmp_path)

    assert sorted(fault.split()[0] for fault in faults) == [
        "VAULT_ROOT_DETAIL_FILE",
        "VAULT_ROOT_KEK_T4_FILE",
    ]


def test_two_stores_never_share_one_address(production: Environ, tmp_path: Path) -> None:
    shared = {"VAULT_DATA_URL": "postgresql:///vault", "VAULT_KEYS_URL": "postgresql:///vault"}

    faults = faults_of(production | shared, tmp_path)

    assert [fault.split()[0] for fault in faults] == ["VAULT_DATA_URL", "VAULT_KEYS_URL"]


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        ("VAULT_TEIRS", "VAULT_TIERS"),
        ("VAULT_DATA_URLS", "VAULT_DATA_URL"),
        ("VAULT_STATEDIR", "VAULT_STATE_DIR"),
    ],
)
def test_a_slip_of_the_pen_is_refused_with_what_was_meant(
    slip: str, meant: str, production: Environ, tmp_path: Path
) -> None:
    faults = faults_of(production | {slip: "1"}, tmp_path)

    assert faults == (f"{slip} is not a setting; did you mean {meant}?",)


@pytest.mark.parametrize(
    "name",
    [
        "VAULT_AUDIT",
        "VAULT_DISABLE_AUDIT",
        "VAULT_AUDIT_ENABLED",
        "VAULT_LEDGER",
        "VAULT_NO_FSYNC",
        "VAULT_SYNCHRONOUS",
    ],
)
def test_whoever_would_turn_the_ledger_off_is_told_that_nothing_does(
    name: str, production: Environ, tmp_path: Path
) -> None:
    faults = faults_of(production | {name: "off"}, tmp_path)

    assert faults == (f"{name} is not a setting; nothing turns the ledger or its flushing off.",)


def test_a_secret_itself_in_the_environment_is_refused_without_repeating_it(
    production: Environ, tmp_path: Path
) -> None:
    faults = faults_of(production | {"VAULT_ROOT_KEK_T4": "canary-4711"}, tmp_path)

    (fault,) = faults
    assert fault.startswith("VAULT_ROOT_KEK_T4 must be transit:NAME, aws-kms:KEY or pkcs11:LABEL;")
    assert "canary" not in fault


def test_another_programs_variables_are_left_alone(production: Environ, tmp_path: Path) -> None:
    foreign = {"VAULT_ADDR": "https://other.example.com", "VAULT_NAMESPACE": "x", "HOME": "/root"}

    assert read(production | foreign, directory=tmp_path) == read(production, directory=tmp_path)


def test_the_environment_overrides_the_file(production: Environ, tmp_path: Path) -> None:
    (tmp_path / "vault.toml").write_text('bind = "127.0.0.1:9001"\nworkers = 3\ntiers = [1, 2]\n')

    environ = production | {"VAULT_SETTINGS": "vault.toml", "VAULT_BIND": "127.0.0.1:9002"}
    settings = read(environ, directory=tmp_path)

    assert (settings.port, settings.workers, settings.tiers) == (9002, 3, frozenset({1, 2}))


@pytest.mark.parametrize(
    "text",
    ["wrokers = 3", "WORKERS = 3", "[workers]\nx = 1", "settings = 'other.toml'", "canary-4711", "\xff"],
)
def test_a_file_with_a_mistake_is_refused_and_its_values_are_not_repeated(
    text: str, production: Environ, tmp_path: Path
) -> None:
    (tmp_path / "vault.toml").write_text(text, encoding="latin-1")

    faults = faults_of(production | {"VAULT_SETTINGS": "vault.toml"}, tmp_path)

    assert faults
    assert not any("canary" in fault for fault in faults)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_that_cannot_be_read_is_a_fault(production: Environ, tmp_path: Path) -> None:
    (tmp_path / "vault.toml").write_text("workers = 3")
    (tmp_path / "vault.toml").chmod(0)

    assert len(faults_of(production | {"VAULT_SETTINGS": "vault.toml"}, tmp_path)) == 1


@given(bind=st.text(st.characters(codec="ascii"), max_size=30), tiers=st.text(max_size=12))
def test_whatever_is_given_is_either_read_or_refused(bind: str, tiers: str) -> None:
    environ = {"VAULT_MODE": "demo", "VAULT_BIND": bind, "VAULT_TIERS": tiers}

    try:
        settings: Settings | None = read(environ, directory=Path("/nowhere"))
    except Misconfigured as refusal:
        settings, faults = None, refusal.faults
    else:
        faults = ()

    assert (settings is None) == bool(faults)
    assert settings is None or 1 <= settings.port <= 65535


@pytest.mark.parametrize(
    "origin", ["https://vault.example.com", "https://v-1.example.com:8443", "http://localhost:1"]
)
def test_a_house_is_told_where_browsers_visit_it(origin: str, production: Environ, tmp_path: Path) -> None:
    assert read(production | {"VAULT_ORIGIN": origin}, directory=tmp_path).origin == origin


@pytest.mark.parametrize(
    "origin",
    [
        "vault.example.com",
        "http://vault.example.com",
        "https://vault.example.com/",
        "https://vault.example.com:443",
        "https://Vault.example.com",
        "https://a:b@vault.example.com",
        "https://127.0.0.1",
        "https://[::1]",
        "https://vault.example.com:99999",
        "ftp://vault.example.com",
        "https://",
    ],
)
def test_an_origin_that_no_authenticator_would_sign_is_refused(
    origin: str, production: Environ, tmp_path: Path
) -> None:
    (fault,) = faults_of(production | {"VAULT_ORIGIN": origin}, tmp_path)

    assert fault.startswith("VAULT_ORIGIN must be an origin")


def test_a_house_in_production_has_no_origin_unless_it_is_told(production: Environ, tmp_path: Path) -> None:
    assert read(production, directory=tmp_path).origin == ""
    demo = {"VAULT_MODE": "demo", "VAULT_BIND": "127.0.0.1:8300"}
    assert read(demo, directory=tmp_path).origin == "http://localhost:8300"


def test_every_setting_is_described_in_the_operators_guide() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "operating.md").read_text(encoding="utf-8")

    assert [name for name in NAMES if f"`{name}`" not in guide] == []


def test_proxies_are_trusted_by_name_and_nobody_by_default(tmp_path: Path) -> None:
    demo = {"VAULT_MODE": "demo"}
    named = {"VAULT_TRUSTED_PROXIES": "10.1.0.4, 2001:db8::/64", "VAULT_CLIENT_CERT_HEADER": "ClientCert"}

    plain = read(demo, directory=tmp_path)
    settings = read(demo | named | {"VAULT_ISSUER": "https://vault.example.com/"}, directory=tmp_path)

    assert (plain.trusted_proxies, plain.client_cert_header) == ((), "")
    assert plain.issuer == "http://127.0.0.1:8200"
    assert [str(one) for one in settings.trusted_proxies] == ["10.1.0.4/32", "2001:db8::/64"]
    assert (settings.client_cert_header, settings.issuer) == ("ClientCert", "https://vault.example.com")


def test_a_certificate_header_that_nobody_is_trusted_to_write_is_a_fault(tmp_path: Path) -> None:
    faults = faults_of({"VAULT_MODE": "demo", "VAULT_CLIENT_CERT_HEADER": "ClientCert"}, tmp_path)

    assert [fault for fault in faults if fault.startswith("VAULT_CLIENT_CERT_HEADER needs")]


# ---- single sign-on ----


@pytest.fixture
def with_provider(production: Environ, tmp_path: Path) -> Environ:
    """A production house whose people may log in by a provider."""
    (tmp_path / "client").write_text("canary-4711\n")
    (tmp_path / "client").chmod(0o600)
    return production | {
        "VAULT_ORIGIN": "https://vault.example.com",
        "VAULT_OIDC_ISSUER": "https://id.example.com/",
        "VAULT_OIDC_CLIENT_ID": "vault",
        "VAULT_OIDC_CLIENT_SECRET_FILE": "client",
    }


def test_a_provider_is_named_by_issuer_client_and_a_private_file(
    with_provider: Environ, tmp_path: Path
) -> None:
    settings = read(with_provider | {"VAULT_OIDC_STRONG_ACR": "mfa, urn:example:2"}, directory=tmp_path)

    found = settings.single_sign_on
    assert found is not None
    # The last stroke belongs to the name: it is compared letter by letter.
    assert (found.issuer, found.client_id) == ("https://id.example.com/", "vault")
    assert found.secret == "canary-4711"
    assert found.strong_acr == {"mfa", "urn:example:2"}
    assert "canary" not in repr(settings)


def test_a_house_without_a_provider_has_none(production: Environ, tmp_path: Path) -> None:
    assert read(production, directory=tmp_path).single_sign_on is None


@pytest.mark.parametrize(
    "missing", ["VAULT_OIDC_ISSUER", "VAULT_OIDC_CLIENT_ID", "VAULT_OIDC_CLIENT_SECRET_FILE"]
)
def test_a_provider_is_named_whole_or_not_at_all(
    missing: str, with_provider: Environ, tmp_path: Path
) -> None:
    del with_provider[missing]

    (fault,) = faults_of(with_provider, tmp_path)

    assert fault.split()[0] == missing
    assert fault.endswith("single sign-on takes all three.")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("VAULT_OIDC_ISSUER", "http://id.example.com"),
        ("VAULT_OIDC_ISSUER", "https://me@id.example.com"),
        ("VAULT_OIDC_ISSUER", "https://id.example.com?tenant=1"),
        ("VAULT_OIDC_ISSUER", "https://id.example.com/#"),
        ("VAULT_OIDC_ISSUER", "id.example.com"),
        ("VAULT_OIDC_CLIENT_ID", "a b"),
        ("VAULT_OIDC_CLIENT_SECRET_FILE", "nowhere"),
        ("VAULT_OIDC_STRONG_ACR", "mfa,,x"),
    ],
)
def test_a_provider_that_cannot_be_asked_safely_is_a_fault(
    name: str, text: str, with_provider: Environ, tmp_path: Path
) -> None:
    faults = faults_of(with_provider | {name: text}, tmp_path)

    assert [fault.split()[0].rstrip(":") for fault in faults] == [name]


def test_an_empty_secret_is_none(with_provider: Environ, tmp_path: Path) -> None:
    (tmp_path / "client").write_text("\n")

    assert [fault.split()[0] for fault in faults_of(with_provider, tmp_path)] == [
        "VAULT_OIDC_CLIENT_SECRET_FILE"
    ]


def test_a_secret_that_others_may_read_is_refused(with_provider: Environ, tmp_path: Path) -> None:
    (tmp_path / "client").chmod(0o644)

    faults = faults_of(with_provider, tmp_path)

    assert [fault.split()[0] for fault in faults] == ["VAULT_OIDC_CLIENT_SECRET_FILE"]


def test_a_provider_needs_to_know_where_people_come_back_to(with_provider: Environ, tmp_path: Path) -> None:
    del with_provider["VAULT_ORIGIN"]

    assert [fault.split()[0] for fault in faults_of(with_provider, tmp_path)] == ["VAULT_OIDC_ISSUER"]


def test_the_registers_second_place_is_a_directory_or_a_databases_url(
    production: Environ, tmp_path: Path
) -> None:
    def mirror(text: str) -> str:
        return read(production | {"VAULT_REGISTER_MIRROR": text}, directory=tmp_path).register_mirror

    assert mirror("elsewhere") == f"sqlite:///{tmp_path}/elsewhere/register.db"
    assert mirror("/srv/mirror") == "sqlite:////srv/mirror/register.db"
    assert mirror("postgresql:///mirror") == "postgresql:///mirror"
    assert read(production, directory=tmp_path).register_mirror == ""
    demo = read({"VAULT_MODE": "demo"}, directory=tmp_path).register_mirror
    assert demo == f"sqlite:///{tmp_path}/.vault/mirror/register.db"


@pytest.mark.parametrize("place", ["state/mirror", "postgresql://vault:canary-4711@db.example.com/mirror"])
def test_a_second_place_that_is_none_or_shows_its_password_is_refused(
    place: str, production: Environ, tmp_path: Path
) -> None:
    (tmp_path / "state").mkdir(exist_ok=True)

    faults = faults_of(production | {"VAULT_REGISTER_MIRROR": place}, tmp_path)

    assert [fault.split()[0] for fault in faults] == ["VAULT_REGISTER_MIRROR"]
    assert "canary" not in faults[0]


def test_a_second_place_with_a_password_comes_from_a_private_file(
    production: Environ, tmp_path: Path
) -> None:
    file = tmp_path / "mirror_url"
    file.write_text("postgresql://vault:canary-4711@db.example.com/mirror\n")
    file.chmod(0o600)

    settings = read(production | {"VAULT_REGISTER_MIRROR_FILE": str(file)}, directory=tmp_path)

    assert settings.register_mirror == "postgresql://vault:canary-4711@db.example.com/mirror"
    assert "canary" not in repr(settings)


def test_a_second_place_is_not_a_store_itself(production: Environ, tmp_path: Path) -> None:
    same = {"VAULT_REGISTER_URL": "postgresql:///register", "VAULT_REGISTER_MIRROR": "postgresql:///register"}

    assert [fault.split()[0] for fault in faults_of(production | same, tmp_path)] == ["VAULT_REGISTER_MIRROR"]
