"""Callers: what whoever rings up about a customer may be told, and how it is refused (S4-09, S4-12)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from vault.domain.terms import SubjectKind


class Topic(StrEnum):
    """What a caller asks about."""

    PAYMENT = "payment"
    GOODS = "goods"
    ACCOUNT = "account"


class Verdict(StrEnum):
    """What may be done: answer, take a message for the customer to be called back, or refuse."""

    YES = "yes"
    RELAY = "relay"
    NO = "no"


@dataclass(frozen=True, slots=True)
class Heard:
    """What is known of a caller: whether it fits the customer, and as which of its contacts."""

    kind: SubjectKind
    is_self: bool
    roles: frozenset[str]


# Which contacts of an organisation may be told what. About its payments, its finance people alone (S4-09).
_TOLD: Final[Mapping[Topic, frozenset[str]]] = {
    Topic.PAYMENT: frozenset({"finance"}),
    Topic.GOODS: frozenset({"consignor", "consignee", "agent", "payer", "contact", "finance"}),
    Topic.ACCOUNT: frozenset({"contact", "finance"}),
}

_TEXTS: Final[Mapping[tuple[Verdict, bool], Mapping[str, str]]] = {
    (Verdict.YES, True): {
        "zh": "身份已核对，可以答复付款事项。",
        "en": "The caller was verified and may be told about payments.",
    },
    (Verdict.YES, False): {
        "zh": "身份已核对，可以答复。",
        "en": "The caller was verified and may be told.",
    },
    (Verdict.NO, True): {
        "zh": "为了保护像贵公司这样的每一位客户，付款事项我们只与登记在册的财务联系人核对。"
        "请由贵公司财务人员联系我们，谢谢您的理解。",
        "en": "To protect all customers like you, we speak about payments only with the finance contacts "
        "whom the company has registered. Please let them call us. Thank you for your understanding.",
    },
    (Verdict.NO, False): {
        "zh": "很抱歉，为保护客户信息，我们不能提供相关内容。",
        "en": "We are sorry: to protect our customers we cannot speak about this.",
    },
    (Verdict.RELAY, False): {
        "zh": "很抱歉，我们只能与客户本人沟通。请问可以请您转告他给我们回电吗？",
        "en": "We are sorry, we may speak only with the customer. "
        "May we ask you to let them know to call us back?",
    },
}


def judge(topic: Topic, heard: Heard) -> Verdict:
    """Say what may be done for a caller; who could not be verified is told nothing of anybody's payments."""
    if heard.is_self and heard.kind is not SubjectKind.ORGANISATION:
        return Verdict.YES
    if heard.roles & _TOLD[topic]:
        return Verdict.YES
    # A message names nothing but that somebody should call back; about money not even that is left (S4-09).
    return Verdict.NO if topic is Topic.PAYMENT or heard.kind is SubjectKind.ORGANISATION else Verdict.RELAY


def words(topic: Topic, verdict: Verdict) -> Mapping[str, str]:
    """Give what the clerk says, in Chinese and English."""
    return _TEXTS[verdict, topic is Topic.PAYMENT and verdict is not Verdict.RELAY]
