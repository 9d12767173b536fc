"""Feeds: reads ``feeds.toml``, what is given of every customer, to which role and for which purpose."""

import re
from collections.abc import Mapping
from typing import Final

from vault.domain.catalogue import Catalogue
from vault.domain.policy import Feed, Role
from vault.domain.terms import FeedId, FieldName, PurposeId, RoleId
from vault.rulebook.mistakes import Code
from vault.rulebook.reading import Section

KEYS: Final[Mapping[str, frozenset[str]]] = {
    "feeds.toml": frozenset({"feed"}),
    "feed": frozenset({"id", "title", "purpose", "role", "fields", "page"}),
}

# One entry of the ledger tells a page, and a receipt opens it within seconds.
LONGEST_PAGE: Final = 1000
_PAGE: Final = 500
_FEED: Final = re.compile(r"F[0-9]{2}")


def read_feeds(
    file: Section, catalogue: Catalogue, purposes: Mapping[PurposeId, object], roles: Mapping[RoleId, Role]
) -> dict[FeedId, Feed]:
    """Build the feeds; where there is none, nobody may take one."""
    file.only(KEYS["feeds.toml"])
    feeds: dict[FeedId, Feed] = {}
    for section in file.sections("feed"):
        feed = _feed(section, catalogue, purposes, roles)
        if feed.id in feeds:
            section.wrong(Code.NAMED_TWICE, f"The feed {feed.id} is already there; merge the two.", "id")
        feeds[feed.id] = feed
    return feeds


def _feed(
    section: Section, catalogue: Catalogue, purposes: Mapping[PurposeId, object], roles: Mapping[RoleId, Role]
) -> Feed:
    section.only(KEYS["feed"])
    name = section.text("id")
    if name and not _FEED.fullmatch(name):
        section.wrong(Code.WRONG_TYPE, "A feed's id is F and two digits, like F02.", "id")
    feed = Feed(
        id=FeedId(name),
        title=section.text("title"),
        purpose=PurposeId(section.word("purpose", purposes, code=Code.UNKNOWN_PURPOSE)),
        role=RoleId(section.word("role", roles, code=Code.UNKNOWN_ROLE)),
        fields=tuple(map(FieldName, section.words("fields", catalogue.by_name, Code.UNKNOWN_FIELD))),
        page=section.whole("page", 1, LONGEST_PAGE, default=_PAGE),
    )
    if not section.values.get("fields"):
        section.wrong(Code.MISSING_KEY, "The feed shows nothing; list its `fields`.", "fields")
    if feed.role in roles and feed.purpose in purposes:
        _check_role(section, feed, roles[feed.role])
    return feed


def _check_role(section: Section, feed: Feed, role: Role) -> None:
    """Note what the feed promises and its role could never be given."""
    if feed.purpose not in role.purposes:
        remedy = f"The role `{role.id}` does not serve {feed.purpose}; name another role or purpose."
        section.wrong(Code.FEED_MISFIT, remedy, "role")
    for name in feed.fields:
        if name not in role.read:
            remedy = f"The role `{role.id}` is not shown `{name}`; list it under its read, or remove it here."
            section.wrong(Code.FEED_MISFIT, remedy, "fields", section.values["fields"].index(name))
