"""Sensing: what rules are given beside the entries: whom an officer watches, and who is near to whom."""

from collections.abc import Collection, Iterable, Mapping
from ipaddress import ip_address, ip_network

from vault.custody.identity import Identity, open_ident
from vault.domain.entry import Entry
from vault.domain.grants import token_text
from vault.domain.instants import moment, month
from vault.domain.policy import Policy
from vault.domain.seeing import Eyes, who_acts
from vault.domain.signals import Term
from vault.domain.terms import SubjectId
from vault.errors import Conflict, Corrupt
from vault.services.parts import Parts
from vault.storage import keys, marks, tokens

# How much of an address is one network: whoever moves within it has not moved.
_PREFIX = {4: 24, 6: 48}
_MOST_FOUND = 200


def eyes(parts: Parts, policy: Policy) -> Eyes:
    """Look at entries as this policy does, with whom is watched and related as of now."""
    return Eyes(
        hours=policy.signals.hours,
        groups={field.name: field.group for field in policy.catalogue.by_name.values()},
        watched=_Watched(parts),
        related=_Related(parts),
        network=_Network(parts, policy),
    )


class _Tokens:
    """The audit tokens of some customers, by the month; made when a month is first met."""

    def __init__(self, identities: Iterable[Identity]) -> None:
        """Make them for whoever is known by these."""
        self._identities = list(identities)
        self._months: dict[int, frozenset[bytes]] = {}

    def at(self, at_ms: int) -> frozenset[bytes]:
        """Give the tokens of the month of that moment."""
        if not self._identities:
            return frozenset()
        period = month(moment(at_ms))
        known = self._months.get(period)
        if known is None:
            known = self._months[period] = frozenset(one.audit_token(period) for one in self._identities)
        return known


def _identities(parts: Parts, subjects: Collection[SubjectId]) -> dict[SubjectId, Identity]:
    """Open the idents of *subjects*; who was erased meanwhile has none."""
    with parts.stores.keys.read() as conn:
        idents = keys.idents(conn, parts.tenant, subjects) if subjects else {}
    found: dict[SubjectId, Identity] = {}
    for subject, row in idents.items():
        try:
            found[subject] = open_ident(parts.keyring, row)
        except Corrupt:
            continue
    return found


class _Watched:
    """Who is watched."""

    def __init__(self, parts: Parts) -> None:
        with parts.stores.data.read() as conn:
            listed = marks.watched(conn, parts.tenant)
        self._tokens = _Tokens(_identities(parts, listed).values())

    def __call__(self, at_ms: int) -> frozenset[bytes]:
        return self._tokens.at(at_ms)


class _Related:
    """Which customers have a value in common with a member of the staff, or are that person."""

    def __init__(self, parts: Parts) -> None:
        found = _near(parts)
        opened = _identities(parts, frozenset[SubjectId]().union(*found.values()))
        self._tokens = {
            who: _Tokens(opened[one] for one in subjects if one in opened) for who, subjects in found.items()
        }

    def __call__(self, who: str, at_ms: int) -> frozenset[bytes]:
        near = self._tokens.get(who)
        return near.at(at_ms) if near is not None else frozenset()


def _near(parts: Parts) -> Mapping[str, frozenset[SubjectId]]:
    """Find whom each of the staff is near to; a question for each value, so no oftener than once a minute.

    What an officer states anew is looked for at once; a customer who is admitted, within the minute.
    """
    with parts.stores.data.read() as conn:
        rows = marks.relations(conn, parts.tenant)
        basis = (rows, int(parts.clock().timestamp()) // 60)
        known = parts.spotting.near
        if known is not None and known[0] == basis:
            return known[1]
        found: dict[str, frozenset[SubjectId]] = {}
        for row in rows:
            held = tokens.find_tokens(
                conn, parts.tenant, row.index_id, [row.epoch], row.token, limit=_MOST_FOUND
            )
            who = token_text(row.person)
            found[who] = found.get(who, frozenset()) | {one.subject for one in held}
    parts.spotting.near = basis, found
    return found


class _Network:
    """From which network an entry came, as a keyed hash; None where nobody asks, or it is not known."""

    def __init__(self, parts: Parts, policy: Policy) -> None:
        self._parts = parts
        asking = [rule for rule in policy.signals.rules if rule.term is Term.NETWORK]
        self._kinds = frozenset().union(*(rule.where.kinds for rule in asking)) if asking else frozenset()
        # Where one of the rules is about everybody, no type is named.
        types = [rule.where.actors for rule in asking]
        self._types = frozenset().union(*types) if all(types) else frozenset()

    def __call__(self, entry: Entry) -> str | None:
        if entry.kind not in self._kinds or entry.detail is None or entry.key_epoch is None:
            return None
        if self._types and who_acts(entry)[1] not in self._types:
            return None
        try:
            source = self._parts.detail.open(entry.detail, entry.key_epoch).get("source")
        except (Corrupt, Conflict):
            return None
        if source is None:
            return None
        try:
            address = ip_address(source)
        except ValueError:
            return None
        network = ip_network((address, _PREFIX[address.version]), strict=False)
        return self._parts.fingerprints.of(b"network", str(network).encode()).hex()
