"""What must not open: the fixed subject of ``pv1_page`` with one thing wrong, and the reason it fails for."""

import struct
from typing import Any

from tests.vectors.pv1_page import (
    EPOCH,
    OTHER,
    Cell,
    blob_of,
    cells_of,
    dek_row,
    fixed,
    mark,
    pad,
    sealed_row,
    subject_row,
    whole,
)


def swapped(cells: list[Cell], first: int, second: int) -> list[Cell]:
    """The same addresses, two blobs exchanged."""
    blobs = [cell[3] for cell in cells]
    blobs[first], blobs[second] = blobs[second], blobs[first]
    return [(*cell[:3], blob) for cell, blob in zip(cells, blobs, strict=True)]


def invalid() -> list[dict[str, Any]]:
    """The whole subject with one thing wrong, and the reason for which it must fail."""
    cases: list[dict[str, Any]] = []
    three = cells_of(3)

    def case(name: str, fails: str, *changes: tuple[str, Any]) -> None:
        cases.append({"name": name, "fails": fails, "changes": [list(one) for one in changes]})

    def retier(name: str, fails: str, row: dict[str, Any], *more: tuple[str, Any]) -> None:
        """Put a row in force under a right manifest and seal: what fails, fails inside."""
        right = whole()
        right["rows"]["3"] = row
        subject = subject_row(b"".join(mark(one) for one in right["rows"].values()))
        case(name, fails, ("rows.3", row), ("subject", subject), *more)

    def blob_case(name: str, fails: str, blob: bytes) -> None:
        retier(name, fails, sealed_row(3, [(*three[0][:3], blob), *three[1:]]))

    good = three[0][3]
    blob_case("a blob of an unknown version", "version", b"\x02" + good[1:])
    blob_case("a blob that names the other suite", "suite", b"\x01\x01" + good[2:])
    blob_case("a blob of another generation", "gen", good[:2] + struct.pack(">I", 5) + good[6:])
    blob_case("a blob cut by a byte", "cell_length", good[:-1])
    blob_case("a blob too short to hold a value", "cell_length", good[:34])
    flipped = good[:20] + bytes([good[20] ^ 1]) + good[21:]
    blob_case("a flipped bit under a right manifest", "aead", flipped)
    blob_case("a value sealed at another revision", "aead", blob_of(3, 5, 0, 0, pad(b"\x01x"), rev=2))
    blob_case("a value sealed as another item", "aead", blob_of(3, 5, 1, 0, pad(b"\x01x")))
    blob_case("a value sealed as another field", "aead", blob_of(3, 6, 0, 0, pad(b"\x041990-02-28")))
    blob_case("a proposal sealed for the value's place", "aead", blob_of(3, 5, 0, 1, pad(b"\x01x")))
    for name, padded in {
        "padding without its marker": b"\x01abc" + bytes(28),
        "padding that goes on for a block": b"\x01abc\x80" + bytes(59),
        "padding of zeros alone": bytes(32),
    }.items():
        blob_case(name, "padding", blob_of(3, 5, 0, 0, padded))
    for name, plain in {
        "a value without its type": b"",
        "a value of an unknown type": b"\x0bx",
        "a text that is no UTF-8": b"\x01\xff",
        "a text with a NUL": b"\x01a\0b",
        "a date in a text field": b"\x041990-02-28",
    }.items():
        blob_case(name, "form", blob_of(3, 5, 0, 0, pad(plain)))

    retier("two blobs of one tier exchanged", "cell_tag", sealed_row(3, three, stored=swapped(three, 0, 1)))
    retier("a cell dropped from the row", "cell_missing", sealed_row(3, three, stored=three[:-1]))
    retier("a cell too many", "cell_extra", sealed_row(3, three[:-1], stored=three))
    retier("cells out of the manifest's order", "cell_key", sealed_row(3, three, stored=three[::-1]))
    retier("a manifest out of order", "manifest_order", sealed_row(3, three[::-1]))
    retier("a manifest that lists a value twice", "manifest_order", sealed_row(3, [three[0], *three]))
    odd = [(*three[0][:2], 3, good), *three[1:]]
    retier("a cell of an unknown state", "manifest_order", sealed_row(3, odd))

    row = sealed_row(3, three)
    case("a manifest cut by a byte", "manifest_length", ("rows.3.body", row["body"][:-1]))
    case(
        "a manifest that counts one more", "manifest_length", ("rows.3.body", b"\0\0\0\x07" + row["body"][4:])
    )
    dropped = sealed_row(3, three[:-1])
    case(
        "a value dropped with its manifest entry",
        "manifest_mac",
        ("rows.3.body", dropped["body"]),
        ("rows.3.cells", dropped["cells"]),
    )
    case("a manifest of another revision of the tier", "manifest_mac", ("rows.3.tier_rev", 2))
    case(
        "an older manifest with its own right MAC", "manifest_revision", ("rows.3", sealed_row(3, three[:-1]))
    )
    case("a tier's row taken out", "manifest_missing", ("rows.3", None))
    case("a tier's DEK taken out", "dek_missing", ("deks.3", None))
    case("a row of another tier put here", "address", ("rows.3.tier", 4))
    case("a row of another block put here", "address", ("rows.3.block", 1))
    case("a generation that the row does not have", "gen", ("deks.3.gen", 5))
    case("a suite downgraded in the DEK row", "suite", ("deks.3.field_suite", 1))
    case("a DEK in no usable state", "dek_state", ("deks.3.state", "retired"))
    case("a DEK of another subject", "aead", ("deks.3.wrapped", dek_row(3, subject=OTHER)["wrapped"]))
    case("a DEK of another tier", "aead", ("deks.3.wrapped", dek_row(4)["wrapped"]))
    case("another commitment than the wrapped one", "aead", ("deks.3.commitment", fixed("another")))
    wrong = dek_row(3, commit=fixed("another"))
    case(
        "a DEK that does not open its commitment",
        "commitment",
        ("deks.3.wrapped", wrong["wrapped"]),
        ("deks.3.commitment", wrong["commitment"]),
    )
    wrapped = dek_row(3)["wrapped"]
    case("a wrapped DEK of an unknown version", "wrap_header", ("deks.3.wrapped", b"\x02" + wrapped[1:]))
    case("a wrapped DEK under an unknown suite", "kek_epoch", ("deks.3.wrapped", b"\x01\x03" + wrapped[2:]))
    case("a wrapped DEK that names the other suite", "aead", ("deks.3.wrapped", b"\x01\x02" + wrapped[2:]))
    case("a wrapped DEK cut by a byte", "wrap_header", ("deks.3.wrapped", wrapped[:-1]))
    case("an epoch that the wrapped DEK does not name", "kek_epoch", ("deks.3.kek_epoch", EPOCH + 1))

    subject = whole()["subject"]
    case("a gate lifted", "seal", ("subject.gates", 4))
    case("a consent head exchanged", "seal", ("subject.consent_head", fixed("another")))
    case("a head cut by a byte", "seal_form", ("subject.facts_head", fixed("facts head")[:-1]))
    case("a revision set back without its seal", "seal", ("subject.revision", 2))
    case("a list of tiers cut by a byte", "tiers_length", ("subject.tiers", subject["tiers"][:-1]))
    case("a tier left out of the list", "manifest_unlisted", ("subject.tiers", subject["tiers"][:90]))
    turned = subject["tiers"][45:90] + subject["tiers"][:45] + subject["tiers"][90:]
    case("the list of tiers out of order", "tiers_order", ("subject.tiers", turned))
    old = subject_row(subject["tiers"], revision=1)
    case("an older revision under its own right seal", "revision", ("subject", old))
    case("a tombstone in place of the ident", "tombstone", ("ident.state", "erased"))
    case("a floor that has passed the revision", "revision", ("ident.rev_floor", 4), ("ident.rev_pending", 5))
    return cases
