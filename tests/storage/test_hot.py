"""What every read asks at once is what the repositories give one by one, on either database."""

import pytest

from tests.house import House
from vault.domain.terms import AppId, SubjectId, Tier, id_bytes
from vault.errors import Corrupt
from vault.storage import accounts, consents, facts, floors, hot, keys, subjects

TIERS = (Tier.L2, Tier.L3)


@pytest.fixture
def three(house: House) -> list[bytes]:
    """Three customers as the service desk knows them: all with a consent, all but the first with facts."""
    own = []
    for number in range(3):
        customer = house.admit(
            {"name": f"客户{number}", "mobile": f"+861380013800{number}"}, consents=["P11"]
        )
        if number:
            house.state(customer, "contract", f"ref-{number}")
            house.state(customer, "order", f"ref-{number}")
        raw = id_bytes("cus", house.known_to("servicedesk", customer))
        assert raw is not None
        own.append(raw)
    return own


@pytest.mark.parametrize("count", range(4))
def test_what_decides_and_what_is_sealed_is_the_same_asked_at_once_or_one_by_one(
    house: House, three: list[bytes], count: int
) -> None:
    parts, call = house.parts, house.call("servicedesk")
    wanted = three[:count]

    with parts.stores.keys.read() as conn:
        resolved = keys.resolve(conn, parts.tenant, call.actor.space, wanted)
        ids = [resolved[raw] for raw in wanted]
        idents = keys.idents(conn, parts.tenant, ids)
        deks = keys.deks(conn, parts.tenant, ids, TIERS)
        known_floors = floors.read(conn)
    with parts.stores.data.read() as conn:
        rows = subjects.rows(conn, parts.tenant, ids)
        sealed = subjects.sealed(conn, parts.tenant, ids, TIERS)
        consent_rows = consents.current(conn, parts.tenant, ids)
        fact_rows = facts.current(conn, parts.tenant, ids)
        authority = accounts.own_rows(
            conn, parts.tenant, AppId(call.actor.id), policy_number=call.standing.policy_number
        )

    with parts.stores.keys.glance() as glance:
        known = hot.known(glance, parts.tenant, call.actor.space, [*wanted, bytes(16)])
    with parts.stores.keys.glance() as glance:
        opening = hot.key_rows(glance, parts.tenant, ids, TIERS)
    with parts.stores.data.glance() as glance:
        deciding = hot.deciding(glance, parts.tenant, ids)
    with parts.stores.data.glance() as glance:
        again = hot.sealed_rows(
            glance,
            parts.tenant,
            ids,
            TIERS,
            app_id=AppId(call.actor.id),
            policy_number=call.standing.policy_number,
        )

    assert known == {raw: (resolved[raw], idents[resolved[raw]]) for raw in wanted}
    assert (opening.idents, opening.deks, opening.floors) == (idents, deks, known_floors)
    assert (deciding.rows, _sets(deciding.consents), _sets(deciding.facts)) == (
        rows,
        _sets(consent_rows),
        _sets(fact_rows),
    )
    manifest, own = authority
    assert manifest is not None
    assert again.own == accounts.records_of((manifest, *own), hot.SEALED)
    assert (again.rows, _sets(again.sealed)) == (rows, _sets(sealed))


def test_an_id_whose_ident_is_gone_is_known_without_one(house: House, three: list[bytes]) -> None:
    parts, call = house.parts, house.call("servicedesk")
    with parts.stores.keys.read() as conn:
        resolved = keys.resolve(conn, parts.tenant, call.actor.space, three)
    house.by_hand("keys", "DELETE FROM ident WHERE subject = :one", one=resolved[three[0]])

    with parts.stores.keys.glance() as glance:
        known = hot.known(glance, parts.tenant, call.actor.space, three)

    assert known[three[0]] == (resolved[three[0]], None)
    assert all(ident is not None for _, ident in (known[raw] for raw in three[1:]))


def test_a_row_that_never_came_from_here_is_refused(sqlite_house: House) -> None:
    house = sqlite_house
    subject = SubjectId(house.subject_of(house.admit()))
    house.by_hand("data", "UPDATE subject SET revision = 'one' WHERE subject = :one", one=subject)

    with house.parts.stores.data.glance() as glance, pytest.raises(Corrupt, match="sealed_value_rejected"):
        hot.deciding(glance, house.parts.tenant, [subject])


def _sets(rows: object) -> dict[SubjectId, set[object]]:
    assert isinstance(rows, dict)
    return {subject: set(listed) for subject, listed in rows.items()}
