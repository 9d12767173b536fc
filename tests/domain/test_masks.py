"""Masks show by shape, hide what has none, and show a stranger no more than a clerk."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vault.domain.catalogue import FieldType
from vault.domain.masks import HIDDEN, LAST4_TYPES, last4, mask

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "masks.txt"

# The most letters of a value that its mask may show: on a screen, on a waybill.
MOST_SHOWN = {
    FieldType.MOBILE: (7, 6),
    FieldType.LANDLINE: (7, 6),
    FieldType.ID_NUMBER: (2, 0),
    FieldType.BANK_CARD: (4, 0),
    FieldType.USCC: (8, 0),
    FieldType.PLATE: (3, 2),
    FieldType.DATE: (4, 0),
    FieldType.TEXT: (0, 0),
    FieldType.CODE: (0, 0),
    FieldType.COMPANY: (0, 0),
}
GREETINGS = ("先生", "女士", "小姐", "太太", "老师", "老師", "师傅", "師傅")
PIECES = "0123456789 +86 +852 +8869 138 0571 王欧阳司马 先生 · -. abcXYZ @ .com 浙A 号楼室路区市省 *".split()


def vectors() -> list[tuple[FieldType, str, str, str]]:
    lines = [line for line in VECTORS.read_text().splitlines() if line and not line.startswith("#")]
    rows = [tuple(line.split(" | ")) for line in lines]
    return [(FieldType(kind), value, screen, waybill) for kind, value, screen, waybill in rows]


# Text that is nearly of some shape finds more than text that is nothing at all.
near_misses = st.lists(
    st.sampled_from(PIECES) | st.sampled_from(PIECES).flatmap(lambda letters: st.text(letters, max_size=9)),
    max_size=5,
).map("".join)
texts = near_misses | st.text(max_size=40) | st.sampled_from([value for _, value, _, _ in vectors()])


@pytest.mark.parametrize(("kind", "value", "screen", "waybill"), vectors())
def test_a_mask_shows_what_the_reviewed_table_says(
    kind: FieldType, value: str, screen: str, waybill: str
) -> None:
    assert mask(kind, value, column="screen") == screen
    assert mask(kind, value, column="waybill") == waybill


@given(st.sampled_from(FieldType), texts)
def test_any_text_at_all_has_a_mask_that_is_not_the_text(kind: FieldType, text: str) -> None:
    greets = kind is FieldType.NAME and text.strip()[-2:] in GREETINGS

    assert mask(kind, text, column="screen") != text or greets or "*" in text
    assert mask(kind, text, column="waybill") != text or "*" in text


@given(st.sampled_from(FieldType), st.text(max_size=5000))
def test_a_mask_of_long_text_is_soon_made(kind: FieldType, text: str) -> None:
    assert mask(kind, text * 3, column="screen")


@given(st.sampled_from(FieldType), texts)
def test_a_column_nobody_knows_is_the_strict_one(kind: FieldType, text: str) -> None:
    assert mask(kind, text, column="Screen") == mask(kind, text, column="waybill")


@given(st.sampled_from(sorted(MOST_SHOWN)), texts)
def test_a_mask_shows_no_more_letters_than_its_rule_allows(kind: FieldType, text: str) -> None:
    on_screen, on_waybill = MOST_SHOWN[kind]

    assert shown(mask(kind, text, column="screen"), punctuation="-") <= on_screen + national_prefix(kind)
    assert shown(mask(kind, text, column="waybill"), punctuation="-") <= on_waybill + national_prefix(kind)


def national_prefix(kind: FieldType) -> int:
    """The 0 before an area code is written by the mask, and is no digit of the value."""
    return 1 if kind is FieldType.LANDLINE or kind is FieldType.MOBILE else 0


def shown(masked: str, *, punctuation: str = "") -> int:
    return sum(letter != "*" and letter not in punctuation for letter in masked)


@given(st.sampled_from(FieldType), texts)
@example(FieldType.NAME, "Ms Smith")
def test_a_waybill_shows_no_letter_that_the_screen_hides(kind: FieldType, text: str) -> None:
    screen, waybill = mask(kind, text, column="screen"), mask(kind, text, column="waybill")

    # The points of initials are written by the mask.
    assert not (Counter(waybill) - Counter(screen)).keys() - set("*. ")


@given(texts)
def test_a_chinese_mobile_hides_six_digits_on_a_waybill(text: str) -> None:
    masked = mask(
        FieldType.MOBILE, "+86138" + "".join(filter(str.isdigit, text + "12345678"))[:8], column="waybill"
    )

    assert masked.count("*") >= 6


@given(texts)
def test_a_name_is_never_shown_whole_on_a_waybill(text: str) -> None:
    masked = mask(FieldType.NAME, text, column="waybill")

    assert masked != text or set(text) == {"*"}


@given(texts)
def test_an_email_shows_at_most_one_letter_of_the_mailbox(text: str) -> None:
    mailbox, _, domain = mask(FieldType.EMAIL, text, column="screen").partition("@")

    assert shown(mailbox) <= 1
    assert not domain or text.endswith(f"@{domain}")


@given(texts)
def test_an_address_is_shown_from_its_beginning_and_never_past_a_digit(text: str) -> None:
    masked = mask(FieldType.ADDRESS, text, column="screen")

    kept = masked.removesuffix(HIDDEN)
    assert text.startswith(kept)
    assert not any(letter.isdecimal() for letter in kept)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (FieldType.ID_NUMBER, "33010619740215421X", "****421X"),
        (FieldType.BANK_CARD, "6225751234561496", "****1496"),
        (FieldType.MOBILE, "+8613812345678", "****5678"),
        (FieldType.MOBILE, "+85290123485", "****3485"),
        (FieldType.MOBILE, "+886901234856", "****4856"),
        (FieldType.MOBILE, "+14155552671", "****2671"),
        (FieldType.MOBILE, "+29041234", HIDDEN),
        (FieldType.LANDLINE, "+8657188558709", "****8709"),
        (FieldType.PASSPORT, "E12345678", "****5678"),
        (FieldType.PASSPORT, "E123456", HIDDEN),
        (FieldType.USCC, "913301067890123411", "****3411"),
        (FieldType.BANK_CARD, "6225 7512 3456 1496", HIDDEN),
        (FieldType.BANK_CARD, "", HIDDEN),
        (FieldType.NAME, "ABCDEFGHIJ", HIDDEN),
    ],
)
def test_the_last_four_are_shown_of_what_is_twice_as_long(kind: FieldType, value: str, expected: str) -> None:
    assert last4(kind, value) == expected


@given(st.sampled_from(FieldType), texts)
def test_the_last_four_are_never_more_than_half(kind: FieldType, text: str) -> None:
    ending = last4(kind, text)

    assert ending == HIDDEN or (kind in LAST4_TYPES and len(text) >= 8 and shown(ending) == 4)
