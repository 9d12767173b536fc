"""Setting providers: which slots lie where, and every way of getting that wrong, told at once."""

from pathlib import Path

import pytest

from vault.errors import Misconfigured
from vault.setting_providers import AwsSettings, Pkcs11Settings, TransitSettings
from vault.settings import SLOTS, read

Environ = dict[str, str]
AWS_KEY = "arn:aws:kms:eu-central-1:111122223333:key/0f5c"


@pytest.fixture
def production(tmp_path: Path) -> Environ:
    """A production house with every secret in a file, and files for what providers ask for."""
    for name in ("token", "pin", "credentials"):
        (tmp_path / name).write_text("canary-of-a-test")
        (tmp_path / name).chmod(0o600)
    (tmp_path / "module.so").touch()
    slots = {f"VAULT_ROOT_{slot}_FILE": str(tmp_path / "secrets" / slot.lower()) for slot in SLOTS}
    return {"VAULT_STATE_DIR": str(tmp_path / "state"), **slots}


def faults_of(environ: Environ, directory: Path) -> tuple[str, ...]:
    with pytest.raises(Misconfigured) as caught:
        read(environ, directory=directory)
    return caught.value.faults


def test_each_slot_may_lie_with_another_provider(production: Environ, tmp_path: Path) -> None:
    for slot in ("KEK_T3", "KEK_T4", "AUTHORITY"):
        production.pop(f"VAULT_ROOT_{slot}_FILE")

    settings = read(
        production
        | {
            "VAULT_ROOT_KEK_T3": "transit:vault-kek-t3",
            "VAULT_TRANSIT_URL": "https://bao.example.com:8200/v1/transit/",
            "VAULT_TRANSIT_TOKEN_FILE": "token",
            "VAULT_ROOT_KEK_T4": f"aws-kms:{AWS_KEY},aws-kms:alias/older",
            "VAULT_AWS_REGION": "eu-central-1",
            "VAULT_ROOT_AUTHORITY": "pkcs11:vault-authority",
            "VAULT_PKCS11_MODULE": "module.so",
            "VAULT_PKCS11_TOKEN": "vault",
            "VAULT_PKCS11_PIN_FILE": "pin",
        },
        directory=tmp_path,
    )

    assert settings.providers.transit == TransitSettings(
        "https://bao.example.com:8200/v1/transit", tmp_path / "token", {"KEK_T3": "vault-kek-t3"}
    )
    assert settings.providers.aws == AwsSettings("eu-central-1", {"KEK_T4": (AWS_KEY, "alias/older")})
    assert settings.providers.pkcs11 == Pkcs11Settings(
        tmp_path / "module.so", "vault", {"AUTHORITY": "vault-authority"}, "canary-of-a-test"
    )
    assert settings.providers.served == {"KEK_T3", "KEK_T4", "AUTHORITY"}
    assert "canary" not in repr(settings)


def test_all_that_is_wrong_with_providers_is_told_at_once(production: Environ, tmp_path: Path) -> None:
    (tmp_path / "token").chmod(0o644)

    faults = faults_of(
        production
        | {
            "VAULT_ROOT_KEK_T1": "canary-secret-itself",
            "VAULT_ROOT_KEK_T2": "transit:one,two",
            "VAULT_ROOT_KEK_T3": "transit:vault-kek-t3",
            "VAULT_TRANSIT_URL": "http://bao.example.com/v1/transit",
            "VAULT_TRANSIT_TOKEN_FILE": "token",
            "VAULT_TRANSIT_CA_FILE": "nowhere.pem",
            "VAULT_ROOT_KEK_T4": "aws-kms:alias/vault",
            "VAULT_ROOT_KEK_T5": "pkcs11:vault",
            "VAULT_ROOT_SIGNING": "transit:signing",
        },
        tmp_path,
    )

    for words in (
        "VAULT_ROOT_KEK_T1 must be transit:NAME",
        "VAULT_ROOT_KEK_T2 names several keys",
        "VAULT_ROOT_SIGNING: what signs",
        "VAULT_TRANSIT_URL must be",
        "VAULT_TRANSIT_TOKEN_FILE is open to others",
        "VAULT_TRANSIT_CA_FILE",
        "VAULT_AWS_REGION is needed",
        "VAULT_PKCS11_MODULE is needed",
        "VAULT_PKCS11_TOKEN is needed",
        "VAULT_PKCS11_PIN_FILE is needed",
    ):
        assert any(fault.startswith(words) for fault in faults), words
    assert "canary" not in str(faults)


@pytest.mark.parametrize(
    "lonely", ["VAULT_TRANSIT_TOKEN_FILE", "VAULT_AWS_CREDENTIALS_FILE", "VAULT_PKCS11_PIN_FILE"]
)
def test_what_is_for_a_provider_that_no_slot_names_is_a_fault(
    production: Environ, tmp_path: Path, lonely: str
) -> None:
    (fault,) = faults_of(production | {lonely: "token"}, tmp_path)

    assert fault.startswith(f"{lonely} is for slots with a key of")


def test_a_module_that_is_not_there_and_an_empty_secret_are_faults(
    production: Environ, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("\n")
    pkcs11 = {
        "VAULT_ROOT_KEK_T3": "pkcs11:vault",
        "VAULT_PKCS11_MODULE": "none.so",
        "VAULT_PKCS11_TOKEN": "vault",
        "VAULT_PKCS11_PIN_FILE": "pin",
    }

    assert "name the module's library" in faults_of(production | pkcs11, tmp_path)[0]
    assert faults_of(production | pkcs11 | {"VAULT_PKCS11_PIN_FILE": "token"}, tmp_path) == (
        "VAULT_PKCS11_PIN_FILE is empty; put the secret into the file.",
    )


def test_a_slot_that_production_needs_may_lie_with_a_provider_and_nowhere_else(
    production: Environ, tmp_path: Path
) -> None:
    del production["VAULT_ROOT_DETAIL_FILE"]

    assert "VAULT_ROOT_DETAIL_FILE is needed" in faults_of(production, tmp_path)[0]
    transit = {
        "VAULT_ROOT_DETAIL": "transit:vault-detail",
        "VAULT_TRANSIT_URL": "http://127.0.0.1:8200/v1/transit",
        "VAULT_TRANSIT_TOKEN_FILE": "token",
    }
    assert read(production | transit, directory=tmp_path).providers.served == {"DETAIL"}


@pytest.mark.parametrize("name", ["VAULT_ROOT_KEK_T3", "VAULT_TRANSIT_URL", "VAULT_HOST_SECRET_FILE"])
def test_a_demo_has_no_key_providers(tmp_path: Path, name: str) -> None:
    faults = faults_of({"VAULT_MODE": "demo", name: "transit:x"}, tmp_path)

    assert any(fault.startswith(f"{name} is for production") for fault in faults)


def test_the_host_secret_lies_apart_from_what_it_opens(production: Environ, tmp_path: Path) -> None:
    inside = {"VAULT_HOST_SECRET_FILE": str(tmp_path / "state" / "host")}

    assert "VAULT_HOST_SECRET_FILE lies in the state directory" in faults_of(production | inside, tmp_path)[0]
    outside = {"VAULT_HOST_SECRET_FILE": "secrets/host"}
    assert read(production | outside, directory=tmp_path).host_secret == tmp_path / "secrets" / "host"
