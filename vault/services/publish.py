"""Publish: a feed gives an app every customer whom its purpose allows, page by page (PRIVACY 5.5)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import chain

from vault.domain.entry import ObjectRef
from vault.domain.policy import Feed, MatrixRow
from vault.domain.terms import ID_BYTES, Action, FeedId, SubjectId, id_text
from vault.errors import Corrupt, Invalid, NotFound, Refused, VaultError
from vault.services import witness
from vault.services.authenticate import renew
from vault.services.enrolling import enrol
from vault.services.locating import locate_given
from vault.services.parts import ON_BEHALF, Call, Parts
from vault.services.permitting import Permit, permit, refuse
from vault.services.releasing import Opened, release
from vault.services.showing import Answer, Showing
from vault.storage import keys
from vault.storage.keys import PairwiseRow

# Whoever takes a page later than this after the one before goes on with its cursor in another call,
# and so does whoever takes pages for as long as that: a stream occupies a thread.
PATIENCE = timedelta(seconds=30)
LONGEST = timedelta(minutes=10)

_START = b""
_ENROLLING = b"enrol"


@dataclass(frozen=True, slots=True)
class Offer:
    """A feed as one app would get it: each field is in exactly one of treatments and withheld."""

    id: FeedId
    title: str
    purpose: str
    fields: Sequence[str]
    treatments: Mapping[str, str]
    withheld: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Unshown:
    """A customer who should be in the feed and cannot be shown; ``id`` is None where the app has none."""

    id: str | None
    fault: VaultError


@dataclass(frozen=True, slots=True)
class Page:
    """Some customers of a feed, and the cursor behind them; None where nobody was looked at yet."""

    customers: Sequence[Answer | Unshown]
    next: str | None
    is_last: bool = False


@dataclass(frozen=True, slots=True)
class Stream:
    """A feed that was permitted; its pages are made one by one, each when it is asked for."""

    offer: Offer
    policy: int
    request: str
    pages: Iterator[Page]


def offers(parts: Parts, call: Call) -> list[Offer]:
    """List the feeds that the app may take, for whichever of its purposes.

    Raises Refused ``purpose``, and ``apps_only`` where the app asks on behalf of a person, who takes none.
    """
    _for_itself(parts, call)
    permit(parts, call, Action.READ)
    at = parts.clock()
    offered: list[Offer] = []
    for feed in sorted(call.policy.feeds.values(), key=lambda feed: feed.id):
        roles = call.actor.roles(feed.purpose, at)
        if feed.role in roles:
            row = parts.rulebook.row(call.policy, roles, feed.purpose, call.context, Action.READ)
            offered += [_offer(parts, call, feed, row)] if row.permitted else []
    return offered


def publish(
    parts: Parts, call: Call, feed_id: str, *, cursor: str | None = None, limit: int | None = None
) -> Stream:
    """Begin a feed, or go on behind *cursor*, with *limit* customers looked at if that is given.

    Customers come in the order of the app's own ids. Who may not be shown now is left out and not told.
    Raises NotFound for an unknown feed, Refused where role or purpose forbid it, Invalid ``cursor``; the
    pages raise what befalls them, and Unauthenticated once the app is revoked.
    """
    call, feed, permitted = _taken(parts, call, feed_id)
    position = _opened(parts, call, feed, cursor)
    enrolments = () if position.is_enrolled else _enrolments(parts, call, feed.id, after=position.after)
    after = position.after if position.is_enrolled else _START
    customers = _customers(parts, call, feed.id, after=after or _START, limit=limit)
    pages = _bounded(parts, chain(enrolments, customers))
    return Stream(_offer(parts, call, feed, permitted.row), call.policy.number, call.request.hex(), pages)


def _bounded(parts: Parts, pages: Iterable[Page]) -> Iterator[Page]:
    """Make each page when it is asked for, and no more of them for whoever takes his time."""
    began = parts.clock()
    for page in pages:
        made = parts.clock()
        yield page
        now = parts.clock()
        if now - made > PATIENCE or now - began > LONGEST:
            return


@dataclass(frozen=True, slots=True)
class _Position:
    """How far a feed was taken: behind which stranger, or, once all were looked at, behind which own id."""

    after: bytes | None
    is_enrolled: bool


def _opened(parts: Parts, call: Call, feed: Feed, cursor: str | None) -> _Position:
    """Read where a feed goes on; raises Invalid ``cursor``."""
    if cursor is None:
        return _Position(None, is_enrolled=False)
    try:
        return _Position(parts.cursors.open(cursor, *_question(call, feed)), is_enrolled=True)
    except Invalid:
        return _Position(parts.cursors.open(cursor, *_question(call, feed, _ENROLLING)), is_enrolled=False)


def _enrolments(parts: Parts, call: Call, feed_id: FeedId, *, after: bytes | None) -> Iterator[Page]:
    """Let the app have ids of its own of whom it may be shown; tells those who could not be judged.

    Each page has a cursor: among a million strangers of whom nobody may be shown, one call comes to no end.
    """
    last = None if after is None else SubjectId(after)
    while True:
        call, feed, permitted = _taken(parts, _again(parts, call), feed_id)
        enrolled = enrol(parts, call, permitted, after=last)
        if enrolled is None:
            return
        last = enrolled.last
        behind = _behind(parts, last, _question(call, feed, _ENROLLING))
        yield Page([Unshown(None, fault) for fault in enrolled.faults], behind)


def _customers(
    parts: Parts, call: Call, feed_id: FeedId, *, after: bytes, limit: int | None
) -> Iterator[Page]:
    """Go through the app's own ids in their order, each page released by itself."""
    left = limit
    is_last = False
    behind: str | None = None
    while not is_last and left != 0:
        call, feed, _ = _taken(parts, _again(parts, call), feed_id)
        wanted = feed.page if left is None else min(feed.page, left)
        with parts.stores.keys.read() as conn:
            rows = keys.pairwise_page(conn, parts.tenant, call.actor.space, after=after, limit=wanted)
        customers = _released(parts, call, feed, [row for row in rows.values() if row is not None])
        broken = [_broken(parts, call, own) for own, row in rows.items() if row is None]
        after = max(rows, default=after)
        # What is no id of ours is no customer: to count it could use a limit up before anybody comes.
        left = None if left is None else left - sum(len(own) == ID_BYTES for own in rows)
        is_last = len(rows) < wanted
        behind = _behind(parts, after, _question(call, feed)) or behind
        yield Page([*customers, *broken], behind, is_last)


def _broken(parts: Parts, call: Call, own: bytes) -> Unshown:
    """Tell of a row of the app's own ids that never came from here, and leads to nobody."""
    fault = Corrupt("row")
    parts.ledger.append(witness.rejected(parts, call, Action.READ, fault))
    return Unshown(_id_of(own), fault)


def _behind(parts: Parts, place: bytes, question: Sequence[bytes]) -> str | None:
    """Seal a place to go on from; an id of another length was never ours, and no place."""
    return parts.cursors.seal(place, *question) if len(place) == ID_BYTES else None


def _id_of(own: bytes) -> str | None:
    return id_text("cus", own) if len(own) == ID_BYTES else None


def _again(parts: Parts, call: Call) -> Call:
    """Let every page be a request of its own: whether the house is open, who asks, and by which policy."""
    parts.lock.check(parts.clock())
    return renew(parts, call)


def _released(parts: Parts, call: Call, feed: Feed, rows: Sequence[PairwiseRow]) -> list[Answer | Unshown]:
    """Release one page; who is refused or gone is left out, who cannot be shown for our fault is told."""
    if not rows:
        return []
    targets = [(row.pairwise, row.subject) for row in rows]
    permitting = partial(_permit_page, feed.id)
    released = release(
        parts, call, Action.READ, feed.fields, targets=targets, find=locate_given, permitting=permitting
    )
    told: list[Answer | Unshown] = []
    showing = Showing(parts)
    for (own, _), one in zip(targets, released, strict=True):
        found = showing.shown(one) if isinstance(one, Opened) else one
        if isinstance(found, Answer):
            if found.treatments:
                told.append(found)
        elif not isinstance(found, Refused | NotFound):
            told.append(Unshown(_id_of(own), found))
    return told


def _permit_page(
    feed_id: FeedId, parts: Parts, call: Call, _action: Action, _fields: Sequence[str]
) -> Permit:
    """Permit a page by the policy of the moment, also where that changes while the entry is being written."""
    return _taken(parts, call, feed_id)[2]


def _taken(parts: Parts, call: Call, feed_id: str) -> tuple[Call, Feed, Permit]:
    """Judge whether the app may take the feed as the policy has it now; a refusal is an entry first."""
    feed = call.policy.feeds.get(FeedId(feed_id))
    if feed is None:
        refuse(parts, call, Action.READ, NotFound())
    call = replace(call, about=ObjectRef("feed", code=feed.id))
    if call.actor.kind == "person":
        refuse(parts, call, Action.READ, Refused("apps_only"))
    _for_itself(parts, call)
    if call.purpose != feed.purpose:
        refuse(parts, call, Action.READ, Refused("purpose"))
    permitted = permit(parts, call, Action.READ, feed.fields)
    if feed.role not in call.actor.roles(call.purpose, parts.clock()):
        refuse(parts, call, Action.READ, Refused("role"))
    return call, feed, permitted


def _for_itself(parts: Parts, call: Call) -> None:
    """Refuse an app that asks on behalf of a person: people meet customers one by one, and a feed is all."""
    if call.actor.behalf is not None:
        refuse(parts, call, Action.READ, Refused("apps_only", field=ON_BEHALF))


def _question(call: Call, feed: Feed, of: bytes = b"feed") -> tuple[bytes, ...]:
    """Name what a cursor belongs to: it goes on for this app and this feed alone."""
    return of, call.actor.id, call.actor.space, feed.id.encode()


def _offer(parts: Parts, call: Call, feed: Feed, row: MatrixRow) -> Offer:
    """Say how the fields are shown to this app, where nothing about a customer makes a difference."""
    treatments: dict[str, str] = {}
    withheld: dict[str, str] = {}
    for name in feed.fields:
        if name not in row.treatments:
            withheld[name] = row.refusals.get(name, "not_granted")
        elif not call.policy.catalogue.field(name).tiers <= parts.keyring.served:
            withheld[name] = "tier_not_served"
        else:
            treatments[name] = row.treatments[name].value
    return Offer(feed.id, feed.title, feed.purpose, feed.fields, treatments, withheld)
