"""Apps, secrets and grants: made by operators alone, told in full, ended at once, and secrets never kept."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from tests.services.office import DAY, OPERATOR, Office
from vault.custody import credentials
from vault.custody.standing import Standing
from vault.domain.grants import token_text
from vault.domain.terms import ZERO_ID, AppId, GrantId, PurposeId, RoleId, id_text
from vault.errors import (
    Conflict,
    Invalid,
    LedgerUnavailable,
    NotFound,
    Refused,
    Stale,
    Unauthenticated,
    VaultError,
)
from vault.services import govern
from vault.services.authenticate import stand
from vault.services.governing import operator
from vault.services.granting import Wish
from vault.services.keying import Issued
from vault.storage import floors


def test_a_new_app_its_secret_and_its_grants_are_each_an_entry(office: Office) -> None:
    issued = office.hire("desk", "service_desk")

    told = office.entries()[-3:]

    grant = office.account(issued).grants[0]
    assert sorted((one["kind"], one["object"]["id"], one["object"]["code"]) for one in told) == sorted(
        [
            ("app.created", token_text(issued.app), "desk"),
            ("app.secret_issued", token_text(issued.secret), id_text("app", issued.app)),
            (
                "grant.given",
                token_text(grant.role_grant),
                f"service_desk:{id_text('app', issued.app)}",
            ),
        ]
    )
    assert {one["actor"]["id"] for one in told} == {"operator:1000"}
    assert {(one["action"], one["outcome"], one["authority"]) for one in told} == {("govern", "recorded", 2)}
    assert {one["policy"]["version"] for one in told} == {1}
    assert [one.get("reason_code") for one in told if one["kind"] == "grant.given"] == ["onboarding"]


def test_a_secret_is_nowhere_once_it_was_shown(office: Office) -> None:
    issued = office.hire()

    shown = credentials.read(f"Bearer {issued.token}")

    assert shown is not None
    held = office.bytes_of("data", "keys", "audit", "register")
    for spelling in (issued.token, issued.token[-43:], shown.secret.hex()):
        assert spelling.encode() not in held
    assert shown.secret not in held
    assert issued.token[-43:] not in repr(issued)


def test_what_is_ended_is_told_and_in_the_register_before_the_answer(office: Office) -> None:
    desk, waybill = office.hire("desk"), office.hire("waybill")
    grant = office.account(waybill).grants[0].role_grant

    govern.revoke_secret(office.parts, OPERATOR, waybill.app, secret=waybill.secret)
    govern.revoke_grant(office.parts, OPERATOR, grant)
    govern.revoke_app(office.parts, OPERATOR, desk.app)

    assert office.kinds()[-3:] == ["app.secret_revoked", "grant.revoked", "app.revoked"]
    assert office.ended() == [waybill.secret, grant, desk.app]
    assert office.floors() == (office.version(), office.version())


# A command that is mistaken, and how the vault says so.
MISTAKES: dict[str, tuple[Callable[[Office, Issued], object], type[VaultError], str]] = {
    "a name with a space": (lambda office, _: office.hire("the desk"), Invalid, "name"),
    "no name": (lambda office, _: office.hire(""), Invalid, "name"),
    "a name in another script": (lambda office, _: office.hire("服务台"), Invalid, "name"),
    "a name that is taken": (lambda office, _: office.hire("desk"), Conflict, "name_taken"),
    "a role that is not in the policy": (lambda office, _: office.hire("x", "boss"), Invalid, "role"),
    "a fact that only the vault states": (
        lambda office, _: govern.create_app(
            office.parts, OPERATOR, name="x", sources=["jurisdiction"], secret_expires=office.now() + DAY
        ),
        Invalid,
        "source",
    ),
    "a secret that is over before it begins": (lambda office, _: office.hire("x", days=0), Invalid, "expiry"),
    "a purpose that is not the role's": (
        lambda office, app: give(office, app.app, purposes=frozenset({PurposeId("P04"), PurposeId("P02")})),
        Invalid,
        "purpose",
    ),
    "no purpose at all": (
        lambda office, app: give(office, app.app, purposes=frozenset()),
        Invalid,
        "purpose",
    ),
    "a reason that is no code": (
        lambda office, app: give(office, app.app, reason="because!"),
        Invalid,
        "reason",
    ),
    "a grant that is over before it begins": (
        lambda office, app: give(office, app.app, days=0),
        Invalid,
        "expiry",
    ),
    "a grant for nobody": (lambda office, _: give(office, AppId(b"?" * 16)), NotFound, "not_found"),
    "a secret for nobody": (
        lambda office, _: govern.issue_secret(
            office.parts, OPERATOR, AppId(b"?" * 16), expires=office.now() + DAY
        ),
        NotFound,
        "not_found",
    ),
    "ending an app that never was": (
        lambda office, _: govern.revoke_app(office.parts, OPERATOR, AppId(b"?" * 16)),
        NotFound,
        "not_found",
    ),
    "ending a secret that is another's": (
        lambda office, app: govern.revoke_secret(office.parts, OPERATOR, AppId(b"?" * 16), secret=app.secret),
        NotFound,
        "not_found",
    ),
    "ending a grant that never was": (
        lambda office, _: govern.revoke_grant(office.parts, OPERATOR, GrantId(b"?" * 16)),
        NotFound,
        "not_found",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistaken_command_says_so_and_changes_nothing(office: Office, mistake: str) -> None:
    command, kind, code = MISTAKES[mistake]
    issued = office.hire("desk")
    before = office.copy_authority()

    with pytest.raises(kind) as said:
        command(office, issued)

    assert said.value.code == code
    assert office.copy_authority() == before
    assert office.kinds()[-1] != "policy.applied"
    assert len(office.entries()) == 4


def test_what_has_ended_cannot_be_ended_or_added_to(office: Office) -> None:
    issued = office.hire()
    grant = office.account(issued).grants[0].role_grant
    govern.revoke_secret(office.parts, OPERATOR, issued.app, secret=issued.secret)
    govern.revoke_grant(office.parts, OPERATOR, grant)
    govern.revoke_app(office.parts, OPERATOR, issued.app)

    for again in (
        lambda: govern.revoke_secret(office.parts, OPERATOR, issued.app, secret=issued.secret),
        lambda: govern.revoke_grant(office.parts, OPERATOR, grant),
        lambda: govern.revoke_app(office.parts, OPERATOR, issued.app),
        lambda: give(office, issued.app),
        lambda: govern.issue_secret(office.parts, OPERATOR, issued.app, expires=office.now() + DAY),
    ):
        with pytest.raises(Conflict) as said:
            again()
        assert said.value.code == "revoked"


def test_only_an_operator_governs(office: Office) -> None:
    issued = office.hire()
    app, _ = office.ask(issued.token)
    before = office.version()

    for actor in (app, replace(app, name="operator:0"), replace(operator(0), kind="person")):
        with pytest.raises((Refused, Unauthenticated)):
            govern.revoke_app(office.parts, actor, issued.app)

    assert office.version() == before


def test_many_governors_at_once_lose_nothing(office: Office) -> None:
    other = office.another()
    names = [f"app-{number}" for number in range(8)]

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda name: hired(office if name < "app-4" else other, name), names))

    made = [name for name in done if name is not None]
    assert len(made) >= 4
    assert sorted(account.app.name for account in govern.accounts(office.parts)) == made
    # Who was not first has used up a number.
    floor, announced = office.floors()
    assert 1 + len(made) <= floor == office.version() <= announced


def test_a_reader_whom_writers_overtake_between_his_two_looks_is_not_told_of_a_fault(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    standing_of = office.parts.authority.standing_of

    def overtaken(*asked: Any) -> Standing:
        # Between any look at the floors and the rows, two writers come by.
        other = office.another()
        other.hire(f"app-{other.version()}")
        other.hire(f"app-{other.version()}")
        return standing_of(*asked)

    monkeypatch.setattr(office.parts.authority, "standing_of", overtaken)

    assert stand(office.parts, AppId(ZERO_ID)).version == 3


def test_a_command_goes_on_where_a_crash_left_an_announced_version(office: Office) -> None:
    office.parts.stores.keys.transact(lambda conn: floors.begin_authority(conn, office.version()))

    office.hire()

    # The number that was announced and never came is not given out again.
    assert (office.version(), office.floors()) == (3, (3, 3))


def test_a_change_that_could_not_be_told_stands_and_is_told_with_the_next(office: Office) -> None:
    office.by_hand("audit", "ALTER TABLE entry RENAME TO entry_away")
    with pytest.raises(LedgerUnavailable):
        office.hire("desk")
    office.by_hand("audit", "ALTER TABLE entry_away RENAME TO entry")

    office.hire("waybill")

    assert [account.app.name for account in govern.accounts(office.parts)] == ["desk", "waybill"]
    assert sorted(office.kinds()) == sorted(
        ["policy.applied", *2 * ["app.created", "app.secret_issued", "grant.given"]]
    )
    assert office.floors() == (3, 3)


def test_a_command_is_not_judged_on_rows_that_an_owner_edited(office: Office) -> None:
    issued = office.hire()
    office.by_hand("data", "UPDATE authority SET version = version + 1")

    with pytest.raises(VaultError) as refused:
        give(office, issued.app)

    assert refused.value.code == "sealed_value_rejected"


def hired(office: Office, name: str) -> str | None:
    """Hire, or give up where others kept being first."""
    try:
        office.hire(name)
    except Stale:
        return None
    return name


def give(
    office: Office,
    app: AppId,
    *,
    purposes: frozenset[PurposeId] | None = None,
    reason: str = "onboarding",
    days: int = 1,
) -> GrantId:
    """Give an app the role of the service desk."""
    wish = Wish(RoleId("service_desk"), office.now() + days * DAY, reason, purposes)
    return govern.give_grant(office.parts, OPERATOR, app, wish=wish).grant
