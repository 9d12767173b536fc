"""The barrier opens exactly what a grant lists, once, under the receipt of its entry."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.custody.workbench import (
    BO,
    CATALOGUE,
    FIELDS,
    HOUSE,
    NOW,
    PLAIN,
    TENANT,
    Customer,
    a_keyring,
    change,
    opened,
    plains,
    reason,
    receipt_for,
    some_slots,
)
from vault.crypto.aead import Suite
from vault.custody.barrier import OPENS_NOTHING, Barrier
from vault.custody.keyring import KeyPurpose, Keyring
from vault.custody.providers.local import LocalSlots
from vault.domain import forms
from vault.domain.access import Granted
from vault.domain.catalogue import Catalogue, FieldType
from vault.domain.forms import Form
from vault.domain.profile import Profile
from vault.domain.terms import FieldName, SubjectId, Tier, Treatment
from vault.errors import Corrupt, TierUnavailable

CUSTOMER = Customer.admitted().whole()
OTHER = Customer.admitted(BO).whole()
MOBILE, NAME, EMAIL = (CATALOGUE.field(name) for name in ("mobile", "name", "email"))
BARRIER = Barrier(a_keyring(), monotonic=lambda: 1.0)

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=100)
values = st.dictionaries(
    st.tuples(
        st.sampled_from([field.name for field in FIELDS if field.type is not FieldType.ENUM]),
        st.integers(0, 3),
    ),
    texts,
    max_size=10,
)
TEXTUAL = Catalogue.of([replace(field, type=FieldType.TEXT) for field in FIELDS], {})


def a_text(text: str) -> bytes:
    return forms.write(Form.TEXT, text)


# ---- round trips ----


@given(st.sampled_from(Suite), values)
def test_what_was_sealed_opens_and_nothing_else_is_there(
    suite: Suite, sealed: dict[tuple[FieldName, int], str]
) -> None:
    changes = [
        replace(change(name, a_text(text), item=item), field=TEXTUAL.field(name))
        for (name, item), text in sealed.items()
    ]
    customer = Customer.admitted(suite=suite).written(*changes)

    granted = customer.granted()
    found = BARRIER.open([(customer.sealed(), granted)], receipt_for(granted), catalogue=TEXTUAL)[0]

    wanted: dict[str, list[tuple[int, bytes | None]]] = {}
    for (name, item), text in sorted(sealed.items()):
        wanted.setdefault(name, []).append((item, a_text(text)))
    assert plains(found) == wanted


def test_a_profile_tells_where_each_value_came_from() -> None:
    profile = opened(CUSTOMER, "mobile")

    assert isinstance(profile, Profile)
    entry = profile.entries[MOBILE.number, 0]
    assert (entry.source, entry.confirmed_ms, entry.rev) == (1, change("mobile", None).confirmed_ms, 1)


# ---- what a grant opens ----


@given(st.sets(st.sampled_from(sorted(PLAIN)), min_size=1))
def test_only_granted_fields_are_opened(names: set[str]) -> None:
    assert plains(opened(CUSTOMER, *names)) == {name: [(0, PLAIN[name])] for name in names}


@pytest.mark.parametrize("treatment", [one for one in Treatment if one not in OPENS_NOTHING])
def test_a_treatment_of_the_value_opens_it(treatment: Treatment) -> None:
    assert plains(opened(CUSTOMER, "mobile", treatment=treatment)) == {"mobile": [(0, PLAIN["mobile"])]}


def test_a_token_tells_that_a_value_is_there_and_opens_nothing() -> None:
    row = CUSTOMER.rows[Tier.L3]
    # Mobile is the tier's first cell: 16 bytes of key, 6 of header, 12 of nonce, then its ciphertext.
    unreadable = CUSTOMER.with_row(
        Tier.L3, cells=row.cells[:34] + bytes([row.cells[34] ^ 1]) + row.cells[35:]
    )

    shown = opened(unreadable, "mobile", "email", treatment=Treatment.TOKEN)

    assert plains(shown) == {"mobile": [(0, None)], "email": [(0, None)]}
    assert reason(opened(unreadable, "mobile", treatment=Treatment.MASK)) == "aead"


def test_a_token_of_a_field_without_a_value_tells_that_too() -> None:
    customer = Customer.admitted().written(change("name", PLAIN["name"]))

    assert plains(opened(customer, "mobile", "name", treatment=Treatment.TOKEN)) == {"name": [(0, None)]}


def test_a_subject_without_any_value_has_an_empty_profile() -> None:
    assert plains(opened(Customer.admitted().sealed_with([], revision=1))) == {}


def test_a_field_unknown_to_the_catalogue_opens_nothing() -> None:
    granted = CUSTOMER.granted("name")

    with pytest.raises(Corrupt) as caught:
        BARRIER.open([(CUSTOMER.sealed(), granted)], receipt_for(granted), catalogue=Catalogue.of([], {}))

    assert caught.value.reason == "grant_field"


def test_a_value_in_a_tier_that_its_field_never_had_is_refused() -> None:
    # The decision would have reckoned with a tier that the value does not stand in.
    raised = Catalogue.of([replace(NAME, tier=Tier.L1, tier_history=()), CATALOGUE.field("customer_no")], {})
    granted = CUSTOMER.granted("name", "customer_no")

    (found,) = BARRIER.open([(CUSTOMER.sealed(), granted)], receipt_for(granted), catalogue=raised)

    assert reason(found) == "value_tier"


def test_a_value_of_another_form_than_its_field_takes_is_refused() -> None:
    retyped = Catalogue.of([replace(NAME, type=FieldType.DATE)], {})
    granted = CUSTOMER.granted("name")

    (found,) = BARRIER.open([(CUSTOMER.sealed(), granted)], receipt_for(granted), catalogue=retyped)

    assert reason(found) == "form"


# ---- receipts and grants ----


def test_a_receipt_of_other_grants_opens_nothing() -> None:
    granted = CUSTOMER.granted("name")

    for other in (
        receipt_for(CUSTOMER.granted("name", "mobile")),
        receipt_for(CUSTOMER.granted("name", treatment=Treatment.MASK)),
        receipt_for(OTHER.granted("name")),
        receipt_for(granted, OTHER.granted("name")),
        receipt_for(),
    ):
        with pytest.raises(Corrupt) as caught:
            BARRIER.open([(CUSTOMER.sealed(), granted)], other, catalogue=CATALOGUE)
        assert caught.value.reason == "receipt_grant"


def test_a_receipt_serves_one_call() -> None:
    granted = CUSTOMER.granted("name")
    receipt = receipt_for(granted)
    BARRIER.open([(CUSTOMER.sealed(), granted)], receipt, catalogue=CATALOGUE)

    with pytest.raises(Corrupt) as caught:
        BARRIER.open([(CUSTOMER.sealed(), granted)], receipt, catalogue=CATALOGUE)

    assert caught.value.reason == "receipt_spent"


def test_a_call_that_failed_has_spent_its_receipt_too() -> None:
    granted, wider = CUSTOMER.granted("name"), CUSTOMER.granted()
    receipt = receipt_for(granted)
    with pytest.raises(Corrupt):
        BARRIER.open([(CUSTOMER.sealed(), wider)], receipt, catalogue=CATALOGUE)

    with pytest.raises(Corrupt) as caught:
        BARRIER.open([(CUSTOMER.sealed(), granted)], receipt, catalogue=CATALOGUE)

    assert caught.value.reason == "receipt_spent"


def test_a_receipt_that_waited_too_long_opens_nothing() -> None:
    granted = CUSTOMER.granted("name")

    with pytest.raises(Corrupt) as caught:
        Barrier(a_keyring(), monotonic=lambda: 5.1).open(
            [(CUSTOMER.sealed(), granted)], receipt_for(granted), catalogue=CATALOGUE
        )

    assert caught.value.reason == "receipt_late"


def test_what_was_cancelled_since_the_entry_is_shown_and_not_opened() -> None:
    granted, cancelled = CUSTOMER.granted("name"), OTHER.granted("mobile")

    found = BARRIER.open(
        [(CUSTOMER.sealed(), granted)],
        receipt_for(granted, cancelled),
        catalogue=CATALOGUE,
        cancelled=[cancelled],
    )

    assert [plains(one) for one in found] == [{"name": [(0, PLAIN["name"])]}]


def test_a_grant_opens_nobody_else() -> None:
    granted = CUSTOMER.granted("name")

    (found,) = BARRIER.open([(OTHER.sealed(), granted)], receipt_for(granted), catalogue=CATALOGUE)

    assert reason(found) == "grant_subject"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"token": bytes(16)}, "grant_subject"),
        ({"at": NOW + timedelta(days=31)}, "grant_subject"),
        ({"revision": 2}, "grant_revision"),
    ],
)
def test_a_grant_that_does_not_fit_the_subject_opens_nothing(changed: dict[str, Any], why: str) -> None:
    granted = replace(CUSTOMER.granted("name"), **changed)

    (found,) = BARRIER.open([(CUSTOMER.sealed(), granted)], receipt_for(granted), catalogue=CATALOGUE)

    assert reason(found) == why


def test_a_grant_decided_before_a_change_opens_nothing_after_it() -> None:
    granted = CUSTOMER.granted("name")
    later = CUSTOMER.written(change("name", a_text("后来")))

    (found,) = BARRIER.open([(later.sealed(), granted)], receipt_for(granted), catalogue=CATALOGUE)

    assert reason(found) == "grant_revision"


def test_one_bad_subject_spoils_no_other_and_the_order_is_kept() -> None:
    bad = OTHER.with_row(Tier.L2, mac=bytes(32))
    third = Customer.admitted(SubjectId(bytes(range(16)))).written(change("name", a_text("三")))
    customers = [CUSTOMER, bad, third]
    grants: list[Granted] = [one.granted("name") for one in customers]
    pairs = [(one.sealed(), granted) for one, granted in zip(customers, grants, strict=True)]

    first, second, last = BARRIER.open(pairs, receipt_for(*grants), catalogue=CATALOGUE)

    assert plains(first) == {"name": [(0, PLAIN["name"])]}
    assert reason(second) == "manifest_mac"
    assert plains(last) == {"name": [(0, a_text("三"))]}


def test_a_failure_that_is_handed_back_holds_no_frames() -> None:
    found = opened(CUSTOMER.with_row(Tier.L2, mac=bytes(32)), "name")

    assert isinstance(found, Corrupt)
    assert (found.__traceback__, found.__cause__, found.__context__) == (None, None, None)


def test_the_caller_learns_one_code_whatever_was_wrong() -> None:
    found = opened(CUSTOMER.with_row(Tier.L2, mac=bytes(32)), "name")

    assert str(found) == "sealed_value_rejected"


# ---- keys and revisions ----


@pytest.mark.parametrize(("floor", "pending"), [(1, 1), (1, 2), (0, 1), (0, 3)])
def test_the_revision_in_force_and_those_announced_on_top_of_it_may_stand(floor: int, pending: int) -> None:
    customer = replace(CUSTOMER, ident=replace(CUSTOMER.ident, rev_floor=floor, rev_pending=pending))

    assert plains(opened(customer, "name"))


@pytest.mark.parametrize(("floor", "pending"), [(2, 2), (2, 3), (0, 0)])
def test_a_revision_that_is_neither_is_refused(floor: int, pending: int) -> None:
    customer = replace(CUSTOMER, ident=replace(CUSTOMER.ident, rev_floor=floor, rev_pending=pending))

    assert reason(opened(customer, "name")) == "revision"


def test_an_ident_row_of_another_subject_lends_no_floor() -> None:
    assert reason(opened(replace(CUSTOMER, ident=OTHER.ident), "name")) == "address"


def test_a_dek_that_became_active_opens_as_it_did() -> None:
    active = {tier: replace(row, state="active") for tier, row in CUSTOMER.deks.items()}

    assert plains(opened(replace(CUSTOMER, deks=active))) == plains(opened(CUSTOMER))


def test_a_process_without_a_tiers_secret_cannot_open_that_tier() -> None:
    slots = some_slots()
    whole, rows = Keyring.create(slots, house=HOUSE, tenant=TENANT)
    few = LocalSlots({name: secret for name, secret in slots._secrets.items() if name != "KEK_T4"})
    ring = Keyring(few, rows, house=HOUSE, tenant=TENANT)
    customer = replace(Customer.admitted(keyring=whole).whole(), keyring=ring)

    assert plains(opened(customer, "mobile")) == {"mobile": [(0, PLAIN["mobile"])]}
    with pytest.raises(TierUnavailable) as caught:
        opened(customer, "mobile", "id_number")
    assert caught.value.facts == {"tier": 4}
    with pytest.raises(TierUnavailable):
        customer.written(change("id_number", PLAIN["id_number"]))


def test_no_repr_of_what_the_barrier_holds_shows_a_secret() -> None:
    shown = repr(CUSTOMER.sealed()) + repr(BARRIER) + repr(opened(CUSTOMER))

    secrets = [a_keyring().root(purpose) for purpose in (KeyPurpose.AUTHORITY, KeyPurpose.SUPPRESSION)]
    assert not any(secret.hex() in shown or repr(secret)[2:-1] in shown for secret in secrets)
    assert "<Identity sealed from view>" in shown
    assert "<Profile sealed from view>" in shown
