"""Consents and facts stand as they were last put; the records behind them are only ever added to."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from tests.storage.rows import ADA, BEN, NOW, TENANT, digest, subject_id
from vault.domain.consent import AuthorisationRow, ConsentForm, ConsentRow, ConsentState
from vault.domain.facts import FactKind, FactRow
from vault.domain.terms import ActorId, ConsentId, FactId, PurposeId, SubjectId
from vault.errors import Conflict, Corrupt
from vault.storage import consents, facts
from vault.storage.unit_of_work import Store


def consent(name: str, subject: SubjectId = ADA) -> ConsentRow:
    return ConsentRow(
        tenant=TENANT,
        subject=subject,
        consent=ConsentId(digest(name)[:16]),
        purpose=PurposeId("P08"),
        recipients="[]",
        fields="",
        form=ConsentForm.SEPARATE,
        state=ConsentState.GIVEN,
        at_ms=NOW,
        valid_until_ms=None,
        record_hash=digest(name, "record"),
    )


def authorisation(seq: int, subject: SubjectId = ADA) -> AuthorisationRow:
    return AuthorisationRow(
        TENANT, subject, seq, ConsentId(bytes(16)), '{"v":1}', digest(subject, seq), digest(subject, seq - 1)
    )


def fact(name: str, subject: SubjectId = ADA, *, assigned: bool = False) -> FactRow:
    return FactRow(
        tenant=TENANT,
        subject=subject,
        fact=FactId(digest(name)[:16]),
        kind=FactKind.ASSIGNMENT if assigned else FactKind.ORDER,
        code="open",
        ref=digest(name, "ref")[:16],
        source=ActorId(b"S" * 16),
        assignee=ActorId(b"A" * 16) if assigned else None,
        purpose=PurposeId("P09") if assigned else None,
        since_ms=NOW,
        until_ms=None,
    )


def test_an_item_stands_as_it_was_last_put_and_others_stay(data: Store) -> None:
    given, other, bens = consent("a"), consent("b"), consent("a", BEN)
    withdrawn = replace(given, state=ConsentState.WITHDRAWN, valid_until_ms=NOW, record_hash=digest("new"))
    with data.write() as conn:
        consents.replace(conn, [given, other, bens])

    with data.write() as conn:
        consents.replace(conn, [withdrawn])
        consents.replace(conn, [])

    with data.read() as conn:
        found = consents.current(conn, TENANT, [ADA, BEN, subject_id(3)])
    assert set(found[ADA]) == {withdrawn, other}
    assert found[BEN] == [bens]
    assert set(found) == {ADA, BEN}


def test_records_are_read_in_order_and_the_newest_by_itself(data: Store) -> None:
    rows = [authorisation(seq) for seq in (1, 2, 3)]
    with data.write() as conn:
        consents.append(conn, [*rows[::-1], authorisation(1, BEN)])

    with data.read() as conn:
        assert consents.authorisations(conn, TENANT, [ADA, BEN]) == {ADA: rows, BEN: [authorisation(1, BEN)]}
        assert consents.newest(conn, TENANT, ADA) == rows[2]
        assert consents.newest(conn, TENANT, subject_id(3)) is None


def test_no_record_is_ever_replaced(data: Store) -> None:
    with data.write() as conn:
        consents.append(conn, [authorisation(1)])

    with pytest.raises(Conflict), data.write() as conn:
        consents.append(conn, [replace(authorisation(1), body="{}")])

    with data.read() as conn:
        assert consents.authorisations(conn, TENANT, [ADA]) == {ADA: [authorisation(1)]}


def test_facts_are_put_replaced_and_dropped_by_their_ids(data: Store) -> None:
    order, case, bens = fact("order"), fact("case", assigned=True), fact("order", BEN)
    ended = replace(case, until_ms=NOW)
    with data.write() as conn:
        facts.replace(conn, [order, case, bens])

    with data.write() as conn:
        facts.replace(conn, [ended])
        facts.drop(conn, TENANT, ADA, ids=[order.fact])
        facts.drop(conn, TENANT, ADA, ids=[])

    with data.read() as conn:
        assert facts.current(conn, TENANT, [ADA, BEN, subject_id(3)]) == {ADA: [ended], BEN: [bens]}


def test_a_word_that_we_do_not_know_is_corrupt(data: Store) -> None:
    with data.write() as conn:
        consents.replace(conn, [consent("a")])
        facts.replace(conn, [fact("a")])
        conn.execute(text("UPDATE consent SET state = 'agreed'"))
        conn.execute(text("UPDATE fact SET kind = 'wish'"))

    for current in (consents.current, facts.current):
        with pytest.raises(Corrupt), data.read() as conn:
            current(conn, TENANT, [ADA])
