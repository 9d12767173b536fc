"""Access page: the list of accesses as a customer reads it: a file of its own, without script or network."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from flask import Response, render_template

from vault.domain.accesses import Access
from vault.domain.policy import Policy
from vault.domain.terms import PurposeId, RoleId
from vault.services.accesses import Report
from vault.web import access_words as words

PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"


@dataclass(frozen=True, slots=True)
class Row:
    """Accesses of one day that are alike."""

    on: str
    what: str
    purpose: str
    role: str
    fields: str
    times: int


def page(report: Report, policy: Policy, language: str) -> Response:
    """Write the page in one of the languages."""
    text = words.TEXTS[language]
    alike = Counter(_told(one, policy, language) for one in report.accesses)
    written = render_template(
        "accesses.html",
        language="zh-CN" if language == "zh" else language,
        text=text,
        report=report,
        rows=[Row(*told, times) for told, times in alike.items()],
        processed=sum(one.times for one in report.processed),
        whole=text["whole"].format(covers=report.covers),
        pruned=report.pruned_to and text["pruned"].format(month=report.pruned_to),
    )
    return Response(
        written, content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": PAGE_POLICY}
    )


def _told(one: Access, policy: Policy, language: str) -> tuple[str, str, str, str, str]:
    is_chinese = language == "zh"
    comma = "、" if is_chinese else ", "
    treatments = words.TREATMENTS[language]
    return (
        one.on,
        words.KINDS[language].get(one.kind)
        or words.ACTIONS[language].get(one.action, one.action or one.kind),
        _purpose(one.purpose, policy, words.PURPOSES if is_chinese else {}),
        comma.join(_role(role, policy, words.ROLES if is_chinese else {}) for role in one.roles),
        comma.join(
            _field(name, words.FIELDS if is_chinese else {})
            + ("" if how is None else f" ({treatments.get(how, how)})")
            for name, how in one.fields.items()
        ),
    )


def _purpose(code: str | None, policy: Policy, known: Mapping[str, str]) -> str:
    if code is None or code in known:
        return known.get(code or "", "")
    found = policy.purposes.get(PurposeId(code))
    return code if found is None else found.title


def _role(code: str, policy: Policy, known: Mapping[str, str]) -> str:
    if code in known:
        return known[code]
    found = policy.roles.get(RoleId(code))
    return code if found is None else found.title


def _field(name: str, known: Mapping[str, str]) -> str:
    return known.get(name, name.replace("_", " "))
