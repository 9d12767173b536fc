"""Standing: everything that decides, as one version of the authority has it, once all of it was verified."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from vault.domain.terms import ActorId, AppId, ApprovalId, GrantId, PersonId
from vault.errors import Corrupt
from vault.storage.accounts import AppRow, AuthorityRow, DecidingRow, GrantRow, SecretRow
from vault.storage.floors import Floors
from vault.storage.people import (
    AppKeyRow,
    ApprovalRow,
    AppTermsRow,
    CertificationRow,
    EmergencyRow,
    LinkRow,
    LoginKeyRow,
    PersonRow,
)
from vault.storage.policies import PolicyRow

_Row = TypeVar("_Row", bound=DecidingRow)
_Key = TypeVar("_Key", bound=Hashable)

_KEYS: Mapping[type[DecidingRow], tuple[str, ...]] = {
    AppRow: ("app",),
    SecretRow: ("app", "secret"),
    GrantRow: ("role_grant",),
    PolicyRow: ("number",),
    PersonRow: ("person",),
    LoginKeyRow: ("person", "login_key"),
    LinkRow: ("link",),
    ApprovalRow: ("approval",),
    AppTermsRow: ("app",),
    AppKeyRow: ("app", "app_key"),
    EmergencyRow: ("role_grant",),
    CertificationRow: ("campaign", "role_grant"),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """All deciding rows of one version, every one of them verified."""

    row: AuthorityRow
    policy: PolicyRow
    policies: tuple[PolicyRow, ...] = field(repr=False)
    apps: Mapping[AppId, AppRow] = field(repr=False)
    secrets: Mapping[AppId, tuple[SecretRow, ...]] = field(repr=False)
    grants: Mapping[ActorId, tuple[GrantRow, ...]] = field(repr=False)
    people: Mapping[PersonId, PersonRow] = field(repr=False)
    login_keys: Mapping[PersonId, tuple[LoginKeyRow, ...]] = field(repr=False)
    links: Mapping[bytes, LinkRow] = field(repr=False)
    approvals: Mapping[ApprovalId, ApprovalRow] = field(repr=False)
    terms: Mapping[AppId, AppTermsRow] = field(repr=False)
    app_keys: Mapping[AppId, tuple[AppKeyRow, ...]] = field(repr=False)
    emergencies: Mapping[GrantId, EmergencyRow] = field(repr=False)
    certifications: Mapping[GrantId, tuple[CertificationRow, ...]] = field(repr=False)
    rows: tuple[DecidingRow, ...] = field(repr=False)

    @classmethod
    def of(cls, manifest: AuthorityRow, policy: PolicyRow, rows: Iterable[DecidingRow]) -> "Standing":
        """Lay out verified *rows*, of which *policy* is the active version."""
        listed = tuple(rows)
        return cls(
            manifest,
            policy,
            _of(listed, PolicyRow),
            {row.app: row for row in _of(listed, AppRow)},
            _grouped(_of(listed, SecretRow), lambda row: row.app),
            _grouped(_of(listed, GrantRow), lambda row: row.holder),
            {row.person: row for row in _of(listed, PersonRow)},
            _grouped(_of(listed, LoginKeyRow), lambda row: row.person),
            {row.link: row for row in _of(listed, LinkRow)},
            {row.approval: row for row in _of(listed, ApprovalRow)},
            {row.app: row for row in _of(listed, AppTermsRow)},
            _grouped(_of(listed, AppKeyRow), lambda row: row.app),
            {row.role_grant: row for row in _of(listed, EmergencyRow)},
            _grouped(_of(listed, CertificationRow), lambda row: row.role_grant),
            listed,
        )

    @property
    def version(self) -> int:
        """The version of the manifest; it stands in every entry."""
        return self.row.version

    @property
    def policy_number(self) -> int:
        """The number of the active policy."""
        return self.policy.number

    @property
    def policy_digest(self) -> bytes:
        """The digest of the active policy's files."""
        return self.policy.digest

    def own(self, app: AppId) -> frozenset[DecidingRow]:
        """Collect the rows that decide about one app, the active policy's among them."""
        found = self.apps.get(app)
        known = (found,) if found is not None else ()
        return frozenset(
            (self.policy, *known, *self.secrets.get(app, ()), *self.grants.get(ActorId(app), ()))
        )

    def agrees(self, manifest: AuthorityRow | None, own: frozenset[DecidingRow], app: AppId) -> bool:
        """Tell whether *manifest* and the rows of *app* are those of this standing."""
        return manifest == self.row and own == self.own(app)

    def all(self) -> tuple[DecidingRow, ...]:
        """List every deciding row of this version."""
        return self.rows


def check_floor(standing: Standing, before: Floors | None, after: Floors | None = None) -> None:
    """Refuse a version below its floor in the keys store, or one that no writer announced there.

    *before* are the floors as they were read before *standing*, *after* those after it, which a reader asks
    for where writers were at work in between. A writer announces first and raises the floor last, so an
    honest version lies between the oldest that served before and the newest announced after.
    """
    if before is None or standing.version < before.authority_floor:
        raise Corrupt("authority_rollback")
    newest = after or before
    if standing.version > max(newest.authority_floor, newest.authority_pending):
        raise Corrupt("authority_version")


def key_of(row: DecidingRow) -> Hashable:
    """Tell a row from every other: one with the same key takes its place."""
    return type(row), *(getattr(row, name) for name in _KEYS[type(row)])


def _of(rows: Iterable[DecidingRow], row_type: type[_Row]) -> tuple[_Row, ...]:
    return tuple(row for row in rows if isinstance(row, row_type))


def _grouped(rows: Iterable[_Row], key: Callable[[_Row], _Key]) -> dict[_Key, tuple[_Row, ...]]:
    groups: defaultdict[_Key, list[_Row]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return {one: tuple(listed) for one, listed in groups.items()}
