"""Workers: what ended on one is felt by the next read on another, and by who was waiting there already."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from threading import Event

import pytest

from tests.custody.ledgers import eventually
from tests.house import ADA, App, House
from tests.services.faults import AUTHORITY, Copied, copied, put_back
from tests.services.meddling import interrupted
from tests.services.turns import overtaken
from vault.domain.grants import token_bytes
from vault.domain.terms import id_text
from vault.errors import Corrupt, Refused, Unauthenticated, Unavailable, VaultError
from vault.rulebook.reading import read_folder
from vault.services import consent, disclose, govern, intake, lookup, restrict
from vault.services.history import history
from vault.services.locating import Located, locate
from vault.services.policies import apply_policy, default_folder
from vault.services.showing import Answer

pytestmark = pytest.mark.slow

OTHER = {"name": "王小明", "mobile": "+8613900139000"}


def withdraw(house: House, customer: str) -> None:
    # Not by the list of consents, which waits for a turn of its own.
    call = house.call("intake")
    (located,) = locate(house.parts, call, [customer])
    assert isinstance(located, Located)
    item = located.identity.pairwise(call.actor.space, located.consents[0].consent)
    consent.withdraw(house.parts, call, customer, id_text("con", item))


def restrict_it(house: House, customer: str) -> None:
    own = house.known_to("officer", customer)
    restrict.restrict(house.parts, house.call("officer"), own, "disputed")


def revoke_app(house: House, _customer: str) -> None:
    govern.revoke_app(house.parts, house.operator, house.app("marketing").id)


def revoke_secret(house: House, _customer: str) -> None:
    app = house.app("marketing").id
    account = next(one for one in govern.accounts(house.parts) if one.app.app == app)
    govern.revoke_secret(house.parts, house.operator, app, secret=account.secrets[0].secret)


def revoke_grant(house: House, _customer: str) -> None:
    govern.revoke_grant(house.parts, house.operator, house.grant_of("marketing"))


def change_policy(house: House, _customer: str) -> None:
    files = read_folder(default_folder())
    named = files["roles.toml"].partition('id = "marketing"')
    taken = named[2].replace('"P11", ', "", 1)
    assert taken != named[2]
    apply_policy(
        house.parts,
        house.operator,
        # The policy's own tests would refuse it.
        files={**files, "roles.toml": "".join((*named[:2], taken)), "tests.toml": ""},
        base_digest=house.call("intake").standing.policy_digest,
        author="test",
    )


@dataclass(frozen=True)
class Ending:
    """Something that ends marketing's right to read a customer, and how the next read is then refused."""

    end: Callable[[House, str], None]
    error: type[VaultError]
    code: str


ENDINGS = {
    "a withdrawal": Ending(withdraw, Refused, "basis"),
    "a restriction": Ending(restrict_it, Refused, "restriction"),
    "the end of an app": Ending(revoke_app, Unauthenticated, "unauthenticated"),
    "the end of a secret": Ending(revoke_secret, Unauthenticated, "unauthenticated"),
    "the end of a grant": Ending(revoke_grant, Refused, "purpose"),
    "a change of policy": Ending(change_policy, Refused, "role"),
}


@pytest.fixture
def customer(house: House) -> str:
    """A customer who agreed to marketing and whom every app of these tests knows already."""
    customer = house.admit(consents=["P11"])
    house.state(customer, "contract")
    for app in ("marketing", "servicedesk", "officer"):
        house.known_to(app, customer)
    return customer


@pytest.mark.parametrize("what", ENDINGS)
def test_what_one_worker_was_answered_the_next_read_on_another_feels(
    house: House, customer: str, what: str
) -> None:
    own, ending, other = house.known_to("marketing", customer), ENDINGS[what], house.another()
    other.disclose("marketing", own, "name")

    ending.end(house, customer)

    with pytest.raises(ending.error, match=ending.code):
        other.disclose("marketing", own, "name")


@pytest.mark.parametrize("what", ENDINGS)
def test_who_was_waiting_for_its_turn_already_is_not_answered_on_the_old_state(
    house: House, customer: str, what: str
) -> None:
    own, ending = house.known_to("marketing", customer), ENDINGS[what]
    before = len(house.entries())

    outcome = overtaken(
        house,
        lambda other: other.disclose("marketing", own, "name"),
        lambda house: ending.end(house, customer),
    )

    with pytest.raises(ending.error, match=ending.code):
        outcome.result()
    kinds = [entry["kind"] for entry in house.entries()[before:]]
    read, cancelled = kinds.index("profile.disclosed"), kinds.index("release.cancelled")
    ended = next(at for at, kind in enumerate(kinds) if kind in ENDED)
    assert ended < read < cancelled, "what ended precedes the entry, which is then said to be void"
    if ending.error is Refused:
        assert kinds[cancelled + 1] == "profile.refused"


ENDED = {
    "consent.withdrawn",
    "restriction.set",
    "app.revoked",
    "app.secret_revoked",
    "grant.revoked",
    "policy.applied",
}


def read_one(house: House, own: str) -> object:
    return house.disclose("servicedesk", own, "name")


def reveal_one(house: House, own: str) -> object:
    return disclose.reveal(house.parts, house.call("servicedesk", reason="callback"), own, "mobile")


def match_one(house: House, own: str) -> object:
    return lookup.match(house.parts, house.call("servicedesk"), own, "mobile", ADA["mobile"])


def look_up(house: House, _own: str) -> object:
    return lookup.lookup(house.parts, house.call("servicedesk"), "mobile", ADA["mobile"])


def look_up_by_ending(house: House, _own: str) -> object:
    return lookup.lookup(house.parts, house.call("servicedesk"), "mobile", "8000", suffix=True)


def view_history(house: House, own: str) -> object:
    return history(house.parts, house.call("servicedesk"), own)


@pytest.mark.parametrize("read", [read_one, reveal_one, match_one, look_up, look_up_by_ending, view_history])
def test_no_way_of_reading_overtakes_a_restriction(
    house: House, customer: str, read: Callable[[House, str], object]
) -> None:
    own = house.known_to("servicedesk", customer)
    before = len(house.entries())

    outcome = overtaken(house, lambda other: read(other, own), lambda house: restrict_it(house, customer))

    if read in {look_up, look_up_by_ending}:
        assert outcome.result() == []
    else:
        with pytest.raises((Refused, Unavailable)):
            outcome.result()
    assert "release.cancelled" in {entry["kind"] for entry in house.entries()[before:]}


def test_the_state_of_a_consent_is_not_listed_as_it_was_before_a_withdrawal_that_came_first(
    house: House, customer: str
) -> None:
    outcome = overtaken(
        house,
        lambda other: consent.listing(other.parts, other.call("intake"), customer),
        lambda house: withdraw(house, customer),
    )

    assert [one["state"] for one in outcome.result()] == ["withdrawn"]
    assert [entry["kind"] for entry in house.entries()[-3:]] == [
        "consent.listed",
        "release.cancelled",
        "consent.listed",
    ]


def test_of_a_batch_only_the_customer_who_withdrew_is_judged_anew(house: House, customer: str) -> None:
    second = house.admit(OTHER, consents=["P11"])
    ids = [house.known_to("marketing", one) for one in (customer, second)]

    outcome = overtaken(
        house,
        lambda other: disclose.profiles(other.parts, other.call("marketing"), ids, ["name"]),
        lambda house: withdraw(house, customer),
    )

    first, other = outcome.result()
    assert isinstance(first, Refused)
    assert isinstance(other, Answer)
    assert other.id == ids[1]


def test_an_app_with_a_second_secret_goes_on_where_only_the_other_was_ended(
    house: House, customer: str
) -> None:
    own, app = house.known_to("marketing", customer), house.app("marketing").id
    ends = house.clock() + house.hours(24)
    second = govern.issue_secret(house.parts, house.operator, app, expires=ends)

    outcome = overtaken(
        house,
        lambda other: other.disclose("marketing", own, "name"),
        lambda house: govern.revoke_secret(house.parts, house.operator, app, secret=second.secret),
    )

    assert outcome.result().id == own


def test_a_whole_write_between_any_two_looks_of_a_reader_never_seems_to_be_tampering(
    house: House, customer: str
) -> None:
    own, numbers = house.known_to("servicedesk", customer), [f"+861370013{at:04}" for at in range(40)]
    held = str(ADA["mobile"])

    for at, number in enumerate(numbers, 1):
        with interrupted(house, at, partial(house.amend, "servicedesk", own, {"mobile": number})) as moment:
            worker, deed = moment
            shown = worker.disclose("servicedesk", own, "mobile").fields["mobile"]
        if not deed.came:
            break
        assert shown in {f"{one[3:6]}****{one[-4:]}" for one in (held, number)}
        held = number
    else:
        pytest.fail("the reader looks at the stores without an end")

    assert at > 5
    assert "value.rejected" not in {entry["kind"] for entry in house.entries()}


def test_a_restriction_between_any_two_looks_of_a_reader_leaves_no_later_entry_of_a_release(
    house: House, customer: str
) -> None:
    own, officers = house.known_to("servicedesk", customer), house.known_to("officer", customer)
    house.call("officer")

    for at in range(1, 40):
        before = len(house.entries())
        with interrupted(house, at, partial(restrict_it, house, customer)) as moment:
            worker, deed = moment
            shown = _shown(worker, own)
        if not deed.came:
            break
        kinds = [entry["kind"] for entry in house.entries()[before:]]
        assert shown is None or kinds.index("profile.disclosed") < kinds.index("restriction.set")
        restrict.lift(house.parts, house.call("officer"), officers)
    else:
        pytest.fail("the reader looks at the stores without an end")

    assert at > 5


def _shown(worker: House, own: str) -> object | None:
    try:
        return worker.disclose("servicedesk", own, "name")
    except Refused:
        return None


def test_however_fast_a_restriction_comes_and_goes_no_release_stands_behind_it_in_the_ledger(
    house: House, customer: str
) -> None:
    own, officers = house.known_to("servicedesk", customer), house.known_to("officer", customer)
    readers, call = [house.another(), house.another()], house.call("officer")
    answered: set[str] = set()
    ended = Event()

    def read_on(worker: House) -> None:
        while not ended.is_set():
            with suppress(Refused, Unavailable):
                answered.add(worker.disclose("servicedesk", own, "name").request)

    with ThreadPoolExecutor(4) as pool:
        reading = [pool.submit(read_on, worker) for worker in readers * 2]
        for _ in range(12):
            restrict.restrict(house.parts, call, officers, "disputed")
            restrict.lift(house.parts, call, officers)
            before = len(answered)
            eventually(partial(grew, answered, before))
        ended.set()

    assert [one.exception() for one in reading] == [None] * 4
    restricted = False
    behind: dict[str, bool] = {}
    for entry in house.entries():
        if entry["kind"] in {"restriction.set", "restriction.lifted"}:
            restricted = entry["kind"] == "restriction.set"
        if entry["kind"] == "profile.disclosed":
            # One that was cancelled is followed by another of the same request, under which it was released.
            behind[token_bytes(str(entry["req"])).hex()] = restricted
    assert answered
    assert not any(behind[request] for request in answered), "released on the old state"


def grew(answered: set[str], before: int) -> bool:
    return len(answered) > before


def test_a_write_whose_secret_ends_on_the_way_changes_nothing_once_that_was_answered(
    house: House, customer: str
) -> None:
    own, app, ends = house.known_to("servicedesk", customer), house.app("servicedesk"), house.hours(24)
    refused = 0

    for at in range(1, 40):
        issued = govern.issue_secret(house.parts, house.operator, app.id, expires=house.clock() + ends)
        house.apps["servicedesk"] = replace(app, token=issued.token)
        end = partial(govern.revoke_secret, house.parts, house.operator, app.id, secret=issued.secret)
        before = house.rows_of("data", "SELECT sum(revision) FROM subject")
        with interrupted(house, at, end) as (worker, moments):
            try:
                worker.amend("servicedesk", own, {"notes": f"note {at}"})
            except Unauthenticated:
                refused += 1
                assert house.rows_of("data", "SELECT sum(revision) FROM subject") == before
        if not moments.came:
            break

    assert refused > 3


def test_an_authority_that_is_put_back_behind_a_revocation_lets_nobody_read_or_write(
    house: House, customer: str
) -> None:
    assert behind_a_revocation(house, customer, "profile.disclosed", read_name) > 2
    assert behind_a_revocation(house, customer, "subject.changed", write_notes) > 3


def read_name(worker: House, own: str) -> None:
    worker.disclose("servicedesk", own, "name")


def write_notes(worker: House, own: str) -> None:
    worker.amend("servicedesk", own, {"notes": "called"})


def behind_a_revocation(house: House, customer: str, kind: str, work: Callable[[House, str], object]) -> int:
    """Revoke the worker's app between any two of its looks, and put the authority back at once.

    Returns how often the work was refused; where it was done, its entry is older than the revocation.
    """
    refused = 0
    for at in range(1, 40):
        house.apps["servicedesk"] = app = house.hire(f"desk-{kind}-{at}", "service_desk", "P04")
        own, before = house.known_to("servicedesk", customer), len(house.entries())
        newest: list[Copied] = []

        def revoke_and_undo(app: App = app, newest: list[Copied] = newest) -> None:
            old = copied(house, AUTHORITY)
            govern.revoke_app(house.parts, house.operator, app.id)
            newest.append(copied(house, AUTHORITY))
            put_back(house, old)

        with interrupted(house, at, revoke_and_undo) as (worker, moments):
            try:
                work(worker, own)
            except (Corrupt, Unauthenticated):
                refused += 1
            else:
                kinds = [entry["kind"] for entry in house.entries()[before:]]
                assert kind in kinds[: kinds.index("app.revoked") if moments.came else None]
        if not moments.came:
            return refused
        put_back(house, newest[0])
    pytest.fail("the worker looks at the stores without an end")


def test_a_contact_restricted_between_any_two_looks_gets_no_later_entry_of_an_id(house: House) -> None:
    organisation = house.admit({"company_name": "测试物流有限公司"}, kind="organisation")
    house.state(organisation, "contract")
    house.assign(organisation, "accounts")
    own = house.known_to("accounts", organisation)

    for at in range(1, 40):
        contact = intake.add_contact(
            house.parts,
            house.call("intake"),
            organisation,
            role="payer",
            fields={"name": "李四"},
            source=None,
        )
        officers, before = house.known_to("officer", contact.id), len(house.entries())
        end = partial(restrict.restrict, house.parts, house.call("officer"), officers, "disputed")
        with interrupted(house, at, end) as (worker, moments):
            told = worker.disclose("accounts", own, "contacts").fields["contacts"]
        if not moments.came:
            break
        kinds = [entry["kind"] for entry in house.entries()[before:]]
        # All of those before are restricted, so that whoever is shown is this one.
        assert told == [] or kinds.index("ids.issued") < kinds.index("restriction.set")
    else:
        pytest.fail("the reader looks at the stores without an end")

    assert at > 5
