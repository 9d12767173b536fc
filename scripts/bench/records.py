"""Records: the invented customers that every contestant is given alike, by number and never by chance."""

from typing import Final

from vault.cli.town.numbers import MOST_CUSTOMERS, landline, mobile

# What a service desk may see of a customer: twelve fields of three tiers.
TIERS: Final = {
    1: ("company_name", "trade"),
    2: ("salutation", "language", "district", "lifecycle", "urgency"),
    3: ("name", "mobile", "email", "landline", "address"),
}
FIELDS: Final = tuple(name for names in TIERS.values() for name in names)
# By these a customer is found again; the first belongs to one customer alone.
INDEXED: Final = ("customer_no", "mobile", "email", "landline")
# What a dispatcher takes along in a feed (F02); nobody here has said how to deliver.
WAYBILL: Final = ("name", "mobile", "landline", "address")

_SURNAMES: Final = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗"
_GIVEN: Final = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平"
_STREETS: Final = ("青云路", "望湖街", "柳岸路", "新桥街", "东岭路")
_TRADES: Final = ("manufacturing", "wholesale", "retail", "e_commerce", "transport", "services")


def fields_of(number: int) -> dict[str, str]:
    """Make the customer with this *number*, who has never been anybody."""
    if not 0 <= number < MOST_CUSTOMERS:
        raise ValueError("no customer has this number")
    name = _SURNAMES[number % 20] + _GIVEN[number // 20 % 20] + _GIVEN[number // 400 % 20]
    return {
        "customer_no": f"B{number:08d}",
        "company_name": f"{name}货运第{number}商行",
        "trade": _TRADES[number % 6],
        "salutation": ("mr", "ms", "dr")[number % 3],
        "language": ("zh-CN", "en")[number % 2],
        "district": f"第{number % 97}区",
        "lifecycle": ("past", "present", "future")[number % 3],
        "urgency": ("high", "middle", "low")[number % 3],
        "name": name,
        "mobile": mobile(number),
        "email": f"customer{number}@example.com",
        "landline": landline(number, "571"),
        "address": f"浙江省杭州市{_STREETS[number % 5]}{number % 900 + 1}号{number % 30 + 1}幢601室",
    }
