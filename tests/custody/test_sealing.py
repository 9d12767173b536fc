"""The barrier seals onto nothing that it has not proved, and leaves alone what a change does not touch."""

from dataclasses import replace
from typing import Any

import pytest

from tests.custody.workbench import (
    BO,
    CATALOGUE,
    NOW,
    PLAIN,
    Customer,
    a_keyring,
    change,
    opened,
    plains,
)
from vault.custody.barrier import Barrier, CellChange
from vault.domain import forms
from vault.domain.forms import Form
from vault.domain.manifest import CellState, parse_body
from vault.domain.seal import parse_tiers
from vault.domain.sealed import DekRow, SealedRow
from vault.domain.terms import TenantId, Tier
from vault.errors import Corrupt

CUSTOMER = Customer.admitted().whole()
OTHER = Customer.admitted(BO).whole()
MOBILE, NAME, EMAIL = (CATALOGUE.field(name) for name in ("mobile", "name", "email"))
BARRIER = Barrier(a_keyring(), monotonic=lambda: 1.0)


def a_text(text: str) -> bytes:
    return forms.write(Form.TEXT, text)


def fault_of(*changes: CellChange, **more: Any) -> str:
    """Say why sealing was refused."""
    usual: dict[str, Any] = {
        "identity": CUSTOMER.identity,
        "deks": CUSTOMER.deks,
        "current": CUSTOMER.rows,
        "changes": changes,
        "subject": CUSTOMER.row,
        "revision": CUSTOMER.row.revision + 1,
        "at": NOW,
    }
    with pytest.raises(Corrupt) as caught:
        BARRIER.seal(**usual | more)
    return caught.value.reason


def test_an_unchanged_value_keeps_its_blob_and_its_revision() -> None:
    later = CUSTOMER.written(change("address", a_text("新址")))

    was, now = CUSTOMER.rows[Tier.L3], later.rows[Tier.L3]
    before, after = ({int(one.field): one for one in parse_body(row.body)} for row in (was, now))
    assert {number for number in before if before[number] != after[number]} == {7}
    assert (after[7].rev, now.tier_rev, now.prev_mac) == (2, 2, was.mac)
    assert plains(opened(later)) == plains(opened(CUSTOMER)) | {"address": [(0, a_text("新址"))]}


def test_only_the_tiers_that_changed_are_written() -> None:
    later = CUSTOMER.written(change("address", a_text("新址")))

    assert [tier for tier in later.rows if later.rows[tier] != CUSTOMER.rows[tier]] == [Tier.L3]
    assert parse_tiers(later.row.tiers)[Tier.L2] == parse_tiers(CUSTOMER.row.tiers)[Tier.L2]


def test_a_new_tier_begins_its_own_chain() -> None:
    (row,) = Customer.admitted().written(change("name", PLAIN["name"])).rows.values()

    assert (row.tier, row.gen, row.tier_rev, row.revision, row.prev_mac) == (Tier.L2, 1, 1, 1, bytes(32))


def test_a_removed_value_is_gone_and_an_emptied_tier_stays_in_its_chain() -> None:
    customer = Customer.admitted().written(
        change("id_number", PLAIN["id_number"]), change("name", PLAIN["name"])
    )

    emptied = customer.written(change("id_number", None))

    assert plains(opened(emptied)) == {"name": [(0, PLAIN["name"])]}
    row = emptied.rows[Tier.L4]
    assert (row.body, row.cells, row.tier_rev) == (bytes(4), b"", 2)
    assert plains(opened(emptied.written(change("id_number", PLAIN["id_number"]))))["id_number"]


def test_a_change_that_changes_nothing_writes_nothing() -> None:
    rows = BARRIER.seal(
        CUSTOMER.identity,
        CUSTOMER.deks,
        CUSTOMER.rows,
        [change("mobile", None, item=9), change("name", None, state=CellState.PROPOSED)],
        subject=CUSTOMER.row,
        revision=2,
        at=NOW,
    )

    assert rows == []


def test_removing_from_a_subject_without_the_tier_needs_no_key() -> None:
    customer = Customer.admitted().written(change("name", PLAIN["name"]))

    rows = BARRIER.seal(
        customer.identity, {}, {}, [change("id_number", None)], subject=customer.row, revision=2, at=NOW
    )

    assert rows == []


def test_a_value_moves_to_the_tier_its_field_has_today() -> None:
    once = replace(EMAIL, tier=Tier.L2, tier_history=(Tier.L2,))
    customer = Customer.admitted().written(replace(change("email", a_text("old@example.com")), field=once))
    assert plains(opened(customer, "email")) == {"email": [(0, a_text("old@example.com"))]}

    later = customer.written(change("email", a_text("new@example.com")))

    assert parse_body(later.rows[Tier.L2].body) == []
    assert plains(opened(later, "email")) == {"email": [(0, a_text("new@example.com"))]}
    assert plains(opened(later.written(change("email", None)), "email")) == {}


def test_a_proposal_stands_beside_the_value_and_is_not_opened_as_one() -> None:
    proposed = CUSTOMER.written(change("name", a_text("proposed"), state=CellState.PROPOSED))

    assert [(one.field, one.state) for one in parse_body(proposed.rows[Tier.L2].body)][1:3] == [
        (2, 0),
        (2, 1),
    ]
    assert plains(opened(proposed, "name")) == {"name": [(0, PLAIN["name"])]}
    taken_back = proposed.written(change("name", None, state=CellState.PROPOSED))
    assert plains(opened(taken_back)) == plains(opened(CUSTOMER))


def test_what_stands_is_proved_before_it_is_extended() -> None:
    new = change("address", a_text("新址"))
    row, old = CUSTOMER.rows[Tier.L3], CUSTOMER.written(change("mobile", None))

    def with_row(changed: SealedRow | None) -> dict[Tier, SealedRow]:
        rows = {**CUSTOMER.rows}
        del rows[Tier.L3]
        return rows if changed is None else {**rows, Tier.L3: changed}

    refused = {
        "manifest_mac": replace(row, body=row.body[:-1] + bytes([row.body[-1] ^ 1])),
        "manifest_missing": None,
        "manifest_revision": old.rows[Tier.L3],
        "cell_tag": replace(row, cells=row.cells[:-1] + bytes([row.cells[-1] ^ 1])),
        "cell_missing": replace(row, cells=b""),
        "gen": replace(row, gen=2),
        "address": OTHER.rows[Tier.L3],
    }
    assert {why: fault_of(new, current=with_row(changed)) for why, changed in refused.items()} == {
        why: why for why in refused
    }
    assert plains(opened(CUSTOMER.written(new), "address")) == {"address": [(0, a_text("新址"))]}


def test_a_row_that_the_seal_does_not_list_is_not_extended() -> None:
    customer = Customer.admitted().written(change("name", PLAIN["name"]))
    planted = {**customer.rows, Tier.L3: CUSTOMER.rows[Tier.L3]}

    assert (
        fault_of(
            change("mobile", PLAIN["mobile"]),
            identity=customer.identity,
            deks=customer.deks,
            current=planted,
            subject=customer.row,
        )
        == "manifest_unlisted"
    )


def test_a_new_subject_stands_on_nothing() -> None:
    assert fault_of(change("name", PLAIN["name"]), subject=None, revision=1) == "manifest_unlisted"


@pytest.mark.parametrize("revision", [0, 1])
def test_a_revision_that_does_not_follow_is_not_sealed(revision: int) -> None:
    assert fault_of(change("name", PLAIN["name"]), revision=revision) == "revision"


def test_a_revision_behind_numbers_that_never_came_follows_too() -> None:
    later = BARRIER.seal(
        CUSTOMER.identity,
        CUSTOMER.deks,
        CUSTOMER.rows,
        [change("name", PLAIN["name"])],
        subject=CUSTOMER.row,
        revision=5,
        at=NOW,
    )

    assert [(row.tier, row.tier_rev, row.revision) for row in later] == [(Tier.L2, 2, 5)]


def test_a_subject_row_that_was_edited_is_not_written_onto() -> None:
    edited = replace(CUSTOMER.row, consent_head=b"c" * 32)

    assert fault_of(change("name", PLAIN["name"]), subject=edited) == "seal"


def test_a_tier_without_a_dek_is_not_sealed() -> None:
    assert fault_of(change("name", PLAIN["name"]), deks={}) == "dek_missing"
    assert (
        fault_of(change("name", PLAIN["name"]), deks={}, current={}, subject=None, revision=1)
        == "dek_missing"
    )


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"subject": BO}, "address"),
        ({"tenant": TenantId(bytes(16))}, "address"),
        ({"tier": Tier.L3}, "address"),
        ({"state": "condemned"}, "dek_state"),
        ({"field_suite": 3}, "suite"),
    ],
)
def test_nothing_is_sealed_under_a_dek_of_another_place(changed: dict[str, Any], why: str) -> None:
    dek: DekRow = replace(CUSTOMER.deks[Tier.L2], **changed)
    parts: dict[str, Any] = {"deks": {Tier.L2: dek}, "current": {}, "subject": None, "revision": 1}

    assert fault_of(change("name", PLAIN["name"]), **parts) == why


@pytest.mark.parametrize("odd", [b"", b"\1\xff", b"\1a\0", b"\4" + b"1990-02-28", b"\x0bx"])
def test_what_could_not_be_read_back_is_not_sealed(odd: bytes) -> None:
    assert fault_of(change("name", odd)) == "form"


def test_a_change_shows_no_value() -> None:
    shown = repr(change("mobile", PLAIN["mobile"]))

    assert "13800000017" not in shown
