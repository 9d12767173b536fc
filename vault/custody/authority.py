"""Authority: who may do what, believed only while every deciding row carries our MAC (DESIGN §6).

The stores are not trusted (promise 3). Each deciding row is authenticated by itself, and one manifest over
all of them, whose version is floored in the keys store, tells when a row was inserted, removed or put back.
Everything is verified once per version; a request then compares the manifest and its actor's own rows with
the verified ones, in one round trip.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from typing import TypeVar

from vault.crypto.mac import mac, same
from vault.custody.keyring import KeyPurpose, Keyring
from vault.custody.standing import Standing, key_of
from vault.domain.canonical import Json, canonical
from vault.domain.terms import AppId
from vault.errors import Corrupt
from vault.storage import accounts, policies
from vault.storage.accounts import AppRow, AuthorityRow, DecidingRow, GrantRow, SecretRow
from vault.storage.glances import Glance
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
from vault.storage.together import Record, Together
from vault.storage.unit_of_work import Connection

_Row = TypeVar("_Row", bound=DecidingRow | AuthorityRow)


@dataclass(frozen=True, slots=True)
class Amendment:
    """The next version, signed: the manifest that takes the old one's place, and what changes under it."""

    was_version: int
    manifest: AuthorityRow
    rows: tuple[DecidingRow, ...]


class Authority:
    """The deciding rows of one house as this process believes them; keeps the last verified standing."""

    def __init__(self, keyring: Keyring) -> None:
        """Authenticate the rows of the keyring's house under its authority root."""
        self._keyring = keyring
        self._tenant = keyring.tenant
        # One reference, replaced whole: a thread sees the old standing or the new one.
        self._verified: Standing | None = None
        # What the questions for an app's rows are answered under a standing, by app and question.
        self._expected: tuple[Standing | None, dict[tuple[AppId, int], frozenset[Record]]] = (None, {})

    def standing(self, conn: Connection) -> Standing:
        """Give what stands now: the kept one while the manifest is the same, else all is verified."""
        known = self._verified
        if known is not None and accounts.authority_row(conn, self._tenant) == known.row:
            return known
        return self._verify(conn)

    def standing_of(self, conn: Connection, app_id: AppId) -> Standing:
        """Give what stands now, having looked at the rows of *app_id* itself, in one round trip."""
        known = self._verified
        if known is not None and self.recheck(conn, known, app_id):
            return known
        return self.standing(conn)

    def unchanged(self, conn: Glance, app_id: AppId) -> Standing | None:
        """Give the kept standing where one statement finds it as it was, with the rows of *app_id*."""
        known = self._verified
        if known is None:
            return None
        records = accounts.own_records(conn, self._tenant, app_id, policy_number=known.policy_number)
        return known if self.is_as(known, app_id, accounts.OWN, records) else None

    def is_as(self, standing: Standing, app_id: AppId, question: Together, found: frozenset[Record]) -> bool:
        """Tell whether *found*, what *question* gives of an app, is what *standing* knows, to the byte.

        So it is at every request but the first behind a change: nothing has to be made of the records then.
        """
        remembered = self._expected
        if remembered[0] is not standing:
            remembered = self._expected = (standing, {})
        expected = remembered[1].get((app_id, id(question)))
        if expected is None:
            expected = accounts.records_of((standing.row, *standing.own(app_id)), question)
            if app_id in standing.apps:
                remembered[1][app_id, id(question)] = expected
        return found == expected

    def recheck(self, conn: Connection, standing: Standing, app_id: AppId) -> bool:
        """Tell whether the manifest and the rows of *app_id* are still those of *standing*.

        False means that the authority was rightly changed. Raises Corrupt where a row is not what we wrote.
        """
        with suppress(Corrupt):
            found = accounts.own_rows(conn, self._tenant, app_id, policy_number=standing.policy_number)
            if standing.agrees(*found, app_id):
                return True
        # The manifest covers every row: the same manifest over other rows fails to verify.
        self._verify(conn)
        return False

    def policy_files(
        self, conn: Connection, standing: Standing, version: PolicyRow | None = None
    ) -> Mapping[str, str]:
        """Read the files of the active policy or of *version*, which is one of *standing*.

        Raises Corrupt where they are not those of its digest.
        """
        version = version or standing.policy
        text = policies.files(conn, self._tenant, version.number)
        if text is None or hashlib.sha256(text.encode()).digest() != version.digest:
            raise Corrupt("authority_policy")
        return dict(json.loads(text))

    def sign(self, was: Standing | None, rows: Iterable[DecidingRow], *, version: int) -> Amendment:
        """Make *version* out of *was*, with *rows* that are new or take the place of their older selves.

        What is not amended is covered as it was verified, whatever the store holds by now. The newest
        policy is the active one. *version* is one that was announced for this and nothing else.
        """
        signed = tuple(self._sign(row) for row in rows)
        covered = {key_of(row): row for row in (*(was.all() if was is not None else ()), *signed)}
        newest = max(
            (row for row in covered.values() if isinstance(row, PolicyRow)), key=attrgetter("number")
        )
        manifest = AuthorityRow(self._tenant, version, _body(newest, covered.values()))
        return Amendment(was.version if was is not None else 0, self._sign(manifest), signed)

    def _verify(self, conn: Connection) -> Standing:
        manifest = accounts.authority_row(conn, self._tenant)
        versions = policies.rows(conn, self._tenant)
        rows: list[DecidingRow] = [*versions]
        for row_type in accounts.ROW_TYPES:
            rows += accounts.rows(conn, self._tenant, row_type)
        if manifest is None or not self._is_ours(manifest):
            raise Corrupt("authority_manifest")
        if not all(self._is_ours(row) for row in rows):
            raise Corrupt("authority_row")
        # The manifest is ours, so it can be read: what is left to find is a row too many, too few or too old.
        number = json.loads(manifest.body)["policy"]["number"]
        policy = next((row for row in versions if row.number == number), None)
        if policy is None or _body(policy, rows) != manifest.body:
            raise Corrupt("authority_digest")
        self._verified = Standing.of(manifest, policy, rows)
        return self._verified

    def _is_ours(self, row: DecidingRow | AuthorityRow) -> bool:
        try:
            return same(self._mac(row), row.mac)
        except (TypeError, ValueError):
            # SQLite stores any type in any column; what has no canonical form was not written by us.
            return False

    def _sign(self, row: _Row) -> _Row:
        return replace(row, mac=self._mac(row))

    def _mac(self, row: DecidingRow | AuthorityRow) -> bytes:
        root = self._keyring.root(KeyPurpose.AUTHORITY)
        return mac(
            root, b"PV1W" + self._keyring.house + _number(row).to_bytes(2) + canonical(_canonical(row))
        )


# The u16 of CRYPTO §7 and the name in the manifest; a number is never reused.
_TABLES: Mapping[type[DecidingRow | AuthorityRow], tuple[int, str]] = {
    AuthorityRow: (0, "authority"),
    AppRow: (1, "app"),
    SecretRow: (2, "app_secret"),
    GrantRow: (3, "role_grant"),
    PolicyRow: (4, "policy_version"),
    PersonRow: (5, "person"),
    LoginKeyRow: (6, "login_key"),
    LinkRow: (7, "one_time_link"),
    ApprovalRow: (8, "approval"),
    AppTermsRow: (9, "app_terms"),
    AppKeyRow: (10, "app_key"),
    EmergencyRow: (11, "emergency"),
    CertificationRow: (12, "certification"),
}
# A house of the first release has said nothing of the tables after these: one without rows is left out.
_FIRST_TABLES = frozenset({"app", "app_secret", "role_grant", "policy_version"})


def _number(row: DecidingRow | AuthorityRow) -> int:
    return _TABLES[type(row)][0]


def _canonical(row: DecidingRow | AuthorityRow) -> Json:
    """Write every column but the MAC; bytes stand in a list, so that no text can pass for them."""
    values = {one.name: getattr(row, one.name) for one in fields(row) if one.name != "mac"}
    return {name: [value.hex()] if isinstance(value, bytes) else value for name, value in values.items()}


def _body(policy: PolicyRow, rows: Iterable[DecidingRow]) -> str:
    """Write what the manifest says: the active policy, and a digest per table over its rows' MACs."""
    macs: dict[str, list[bytes]] = {name: [] for number, name in _TABLES.values() if number > 0}
    for row in rows:
        macs[_TABLES[type(row)][1]].append(row.mac)
    digests: dict[str, Json] = {
        name: hashlib.sha256(b"".join(sorted(listed))).hexdigest()
        for name, listed in macs.items()
        if listed or name in _FIRST_TABLES
    }
    active: Json = {"number": policy.number, "digest": policy.digest.hex()}
    return canonical({"policy": active, "tables": digests}).decode()
