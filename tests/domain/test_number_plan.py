import phonenumbers
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

from vault.domain.number_plan import REGION, plain_number

digits = st.text("0123456789", min_size=7, max_size=10)
leads = st.sampled_from(["", "0", "00", "+86", "86", "+", "1", "13", "011", "112", "12", "1790", "17911"])
areas = st.sampled_from(["10", "21", "1", "13", "17", "400", "800", "571", "755", "898", "95", "106", "197"])
typed = st.builds("{}{}{}".format, leads, areas, digits)


def _by_the_library(text: str) -> tuple[str, int] | None:
    try:
        number = phonenumbers.parse(text, REGION)
    except NumberParseException:
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164), phonenumbers.number_type(number)


@given(typed)
def test_a_plain_number_is_what_the_library_says_it_is(text: str) -> None:
    plain = plain_number(text)

    assert plain is None or plain == _by_the_library(text)


@given(
    st.sampled_from(["", "+86"]), st.sampled_from("3456789"), st.text("0123456789", min_size=9, max_size=9)
)
def test_every_plain_mobile_number_is_known_without_the_library(lead: str, second: str, rest: str) -> None:
    text = f"{lead}1{second}{rest}"

    found = _by_the_library(text)

    if found is not None and found[1] == PhoneNumberType.MOBILE and not f"1{second}{rest}".startswith("179"):
        assert plain_number(text) == found


def test_a_landline_with_its_area_is_known_without_the_library() -> None:
    assert plain_number("057188157000") == ("+8657188157000", PhoneNumberType.FIXED_LINE)


def test_what_is_not_plain_is_left_to_the_library() -> None:
    assert [plain_number(text) for text in ("+1 650 253 0000", "4008123456", "110", "13 8000 00000", "")] == [
        None
    ] * 5
