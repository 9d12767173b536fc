"""People: the invented customers of the demo town, each made from the seed and an index alone."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from random import Random

from vault.cli.town import business, names, numbers, places
from vault.domain.canonical import Json

# What happened to each of the first customers is fixed, so that there is always one to show.
KNOWN_TO_ALL = range(12)
REFUSED_MARKETING = 12
RESTRICTED = 13
NO_OPEN_CASE = 14
FEWEST = 20

_CONSENTED = ("P08", "P10", "P11")
_MAIL_DOMAINS = ("example.com", "example.org", "example.net")
_SOURCES = ("counter", "phone", "web", "app", "contract", "order", "public_register")
_CONTACT_ROLES = ("payer", "consignor", "consignee", "agent")
_FIRST_KINDS = (
    "mainland organisation latin sole_trader compound other_script hong_kong dotted hostile taiwan "
    "eu_organisation single"
).split()
# So that a thousand customers have every hostile name.
_HOSTILE_EVERY = 40
_KINDS = {
    "mainland": 517,
    "compound": 45,
    "single": 8,
    "dotted": 25,
    "hong_kong": 22,
    "macao": 8,
    "taiwan": 20,
    "latin": 30,
    "other_script": 25,
    "sole_trader": 75,
    "organisation": 185,
    "eu_organisation": 15,
}


@dataclass(frozen=True, slots=True)
class Decision:
    """What a customer said about one purpose: given, refused, or given and later withdrawn."""

    purpose: str
    state: str
    form: str
    channel: str


@dataclass(frozen=True, slots=True)
class Fact:
    """What the registry says of a customer; an assignment names a purpose and the app it goes to."""

    kind: str
    ref: str
    purpose: str | None = None
    to: str | None = None


@dataclass(frozen=True, slots=True)
class Contact:
    """A person of an organisation, in a role."""

    role: str
    fields: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Customer:
    """One invented customer, and all that is open for it."""

    index: int
    kind: str
    fields: Mapping[str, Json]
    source: str
    decisions: tuple[Decision, ...]
    facts: tuple[Fact, ...]
    contacts: tuple[Contact, ...]
    restricted: bool


def make(seed: int, count: int, *, at: datetime) -> Iterator[Customer]:
    """Make the first *count* customers of the town, one after the other, as of the moment *at*.

    The same seed makes the same customers, and a larger town begins with the smaller one.
    Raises ValueError for more than there are numbers for.
    """
    if not 0 <= count <= numbers.MOST_CUSTOMERS:
        raise ValueError(count)
    return (customer(seed, index, at=at) for index in range(count))


def customer(seed: int, index: int, *, at: datetime) -> Customer:
    """Make the one customer of that index."""
    # No secret comes of this: the town needs the same chance every time.
    chance = Random(f"{seed}:{index}")  # noqa: S311
    kind = chance.choices(list(_KINDS), list(_KINDS.values()))[0]
    if index < len(_FIRST_KINDS):
        kind = _FIRST_KINDS[index]
    elif index % _HOSTILE_EVERY == _FIRST_KINDS.index("hostile"):
        kind = "hostile"
    today = at.date()
    is_organisation = kind.endswith("organisation")
    fields: dict[str, Json] = {"customer_no": f"C{index:08d}"}
    fields |= (
        business.organisation(chance, index, today=today, abroad=kind == "eu_organisation")
        if is_organisation
        else _person(chance, index, kind, today=today)
    )
    return Customer(
        index,
        "organisation" if is_organisation else "person",
        fields,
        chance.choice(_SOURCES),
        _decisions(chance, index),
        _facts(
            chance, index, is_organisation=is_organisation, is_european=fields.get("jurisdiction") == "EU"
        ),
        _contacts(chance, index) if is_organisation else (),
        index == RESTRICTED or (index >= FEWEST and chance.random() < 0.005),
    )


def _person(chance: Random, index: int, kind: str, *, today: date) -> dict[str, Json]:
    man = numbers.is_man(index)
    home = places.at_home(chance)
    fields: dict[str, Json] = {
        "name": _name(chance, index, kind, man=man),
        "salutation": ("mr" if man else "ms") if chance.random() < 0.95 else "dr",
        "mobile": numbers.mobile(index),
        "email": _mailbox(chance, index),
        "address": home.address,
        "district": home.district,
        "birthday": numbers.birth_of(index).isoformat(),
        "party_role": chance.sample(("payer", "consignor", "consignee", "agent"), chance.randint(1, 2)),
        "language": "zh-CN",
        **_ELSEWHERE.get(kind, _mainlander)(chance, index, home),
    }
    if kind in _ELSEWHERE:
        del fields["district"]
    if kind == "sole_trader":
        shop = names.shop(chance, home.county, str(fields["name"]))
        fields |= {"company_name": shop.name, "trade": shop.trade}
        fields["uscc"] = numbers.uscc(index, home.province_digits, sole_trader=True)
    if kind == "sole_trader" or index in KNOWN_TO_ALL or chance.random() < 0.25:
        fields["bank_account"] = numbers.bank_card(index)
    if index in KNOWN_TO_ALL or chance.random() < 0.3:
        fields["plate"] = business.plate(chance, home)
    fields |= business.preferences(chance, index, fields)
    fields |= business.dealings(chance, today=today)
    return fields


def _name(chance: Random, index: int, kind: str, *, man: bool) -> str:
    match kind:
        case "compound":
            return names.compound(chance, man=man)
        case "single":
            return names.single(chance, man=man)
        case "dotted":
            return names.dotted(chance)
        case "hostile":
            return names.HOSTILE_NAMES[index // _HOSTILE_EVERY % len(names.HOSTILE_NAMES)]
        case "hong_kong" | "macao" | "taiwan":
            return names.traditional(chance)
        case "latin":
            return names.latin(chance)
        case "other_script":
            return names.other_script(chance)
        case _:
            return names.mainland(chance, man=man)


def _mainlander(_chance: Random, index: int, home: places.Place) -> dict[str, Json]:
    return {"id_number": numbers.id_number(index, numbers.county_of_nowhere(home.province_digits))}


def _hong_konger(chance: Random, index: int, _home: places.Place) -> dict[str, Json]:
    return {
        "id_number": numbers.id_number(index, "810000"),
        "mobile": numbers.hong_kong_mobile(index),
        "address": places.in_hong_kong(chance),
        "jurisdiction": "HK",
        "language": "zh-TW",
    }


def _macanese(chance: Random, index: int, _home: places.Place) -> dict[str, Json]:
    return {
        "id_number": numbers.id_number(index, "820000"),
        "mobile": numbers.macao_mobile(index),
        "address": places.in_macao(chance),
        "jurisdiction": "MO",
        "language": "zh-TW",
    }


def _taiwanese(chance: Random, index: int, _home: places.Place) -> dict[str, Json]:
    return {
        "id_number": numbers.id_number(index, "830000"),
        "mobile": numbers.taiwan_mobile(index),
        "address": places.in_taiwan(chance),
        "jurisdiction": "TW",
        "language": "zh-TW",
    }


def _foreigner(chance: Random, index: int, home: places.Place) -> dict[str, Json]:
    """A foreigner has a passport, and half of them a door and a number here."""
    settled, european = chance.random() < 0.5, chance.random() < 0.6
    return {
        "passport": numbers.passport(index, chance.choice("CKLMNPX")),
        "mobile": numbers.mobile(index) if settled else numbers.film_mobile(index),
        "address": home.address
        if settled
        else (places.in_europe(chance) if european else places.overseas(chance)),
        "jurisdiction": "EU" if european else "other",
        "language": chance.choice(("en", "en", "other", "ru", "ja", "ko")),
    }


_ELSEWHERE: Mapping[str, Callable[[Random, int, places.Place], dict[str, Json]]] = {
    "hong_kong": _hong_konger,
    "macao": _macanese,
    "taiwan": _taiwanese,
    "latin": _foreigner,
    "other_script": _foreigner,
}


def _mailbox(chance: Random, index: int) -> str:
    local = chance.choices(
        (f"customer.{index}", f"c{index}", f"mail+{index}", f"o'{index}_x", f"客户{index}"), (70, 15, 9, 3, 3)
    )[0]
    return f"{local}@{chance.choice(_MAIL_DOMAINS)}"


def _contacts(chance: Random, index: int) -> tuple[Contact, ...]:
    people = []
    for place in range(chance.choices((1, 2, 3), (60, 30, 10))[0]):
        own = numbers.contact_index(index, place)
        man = numbers.is_man(own)
        fields: dict[str, Json] = {
            "name": names.mainland(chance, man=man),
            "salutation": "mr" if man else "ms",
            "mobile": numbers.mobile(own),
            "email": _mailbox(chance, own),
        }
        people.append(Contact(_CONTACT_ROLES[place], fields))
    return tuple(people)


def _decisions(chance: Random, index: int) -> tuple[Decision, ...]:
    made = []
    for purpose in _CONSENTED:
        state = chance.choices(("given", "refused", "withdrawn", "never asked"), (45, 20, 8, 27))[0]
        if purpose == "P11" and index in KNOWN_TO_ALL:
            state = "given"
        if purpose == "P11" and index == REFUSED_MARKETING:
            state = "refused"
        if state != "never asked":
            channel = chance.choice(("web", "app", "counter", "call"))
            made.append(Decision(purpose, state, chance.choice(("explicit", "separate")), channel))
    return tuple(made)


def _facts(chance: Random, index: int, *, is_organisation: bool, is_european: bool) -> tuple[Fact, ...]:
    for_all = index in KNOWN_TO_ALL
    odds = (0.8, 0.6, 0.15) if is_organisation else (0.35, 0.55, 0.1)
    has_contract, has_order, has_case = (for_all or chance.random() < one for one in odds)
    if index in {REFUSED_MARKETING, RESTRICTED, NO_OPEN_CASE}:
        has_contract, has_case = True, False
    facts: list[Fact] = []
    if has_contract:
        facts.append(Fact("contract", f"HT-{index:08d}"))
    if has_order:
        facts.append(Fact("order", f"DD-{index:08d}"))
        if for_all or chance.random() < 0.5:
            facts.append(Fact("assignment", f"DD-{index:08d}", "P01", "dispatch"))
    if has_case:
        facts.append(Fact("case", f"TS-{index:08d}"))
        if for_all or chance.random() < 0.6:
            facts.append(Fact("assignment", f"TS-{index:08d}", "P05", "complaints"))
    if is_european and chance.random() < 0.3:
        facts.append(Fact("objection", f"YY-{index:08d}", "P08"))
    if chance.random() < 0.005:
        facts.append(Fact("duty", f"XZ-{index:08d}"))
    return tuple(facts)
