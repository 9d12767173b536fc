"""Identities: each use of an ident is its own, and the seal covers everything that decides."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.custody.workbench import ADA, BO, SPACE, TENANT, Customer, a_keyring
from vault.custody.identity import Identity, admit, open_ident
from vault.domain.sealed import SubjectRow
from vault.domain.terms import Gate, Millis, SpaceId, SubjectId, SubjectKind, TenantId
from vault.errors import Corrupt

CUSTOMER = Customer.admitted().whole()
OTHER = Customer.admitted(BO).whole()
MINE, ROW = CUSTOMER.identity, CUSTOMER.row


def test_an_ident_opens_again_to_the_same_identity() -> None:
    row, identity = admit(a_keyring(), TENANT, ADA)

    again = open_ident(a_keyring(), row)

    assert (row.state, row.rev_floor, row.rev_pending) == ("active", 0, 1)
    assert again.audit_token(202611) == identity.audit_token(202611)
    assert (again.tenant, again.subject) == (TENANT, ADA)


def test_a_subject_admitted_twice_has_nothing_of_its_former_self() -> None:
    _, one = admit(a_keyring(), TENANT, ADA)
    _, other = admit(a_keyring(), TENANT, ADA)

    assert one.audit_token(202611) != other.audit_token(202611)
    assert one.pairwise(SPACE, ADA) != other.pairwise(SPACE, ADA)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"subject": BO}, "aead"),
        ({"tenant": TenantId(bytes(16))}, "aead"),
        ({"wrapped": OTHER.ident.wrapped}, "aead"),
        ({"kek_epoch": 2}, "kek_epoch"),
        ({"state": "erased"}, "tombstone"),
        ({"state": "erasing"}, "tombstone"),
        ({"state": ""}, "tombstone"),
        ({"wrapped": b""}, "kek_epoch"),
        # Bytes that slide from the tenant into the subject leave the address as it was, and are no ids.
        ({"tenant": TENANT + ADA[:1], "subject": ADA[1:]}, "address"),
    ],
)
def test_an_ident_moved_or_buried_opens_nothing(changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(Corrupt) as caught:
        open_ident(a_keyring(), replace(CUSTOMER.ident, **changed))

    assert caught.value.reason == reason


def test_a_dek_does_not_open_as_an_ident() -> None:
    wrapped = next(iter(CUSTOMER.deks.values())).wrapped

    with pytest.raises(Corrupt):
        open_ident(a_keyring(), replace(CUSTOMER.ident, wrapped=wrapped))


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_a_month_has_its_own_token(one: int, other: int) -> None:
    assert (MINE.audit_token(one) == MINE.audit_token(other)) == (one == other)


def test_two_apps_cannot_compare_what_they_are_shown() -> None:
    def shown(space: SpaceId) -> list[bytes]:
        return [MINE.pairwise(space, ADA), MINE.etag(space, 1), MINE.shadow(5, 0, space)]

    ours, theirs = shown(SPACE), shown(SpaceId(bytes(16)))

    assert ours == shown(SPACE)
    assert len({*ours, *theirs}) == 6
    assert {len(one) for one in ours} == {16}


def test_what_one_app_is_shown_tells_two_things_apart() -> None:
    shown = [
        *(MINE.pairwise(SPACE, one) for one in (ADA, BO)),
        *(MINE.etag(SPACE, revision) for revision in (1, 2)),
        *(MINE.shadow(field, item, SPACE) for field, item in ((5, 0), (5, 1), (6, 0))),
        *(OTHER.identity.shadow(field, 0, SPACE) for field in (5, 6)),
        *(MINE.ref_mac(kind, ref) for kind, ref in (("order", "1"), ("case", "1"), ("order", "2"))),
        OTHER.identity.ref_mac("order", "1"),
        MINE.audit_token(202611),
    ]

    assert len(set(shown)) == len(shown)


@pytest.mark.parametrize("kind", ["", "order\0", "a b"])
def test_a_kind_that_could_run_into_the_ref_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match="kind"):
        MINE.ref_mac(kind, "1")


@pytest.mark.parametrize("odd", [b"", bytes(15), bytes(17)])
def test_a_space_or_id_of_another_width_is_refused(odd: bytes) -> None:
    with pytest.raises(ValueError, match="id"):
        MINE.pairwise(SpaceId(odd), ADA)
    with pytest.raises(ValueError, match="id"):
        MINE.pairwise(SPACE, odd)
    with pytest.raises(ValueError, match="space"):
        MINE.etag(SpaceId(odd), 1)


def test_a_row_as_it_was_sealed_is_believed() -> None:
    MINE.verify(ROW)


CHANGES: list[dict[str, Any]] = [
    {"kind": SubjectKind.CONTACT},
    *({"gates": gate} for gate in Gate if gate),
    {"revision": 2},
    {"revision": 0},
    {"consent_head": b"c" * 32},
    {"facts_head": b"f" * 32},
    {"blocks_digest": b"b" * 32},
    {"tiers": ROW.tiers[:-45]},
    {"tiers": b""},
    {"tiers": ROW.tiers[45:]},
    {"seal": bytes(32)},
    {"seal": ROW.seal[:31]},
    {"seal": b""},
    {"seal": OTHER.row.seal},
]


@pytest.mark.parametrize("changed", CHANGES)
def test_an_edited_row_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(Corrupt) as caught:
        MINE.verify(replace(ROW, **changed))

    assert caught.value.reason == "seal"


@pytest.mark.parametrize("changed", [{"subject": BO}, {"tenant": TenantId(bytes(16))}])
def test_a_row_of_another_subject_is_neither_sealed_nor_believed(changed: dict[str, Any]) -> None:
    moved: SubjectRow = replace(ROW, **changed)

    for attempt in (MINE.verify, MINE.seal):
        with pytest.raises(Corrupt) as caught:
            attempt(moved)
        assert caught.value.reason == "address"


def test_when_a_row_was_changed_is_no_part_of_what_decides() -> None:
    MINE.verify(replace(ROW, changed_ms=Millis(ROW.changed_ms + 1)))


def test_no_repr_shows_the_secret_or_whose_it_is() -> None:
    ident = bytes(range(32))

    assert repr(Identity(ident, tenant=TENANT, subject=SubjectId(ADA))) == "<Identity sealed from view>"
