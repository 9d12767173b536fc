"""Whoever asks is an app that stands now, on rows that are ours; everyone else is nobody, all alike."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.services.faults import thrown_away
from tests.services.office import DAY, OPERATOR, Office
from vault.custody import credentials
from vault.custody.credentials import NOBODY, Credential
from vault.domain.grants import token_text
from vault.domain.terms import ActorId, AppId, RoleId
from vault.errors import Corrupt, LedgerUnavailable, Unauthenticated
from vault.rulebook.rules import Rulebook
from vault.services import govern
from vault.services.authenticate import get_ready, policy_in_force, stand, still
from vault.services.granting import Wish
from vault.storage import floors


def test_an_app_with_a_live_secret_is_who_it_is(office: Office) -> None:
    issued = office.hire("desk", "service_desk")

    actor, standing = office.ask(issued.token)

    assert (actor.id, actor.kind, actor.name) == (ActorId(issued.app), "app", "desk")
    assert actor.sources == {"case"}
    assert [one.role for one in actor.held] == ["service_desk"]
    assert actor.held[0].purposes == {"P03", "P04", "P05"}
    assert standing.version == office.version()
    policy = policy_in_force(office.parts, standing)
    assert (policy.number, policy.digest) == (standing.policy_number, standing.policy_digest)


def test_two_apps_have_two_id_spaces(office: Office) -> None:
    desk, waybill = office.hire("desk"), office.hire("waybill")

    spaces = {office.ask(one.token)[0].space for one in (desk, waybill)}

    assert len(spaces) == 2


# Who asks, and what the ledger counts it as.
NOBODIES = {
    "nobody at all": "no_credential",
    "somebody garbled": "no_credential",
    "an app with a wrong secret": "unknown",
    "an app that never was": "unknown",
    "an app with another app's secret": "unknown",
    "an app whose secret expired": "expired",
    "an app whose secret was revoked": "revoked",
    "an app that was revoked": "app",
}


@pytest.mark.parametrize("who", NOBODIES)
def test_nobody_is_refused_alike_whatever_the_reason_and_counted_with_it(office: Office, who: str) -> None:
    token = token_of(who, office)

    refusals = [refusal(office, token) for _ in range(3)]
    office.pass_time(timedelta(minutes=1))
    office.parts.ledger.flush_counts(office.now())
    office.parts.ledger.settle([])

    assert {(type(one), one.code, tuple(one.facts)) for one in refusals} == {
        (Unauthenticated, "unauthenticated", ())
    }
    (counted,) = [one for one in office.entries() if one["kind"] == "access.unauthenticated"]
    assert (counted["outcome"], counted["n"]) == (f"refused:{NOBODIES[who]}", 3)


def test_while_a_secret_is_changed_over_both_serve(office: Office) -> None:
    old = office.hire(days=10)
    new = govern.issue_secret(office.parts, OPERATOR, old.app, expires=office.now() + 90 * DAY)

    assert office.ask(old.token)[0].id == office.ask(new.token)[0].id
    office.pass_time(10 * DAY)

    with pytest.raises(Unauthenticated):
        office.ask(old.token)
    assert office.ask(new.token)[0].id == ActorId(old.app)


def test_an_expired_or_revoked_grant_gives_no_role(office: Office) -> None:
    issued = office.hire(days=90)
    short = Wish(RoleId("dispatcher"), office.now() + DAY, "holidays")
    govern.give_grant(office.parts, OPERATOR, issued.app, wish=short)
    lasting = office.account(issued).grants[0].role_grant
    assert office.purposes(issued.token) == {"P01", "P03", "P04", "P05"}

    office.pass_time(DAY)
    after_expiry = office.purposes(issued.token)
    govern.revoke_grant(office.parts, OPERATOR, lasting)

    assert after_expiry == {"P03", "P04", "P05"}
    assert office.purposes(issued.token) == set()


def test_what_one_worker_ends_the_next_request_of_another_feels(office: Office) -> None:
    other = office.another()
    desk, waybill = office.hire("desk"), office.hire("waybill")
    other.ask(desk.token)
    other.ask(waybill.token)

    govern.revoke_app(office.parts, OPERATOR, desk.app)
    govern.revoke_grant(office.parts, OPERATOR, office.account(waybill).grants[0].role_grant)

    with pytest.raises(Unauthenticated):
        other.ask(desk.token)
    assert other.purposes(waybill.token) == set()


def test_who_already_waits_for_its_turn_feels_a_revocation(office: Office) -> None:
    other = office.another()
    issued = office.hire()
    actor, standing = other.ask(issued.token)

    govern.revoke_app(office.parts, OPERATOR, issued.app)

    with other.parts.stores.data.read() as conn:
        assert not other.parts.authority.recheck(conn, standing, issued.app)
        renewed = other.parts.authority.standing(conn)
    assert still(standing, actor, other.now()) == actor
    assert still(renewed, actor, other.now()) is None


def test_who_already_waits_for_its_turn_feels_that_the_secret_it_has_shown_was_revoked(
    office: Office,
) -> None:
    other = office.another()
    issued = office.hire()
    second = govern.issue_secret(office.parts, OPERATOR, issued.app, expires=office.now() + DAY)
    actor, _ = other.ask(issued.token)
    same, _ = other.ask(second.token)

    govern.revoke_secret(office.parts, OPERATOR, issued.app, secret=issued.secret)

    with other.parts.stores.data.read() as conn:
        renewed = other.parts.authority.standing(conn)
    assert still(renewed, actor, other.now()) is None
    assert still(renewed, same, other.now()) == same


FORGERIES = {
    "edits an app": 'UPDATE app SET sources = \'["case","order"]\'',
    "edits a secret": "UPDATE app_secret SET expires_ms = expires_ms + 1",
    "copies a token hash": "UPDATE app_secret SET verifier = :own, mac = mac WHERE app = :app",
    "edits a grant": "UPDATE role_grant SET role = 'privacy_officer'",
    "inserts a grant": """
        INSERT INTO role_grant
        SELECT tenant, :other, holder, 'privacy_officer', purposes, created_ms, expires_ms,
               revoked_ms, reason, mac
        FROM role_grant WHERE holder = :app""",
    "removes an app": "DELETE FROM app WHERE app = :app",
    "removes a grant": "DELETE FROM role_grant WHERE holder = :app",
    "edits the policy": "UPDATE policy_version SET digest = :own",
    "removes the manifest": "DELETE FROM authority",
}


@pytest.mark.parametrize("deed", FORGERIES)
def test_what_the_databases_owner_does_is_refused_at_the_next_request_and_is_an_entry(
    office: Office, deed: str
) -> None:
    issued = office.hire()
    office.ask(issued.token)
    own = credentials.verifier(office.parts.keyring, Credential(issued.app, b"o" * 32))
    names = {"app": issued.app, "own": own, "other": b"?" * 16}

    statement = FORGERIES[deed]
    changed = office.by_hand(
        "data", statement, **{name: value for name, value in names.items() if f":{name}" in statement}
    )

    assert changed > 0
    with pytest.raises(Corrupt):
        office.ask(issued.token)
    told = office.entries()[-1]
    assert (told["kind"], told["object"]) == (
        "value.rejected",
        {"type": "app", "id": token_text(issued.app)},
    )
    assert told["outcome"].startswith("failed:authority_")


def test_an_app_that_an_owner_inserted_with_a_known_secret_is_refused(office: Office) -> None:
    office.hire()
    forged = Credential(AppId(b"F" * 16), b"f" * 32)
    office.by_hand("data", "UPDATE app SET app = :forged", forged=forged.app)
    office.by_hand(
        "data",
        "UPDATE app_secret SET app = :forged, verifier = :verifier",
        forged=forged.app,
        verifier=credentials.verifier(office.parts.keyring, forged),
    )

    with pytest.raises(Corrupt):
        office.ask(credentials.write(forged))


def test_all_deciding_rows_rolled_back_together_are_refused(office: Office) -> None:
    issued = office.hire()
    office.ask(issued.token)
    copy = office.copy_authority()
    govern.revoke_app(office.parts, OPERATOR, issued.app)

    office.put_back(copy)

    for process in (office, office.another()):
        with pytest.raises(Corrupt) as refused:
            process.ask(issued.token)
        assert refused.value.reason == "authority_rollback"


def test_a_command_whose_entry_was_thrown_away_never_stands_for_a_later_one(office: Office) -> None:
    issued = office.hire()
    before = office.copy_authority()
    with thrown_away(office.parts.stores), pytest.raises(LedgerUnavailable):
        office.hire("waybill")
    forked = office.copy_authority()
    office.put_back(before)
    govern.revoke_app(office.parts, OPERATOR, issued.app)

    office.put_back(forked)

    for process in (office, office.another()):
        with pytest.raises(Corrupt) as refused:
            process.ask(issued.token)
        assert refused.value.reason == "authority_rollback"


def test_deciding_rows_are_believed_again_when_they_are_as_they_were(office: Office) -> None:
    issued = office.hire()
    copy = office.copy_authority()
    office.by_hand("data", "UPDATE role_grant SET role = 'privacy_officer'")
    with pytest.raises(Corrupt):
        office.ask(issued.token)

    office.put_back(copy)

    assert office.ask(issued.token)[0].id == ActorId(issued.app)


def test_a_version_that_was_announced_and_never_came_stops_nobody(office: Office) -> None:
    issued = office.hire()

    begun = office.parts.stores.keys.transact(lambda conn: floors.begin_authority(conn, office.version()))

    assert begun
    assert office.ask(issued.token)[0].id == ActorId(issued.app)


def test_a_revocation_holds_though_the_ledger_could_not_be_told(office: Office) -> None:
    issued = office.hire()
    copy = office.copy_authority()
    office.by_hand("audit", "ALTER TABLE entry RENAME TO entry_away")

    with pytest.raises(LedgerUnavailable):
        govern.revoke_app(office.parts, OPERATOR, issued.app)

    with pytest.raises(Unauthenticated):
        office.ask(issued.token)
    office.put_back(copy)
    office.by_hand("audit", "ALTER TABLE entry_away RENAME TO entry")
    with pytest.raises(Corrupt) as refused:
        office.ask(issued.token)
    assert refused.value.reason == "authority_rollback"


def test_requests_and_commands_at_once_never_look_like_tampering(office: Office) -> None:
    other = office.another()
    issued = office.hire()

    def govern_on() -> None:
        for number in range(10):
            office.hire(f"app-{number}")

    def ask_on() -> set[ActorId]:
        return {process.ask(issued.token)[0].id for _ in range(40) for process in (office, other)}

    with ThreadPoolExecutor(3) as pool:
        governed = pool.submit(govern_on)
        asked = [pool.submit(ask_on) for _ in range(2)]

    governed.result()
    assert [one.result() for one in asked] == [{ActorId(issued.app)}] * 2


def token_of(who: str, office: Office) -> str | None:
    """Make the token of somebody who is not let in."""
    live = office.hire()
    match who:
        case "somebody garbled":
            return f"{live.token}x"
        case "an app with a wrong secret":
            return credentials.write(Credential(live.app, b"w" * 32))
        case "an app that never was":
            return credentials.write(Credential(AppId(b"?" * 16), b"w" * 32))
        case "an app with another app's secret":
            found = credentials.read(f"Bearer {office.hire('other').token}")
            assert found is not None
            return credentials.write(replace(found, app=live.app))
        case "an app whose secret expired":
            office.pass_time(90 * DAY)
            return live.token
        case "an app whose secret was revoked":
            govern.revoke_secret(office.parts, OPERATOR, live.app, secret=live.secret)
            return live.token
        case "an app that was revoked":
            govern.revoke_app(office.parts, OPERATOR, live.app)
            return live.token
        case _:
            return None


def refusal(office: Office, token: str | None) -> Unauthenticated:
    with pytest.raises(Unauthenticated) as refused:
        office.ask(token)
    return refused.value


def test_a_worker_reads_the_policy_before_anyone_has_to_wait_for_it(office: Office) -> None:
    fresh = replace(office.parts, rulebook=Rulebook())

    get_ready(fresh)

    standing = stand(fresh, NOBODY.app)
    assert fresh.rulebook.known(standing.policy_number, standing.policy_digest) is not None
