"""An app's token has one spelling, and what is kept of it fits that app and that secret alone."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.custody.workbench import HOUSE, TENANT, some_slots
from vault.custody import credentials
from vault.custody.authority import Authority
from vault.custody.credentials import Credential
from vault.custody.keyring import KeyPurpose, Keyring
from vault.domain.policy import policy_digest
from vault.domain.terms import AppId, Tier
from vault.storage.accounts import AppRow, GrantRow, SecretRow
from vault.storage.policies import PolicyRow

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "authority.json").read_text(encoding="utf-8"))
TOKEN = VECTORS["token"]
CREDENTIAL = Credential(AppId(bytes.fromhex(TOKEN["app"])), bytes.fromhex(TOKEN["secret"]))
ids, secrets = st.binary(min_size=16, max_size=16), st.binary(min_size=32, max_size=32)


@pytest.fixture(scope="module")
def keyring() -> Keyring:
    """A keyring whose authority root is the vectors'."""
    made, _ = Keyring.create(some_slots(), house=HOUSE, tenant=TENANT)
    made._roots[KeyPurpose.AUTHORITY, Tier.IDENT, 1] = bytes.fromhex(VECTORS["root"])
    assert (made.house.hex(), made.tenant.hex()) == (VECTORS["house"], VECTORS["tenant"])
    return made


def test_a_token_is_written_and_read_as_its_vector(keyring: Keyring) -> None:
    assert credentials.write(CREDENTIAL) == TOKEN["text"]
    assert credentials.read(f"Bearer {TOKEN['text']}") == CREDENTIAL
    assert credentials.verifier(keyring, CREDENTIAL).hex() == TOKEN["verifier"]


@pytest.mark.parametrize("fault", VECTORS["headers_that_are_no_credential"])
def test_a_header_that_is_not_exactly_one_is_no_credential(fault: str) -> None:
    assert credentials.read(VECTORS["headers_that_are_no_credential"][fault]) is None


@given(app=ids, secret=secrets)
def test_what_is_written_is_read_back(app: bytes, secret: bytes) -> None:
    credential = Credential(AppId(app), secret)

    assert credentials.read(f"bearer {credentials.write(credential)}") == credential


@given(text=st.text(alphabet="vault_0123456789abcxyzABC-=. ", max_size=90))
def test_a_text_that_is_read_is_the_one_spelling(text: str) -> None:
    found = credentials.read(f"Bearer {text}")

    assert found is None or credentials.write(found) == text


@given(app=ids, secret=secrets)
def test_a_verifier_fits_one_app_and_one_secret(keyring: Keyring, app: bytes, secret: bytes) -> None:
    kept = credentials.verifier(keyring, CREDENTIAL)

    presented = credentials.verifier(keyring, Credential(AppId(app), secret))

    assert credentials.matches(presented, kept) == ((app, secret) == (CREDENTIAL.app, CREDENTIAL.secret))


def test_a_credential_does_not_show_its_secret() -> None:
    assert TOKEN["secret"] not in repr(CREDENTIAL)
    assert repr(CREDENTIAL.secret) not in repr(CREDENTIAL)


def test_deciding_rows_are_signed_as_their_vectors(keyring: Keyring) -> None:
    written = {vector["table"]: vector["row"] for vector in VECTORS["rows"]}
    app, secret, grant, policy = (
        columns(written[table]) for table in ("app", "app_secret", "role_grant", "policy_version")
    )

    amendment = Authority(keyring).sign(
        None, [AppRow(**app), SecretRow(**secret), GrantRow(**grant), PolicyRow(**policy)], version=1
    )

    assert [row.mac.hex() for row in amendment.rows] == [vector["mac"] for vector in VECTORS["rows"]]
    assert amendment.manifest.body == VECTORS["manifest"]["row"]["body"]
    assert amendment.manifest.mac.hex() == VECTORS["manifest"]["mac"]
    assert policy["digest"] == policy_digest({})


def columns(row: dict[str, Any]) -> dict[str, Any]:
    """The columns as a store gives them: bytes stand in a list of one in the canonical row."""
    return {
        name: bytes.fromhex(value[0]) if isinstance(value, list) else value for name, value in row.items()
    }
