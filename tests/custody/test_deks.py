"""DEKs: each is committed to, and opens for its subject, tier, generation and suite alone."""

from dataclasses import replace
from typing import Any

import pytest

from tests.custody.workbench import ADA, BO, TENANT, a_keyring
from vault.crypto.aead import Nonces, Suite
from vault.custody.deks import issue, open_dek
from vault.domain.sealed import DekRow
from vault.domain.terms import SubjectId, TenantId, Tier
from vault.errors import Corrupt


def issued(**more: Any) -> DekRow:
    usual: dict[str, Any] = {"tenant": TENANT, "subject": ADA, "tier": Tier.L3}
    return issue(a_keyring(), **usual | more)[0]


ROW = issued()


@pytest.mark.parametrize("suite", Suite)
@pytest.mark.parametrize("state", ["pending", "active"])
def test_a_dek_opens_to_the_same_keys(suite: Suite, state: str) -> None:
    row = replace(issued(suite=suite, gen=7), state=state)

    one, other = open_dek(a_keyring(), row), open_dek(a_keyring(), row)

    box = one.cipher.seal(b"plain", b"address", nonces=Nonces(1))
    assert other.cipher.open(box, b"address") == b"plain"
    assert one.mac(b"manifest") == other.mac(b"manifest")


def test_a_new_dek_is_pending_and_like_no_other() -> None:
    other = issued()

    assert (ROW.state, ROW.gen, ROW.kek_epoch) == ("pending", 1, 1)
    assert (len(ROW.wrapped), len(ROW.commitment)) == (66, 32)
    assert open_dek(a_keyring(), ROW).mac(b"") != open_dek(a_keyring(), other).mac(b"")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"subject": BO}, "aead"),
        ({"tenant": TenantId(bytes(16))}, "aead"),
        ({"tier": Tier.L4}, "aead"),
        ({"gen": 2}, "aead"),
        ({"field_suite": 2}, "aead"),
        ({"field_suite": 0}, "suite"),
        ({"field_suite": 3}, "suite"),
        ({"kek_epoch": 2}, "kek_epoch"),
        ({"commitment": bytes(32)}, "aead"),
        ({"commitment": ROW.commitment[:31]}, "aead"),
        ({"commitment": b""}, "aead"),
        ({"wrapped": issued().wrapped}, "aead"),
        ({"wrapped": ROW.wrapped[:-1]}, "wrap_header"),
        ({"state": "retired"}, "dek_state"),
        ({"state": "condemned"}, "dek_state"),
        ({"gen": 0}, "address"),
        ({"gen": 2**32}, "address"),
        ({"subject": SubjectId(ADA[:15])}, "address"),
        ({"tenant": TENANT + b"\0"}, "address"),
    ],
)
def test_a_dek_moved_downgraded_or_exchanged_opens_nothing(changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(Corrupt) as caught:
        open_dek(a_keyring(), replace(ROW, **changed))

    assert caught.value.reason == reason


def test_a_dek_of_a_wrong_place_is_not_issued() -> None:
    with pytest.raises(Corrupt) as caught:
        issued(subject=SubjectId(b"short"))

    assert caught.value.reason == "address"


def test_no_repr_shows_a_key() -> None:
    shown = repr(open_dek(a_keyring(), ROW))

    assert shown.startswith("<vault.custody.deks.Dek object at 0x")
