"""Sensing: what rules are given beside the entries: whom an officer watches, and who is near to whom."""

from collections.abc import Collection
from ipaddress import ip_address, ip_network

from vault.custody.identity import open_ident
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

    def __init__(self, parts: Parts, subjects: Collection[SubjectId]) -> None:
        """Open the idents of *subjects*; who was erased meanwhile has none."""
        self._identities = []
        with parts.stores.keys.read() as conn:
            idents = keys.idents(conn, parts.tenant, subjects) if subjects else {}
        for row in idents.values():
            try:
                self._identities.append(open_ident(parts.keyring, row))
            except Corrupt:
                continue
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


class _Watched:
    """Who is looked after."""

    def __init__(self, parts: Parts) -> None:
        with parts.stores.data.read() as conn:
            listed = marks.watched(conn, parts.tenant)
        self._tokens = _Tokens(parts, listed)

    def __call__(self, at_ms: int) -> frozenset[bytes]:
        return self._tokens.at(at_ms)


class _Related:
    """Which customers have a value in common with a member of the staff, or are that person."""

    def __init__(self, parts: Parts) -> None:
        found: dict[str, set[SubjectId]] = {}
        with parts.stores.data.read() as conn:
            for row in marks.relations(conn, parts.tenant):
                held = tokens.find_tokens(
                    conn, parts.tenant, row.index_id, [row.epoch], row.token, limit=_MOST_FOUND
                )
                found.setdefault(token_text(row.person), set()).update(one.subject for one in held)
        self._tokens = {who: _Tokens(parts, subjects) for who, subjects in found.items() if subjects}

    def __call__(self, who: str, at_ms: int) -> frozenset[bytes]:
        near = self._tokens.get(who)
        return near.at(at_ms) if near is not None else frozenset()


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
