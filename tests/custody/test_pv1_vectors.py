"""PV1 to the byte: the vault writes and reads what a second reading of CRYPTO §7 wrote down."""

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.custody.workbench import a_field, grant_for, receipt_for, script
from tests.vectors.make_pv1 import document
from vault.crypto.aead import Suite
from vault.crypto.mac import mac
from vault.custody import deks
from vault.custody.barrier import Barrier, CellChange, SealedSubject
from vault.custody.credentials import Credential, verifier
from vault.custody.detail import Detail
from vault.custody.identity import Identity, admit, open_ident
from vault.custody.keyring import KeyPurpose, Keyring
from vault.custody.providers.local import LocalSlots
from vault.custody.tokens import Tokens
from vault.domain.catalogue import Catalogue, FieldType
from vault.domain.grants import grant_digest
from vault.domain.instants import moment
from vault.domain.manifest import CellState
from vault.domain.profile import Profile
from vault.domain.seal import blocks_digest, tiers_with
from vault.domain.sealed import DekRow, IdentRow, SealedKeyRow, SealedRow, SubjectRow
from vault.domain.terms import (
    ActorId,
    AppId,
    Gate,
    HouseId,
    SpaceId,
    SubjectId,
    SubjectKind,
    TenantId,
    Tier,
    Treatment,
)
from vault.errors import Corrupt

FILE = Path(__file__).parents[1] / "vectors" / "pv1.json"
PV1: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
HEX = frozenset(
    "wrapped commitment prev_mac body mac cells consent_head facts_head blocks_digest tiers seal".split()
)


def raw(text: str) -> bytes:
    return bytes.fromhex(text)


HOUSE, TENANT = HouseId(raw(PV1["house"])), TenantId(raw(PV1["tenant"]))
SUBJECT = SubjectId(raw(PV1["subject"]))
FIELDS = {
    one["number"]: a_field(
        one["number"],
        f"field_{one['number']}",
        FieldType(one["type"]),
        Tier(one["tier"]),
        exact=one["number"] == PV1["index"]["field"],
        suffix_bits=PV1["index"]["suffix_bits"],
    )
    for one in PV1["fields"]
}
CATALOGUE = Catalogue.of(FIELDS.values(), {})


def columns(row: Mapping[str, Any]) -> dict[str, Any]:
    """Read the hex of a row's columns back; what no table has is left out."""
    derived = {"draws", "k_enc", "k_mac"}
    return {
        name: raw(value) if name in HEX else value for name, value in row.items() if name not in derived
    } | {"tenant": TENANT, "subject": SUBJECT}


def keyring(*draws: bytes) -> Keyring:
    slots = LocalSlots({one["slot"]: raw(one["secret"]) for one in PV1["slots"]})
    rows = [
        SealedKeyRow(
            TENANT, one["purpose"], Tier(one["tier"]), one["epoch"], "local", raw(one["sealed"]), "active"
        )
        for one in PV1["slots"]
    ]
    return Keyring(slots, rows, house=HOUSE, tenant=TENANT, draw=script(*draws))


def ident_row(row: Mapping[str, Any]) -> IdentRow:
    return IdentRow(**columns(row))


def identity() -> Identity:
    return open_ident(keyring(), ident_row(PV1["whole"]["ident"]))


def dek_row(row: Mapping[str, Any]) -> DekRow:
    return DekRow(**columns(row) | {"tier": Tier(row["tier"])})


def subject_row(row: Mapping[str, Any]) -> SubjectRow:
    return SubjectRow(**columns(row) | {"kind": SubjectKind(row["kind"]), "gates": Gate(row["gates"])})


def sealed_row(row: Mapping[str, Any]) -> SealedRow:
    return SealedRow(**columns(row) | {"tier": Tier(row["tier"])})


def outcome(whole: Mapping[str, Any]) -> Profile | Corrupt:
    """Open every field of a subject as the stores would hand it over."""
    ring, subject = keyring(), subject_row(whole["subject"])
    sealed = SealedSubject(
        identity(),
        subject,
        ident_row(whole["ident"]),
        {Tier(int(tier)): dek_row(row) for tier, row in whole["deks"].items()},
        {Tier(int(tier)): sealed_row(row) for tier, row in whole["rows"].items()},
    )
    shown: dict[str, Treatment] = {field.name: Treatment.PLAIN for field in FIELDS.values()}
    granted = grant_for(subject, sealed.identity, shown, catalogue=CATALOGUE)
    barrier = Barrier(ring, monotonic=lambda: 0.0)
    return barrier.open([(sealed, granted)], receipt_for(granted), catalogue=CATALOGUE)[0]


def test_the_file_is_what_the_second_reading_yields() -> None:
    assert document() == PV1


@pytest.mark.parametrize("vector", PV1["slots"], ids=lambda vector: vector["slot"])
def test_a_key_is_sealed_under_its_slot_to_the_byte(vector: dict[str, Any]) -> None:
    slots = LocalSlots({vector["slot"]: raw(vector["secret"])})
    context, key = raw(vector["context"]), raw(vector["key"])

    sealed = slots.seal(vector["slot"], key, context=context, draw=script(*map(raw, vector["draws"])))

    assert sealed == raw(vector["sealed"])
    assert slots.open(vector["slot"], sealed, context=context) == key


@pytest.mark.parametrize(
    "vector", [one for one in PV1["slots"] if one["purpose"] in (2, 3)], ids=lambda vector: vector["slot"]
)
def test_a_root_is_opened_in_its_context(vector: dict[str, Any]) -> None:
    purpose, tier = KeyPurpose(vector["purpose"]), Tier(vector["tier"])

    assert keyring().root(purpose, tier=tier, epoch=vector["epoch"]) == raw(vector["key"])


def test_an_ident_is_drawn_and_wrapped_to_the_byte() -> None:
    row, drawn = admit(keyring(*map(raw, PV1["ident"]["draws"])), TENANT, SUBJECT)

    assert (row.kek_epoch, row.wrapped) == (PV1["ident"]["kek_epoch"], raw(PV1["ident"]["wrapped"]))
    assert drawn.audit_token(202611) == identity().audit_token(202611)


def test_an_ident_wrapped_under_the_second_suite_is_the_same_ident() -> None:
    row = replace(ident_row(PV1["whole"]["ident"]), wrapped=raw(PV1["ident"]["wrapped_suite_2"]))

    assert open_ident(keyring(), row).audit_token(202611) == identity().audit_token(202611)


def test_all_that_an_ident_yields_is_right_to_the_byte() -> None:
    vector, mine = PV1["ident"], identity()
    space = SpaceId(raw(vector["pairwise"]["space"]))
    shadow, etag, ref = vector["shadow"], vector["etag"], vector["ref"]

    yielded = {
        "audit_tokens": {month: mine.audit_token(int(month)).hex() for month in vector["audit_tokens"]},
        "subject": mine.pairwise(space, SUBJECT).hex(),
        "other": mine.pairwise(space, raw(vector["pairwise"]["other_id"])).hex(),
        "shadow": mine.shadow(shadow["field"], shadow["item"], space).hex(),
        "etag": mine.etag(space, etag["revision"]).hex(),
        "ref": mine.ref_mac(ref["kind"], ref["ref"]).hex(),
    }

    assert yielded == {
        "audit_tokens": vector["audit_tokens"],
        "subject": vector["pairwise"]["subject"],
        "other": vector["pairwise"]["other"],
        "shadow": shadow["shadow"],
        "etag": etag["etag"],
        "ref": ref["mac"],
    }


@pytest.mark.parametrize("tier", PV1["whole"]["deks"])
def test_a_dek_is_wrapped_and_committed_to_the_byte(tier: str) -> None:
    vector = PV1["whole"]["deks"][tier]
    ring = keyring(*map(raw, vector["draws"]))

    row, issued = deks.issue(
        ring,
        tenant=TENANT,
        subject=SUBJECT,
        tier=Tier(vector["tier"]),
        gen=vector["gen"],
        suite=Suite(vector["field_suite"]),
    )

    assert row == replace(dek_row(vector), state="pending")
    assert deks.open_dek(ring, row).mac(b"message") == mac(raw(vector["k_mac"]), b"message")
    assert issued.mac(b"message") == mac(raw(vector["k_mac"]), b"message")


def test_a_subject_is_sealed_to_the_byte() -> None:
    whole = PV1["whole"]
    values = [(FIELDS[one["number"]], value) for one in PV1["fields"] for value in one["values"]]
    ring = keyring(b"".join(raw(value["nonce"]) for _, value in values))
    wanted = subject_row(whole["subject"])
    before = identity().seal(replace(wanted, revision=wanted.revision - 1, tiers=b""))

    rows = Barrier(ring).seal(
        identity(),
        {Tier(int(tier)): dek_row(row) for tier, row in whole["deks"].items()},
        {},
        [
            CellChange(
                field,
                value["item"],
                raw(value["plain"]),
                PV1["source"],
                PV1["confirmed_ms"],
                ActorId(raw(PV1["clerk"])),
                CellState(value["state"]),
            )
            for field, value in values
        ],
        subject=before,
        revision=wanted.revision,
        at=moment(wanted.changed_ms),
    )

    assert {str(int(row.tier)): row for row in rows} == {
        tier: sealed_row(row) for tier, row in whole["rows"].items()
    }
    assert identity().seal(replace(wanted, tiers=tiers_with(b"", rows), seal=b"")) == wanted


def test_a_subject_opens_to_the_values_that_were_sealed() -> None:
    profile = outcome(PV1["whole"])

    assert isinstance(profile, Profile)
    for one in PV1["fields"]:
        values = [(value["item"], raw(value["plain"])) for value in one["values"] if value["state"] == 0]
        assert profile.values(FIELDS[one["number"]]) == values
    assert {entry.source for entry in profile.entries.values()} == {PV1["source"]}
    assert {entry.confirmed_ms for entry in profile.entries.values()} == {PV1["confirmed_ms"]}


@pytest.mark.parametrize("vector", PV1["invalid"], ids=lambda vector: vector["name"])
def test_what_is_wrong_opens_nothing_and_says_why(vector: dict[str, Any]) -> None:
    whole = deepcopy(PV1["whole"])
    for path, value in vector["changes"]:
        *way, last = path.split(".")
        place = whole
        for step in way:
            place = place[step]
        place[last] = value
        if value is None:
            del place[last]

    found = outcome(whole)

    assert isinstance(found, Corrupt)
    assert found.reason == vector["fails"]


def test_index_tokens_and_their_rows_are_right_to_the_byte() -> None:
    vector, tokens = PV1["index"], Tokens(keyring())
    field, epoch = FIELDS[vector["field"]], vector["epoch"]

    exact = tokens.exact(field, raw(vector["norm"]), epoch)
    suffix = tokens.suffix(field, raw(vector["tail"]), epoch)

    assert (exact.hex(), suffix.hex()) == (vector["exact"], vector["suffix"])
    for index_id, token, mac_text in (
        (field.exact_index, exact, vector["exact_row"]),
        (field.suffix_index, suffix, vector["suffix_row"]),
    ):
        made = tokens.row_mac(index_id, epoch, token=token, subject=SUBJECT, item=vector["item"])
        assert made.hex() == mac_text


def test_what_authority_authenticates_is_right_to_the_byte() -> None:
    vector, ring = PV1["authority"], keyring()
    root = ring.root(KeyPurpose.AUTHORITY)
    row = b"PV1W" + HOUSE + vector["table"].to_bytes(2) + raw(vector["row"])

    credential = Credential(AppId(raw(vector["app"])), raw(vector["secret"]))

    assert mac(root, row).hex() == vector["mac"]
    assert verifier(ring, credential).hex() == vector["verifier"]


def test_a_detail_and_its_fingerprint_are_right_to_the_byte() -> None:
    vector = PV1["detail"]
    (kept,) = (one for one in PV1["slots"] if one["slot"] == "DETAIL")
    standing = SealedKeyRow(
        TENANT, KeyPurpose.DETAIL, Tier.IDENT, kept["epoch"], "local", raw(kept["sealed"]), "active"
    )
    # The key that the process offers is drawn in vain: another stands for the month.
    offered = [bytes(32), bytes(32), bytes(12)]
    ring = keyring(*map(raw, vector["draws"]), *offered)

    detail = Detail(ring, keep=lambda _: standing, find=lambda _: standing)

    assert detail.seal(vector["at_ms"], vector["detail"]) == (raw(vector["sealed"]), vector["key_epoch"])
    assert detail.open(raw(vector["sealed"]), vector["key_epoch"]) == vector["detail"]
    assert detail.fingerprint(vector["at_ms"], vector["kind"], vector["text"]).hex() == vector["fingerprint"]


def test_a_grant_has_the_digest_that_an_auditor_computes() -> None:
    vector = PV1["grants"]

    digest = grant_digest((raw(token), name, Treatment(how)) for token, name, how in vector["triples"])

    assert digest.hex() == vector["digest"]


def test_the_digest_of_blocks_covers_all_but_the_first() -> None:
    vector = PV1["blocks"]
    template = sealed_row(PV1["whole"]["rows"]["2"])
    rows = [
        replace(template, block=block, tier=Tier(tier), tier_rev=tier_rev, mac=raw(text))
        for block, tier, tier_rev, text in vector["blocks"]
    ]

    assert blocks_digest(rows).hex() == vector["digest"]
    assert blocks_digest(reversed(rows)).hex() == vector["digest"]
    assert blocks_digest(rows[-1:]) == bytes(32)
