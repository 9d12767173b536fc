"""The registry: deciding rows of an invented house in a real data store, and its owner with plain SQL."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, text

from tests.custody.workbench import TENANT, a_keyring
from vault.custody import credentials
from vault.custody.authority import Amendment, Authority
from vault.custody.credentials import Credential
from vault.custody.keyring import Keyring
from vault.custody.standing import Standing
from vault.domain.policy import files_text, policy_digest
from vault.domain.terms import ActorId, AppId, GrantId, Millis, SpaceId
from vault.storage import accounts, policies
from vault.storage.accounts import AppRow, DecidingRow, GrantRow, SecretRow
from vault.storage.policies import PolicyRow
from vault.storage.unit_of_work import Store

DESK, WAYBILL = AppId(b"D" * 16), AppId(b"W" * 16)
THEN, LATER = Millis(1_790_000_000_000), Millis(1_800_000_000_000)
FILES = {number: {"roles.toml": f"# version {number}\n"} for number in (1, 2)}


class Registry:
    """One house: two apps with a secret and a grant each, one of each ended, and two policy versions."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.keyring = a_keyring()
        self.authority = Authority(self.keyring)
        self.standing = self.write(None, [policy_row(1)], files_number=1)
        self.standing = self.write(
            self.standing, [*app_rows(self.keyring, DESK), *app_rows(self.keyring, WAYBILL)]
        )
        self.standing = self.write(self.standing, [policy_row(2)], files_number=2)

    def write(self, was: Standing | None, rows: Iterable[DecidingRow], *, files_number: int = 0) -> Standing:
        """Sign *rows* into the next version and store them, as governing does."""
        amendment = self.authority.sign(was, rows, version=_after(was))
        with self.store.write() as conn:
            assert accounts.swap_authority(conn, amendment.manifest, was_version=amendment.was_version)
            for row in amendment.rows:
                if isinstance(row, PolicyRow):
                    policies.put(conn, row, files_text=files_text(FILES[files_number]))
                else:
                    accounts.put(conn, row)
        return self.stand()

    def sign(self, *rows: DecidingRow) -> Amendment:
        """Sign *rows* over the present standing, and store nothing."""
        return self.authority.sign(self.standing, rows, version=_after(self.standing))

    def sql(self, statement: str, **values: Any) -> int:
        """Let the database's owner do something; tell how many rows it met."""
        with self.store.write() as conn:
            return conn.execute(text(statement), values).rowcount

    @contextmanager
    def undone(self) -> Iterator[Connection]:
        """Let the owner try something out, and take it back."""
        with self.store.write() as conn:
            forged = conn.begin_nested()
            yield conn
            forged.rollback()

    def stand(self, authority: Authority | None = None) -> Standing:
        """Read the standing as a request does that asks for nobody."""
        with self.store.read() as conn:
            return (authority or self.authority).standing(conn)

    def stand_as(self, app: AppId) -> Standing:
        """Read the standing as a request of *app* does."""
        with self.store.read() as conn:
            return self.authority.standing_of(conn, app)

    def recheck(self, app: AppId, standing: Standing | None = None) -> bool:
        """Look again, as a request of *app* does after its receipt."""
        with self.store.read() as conn:
            return self.authority.recheck(conn, standing or self.standing, app)

    def newcomer(self) -> Authority:
        """A worker that has just started."""
        return Authority(self.keyring)


def policy_row(number: int) -> PolicyRow:
    """A version of the policy."""
    return PolicyRow(TENANT, number, policy_digest(FILES[number]), Millis(THEN + number), "operator:1000")


def app_rows(keyring: Keyring, app: AppId) -> list[DecidingRow]:
    """An app with a live and a revoked secret, and a live and a revoked grant."""
    name = {DESK: "desk", WAYBILL: "waybill"}[app]
    rows: list[DecidingRow] = [AppRow(TENANT, app, name, SpaceId(app[:15] + b"s"), '["case"]', "live", THEN)]
    for which, revoked_ms in ((b"1", None), (b"2", Millis(THEN + 5))):
        verifier = credentials.verifier(keyring, secret_of(app, which))
        rows.append(SecretRow(TENANT, app, app[:15] + which, verifier, THEN, LATER, revoked_ms))
        rows.append(
            GrantRow(
                TENANT, GrantId(app[:14] + b"g" + which), ActorId(app), "service_desk", '["P04"]',
                THEN, LATER, revoked_ms, "onboarding",
            )
        )  # fmt: skip
    return rows


def secret_of(app: AppId, which: bytes = b"1") -> Credential:
    """What the app presents."""
    return Credential(app, which * 32)


def _after(was: Standing | None) -> int:
    return (was.version if was is not None else 0) + 1
