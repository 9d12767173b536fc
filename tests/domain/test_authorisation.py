"""Authorisation records: one chain a subject, appended and never rewritten, each with its digest."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from vault.domain.authorisation import ConsentEvent, Principal, chained, record
from vault.domain.canonical import canonical
from vault.domain.consent import NO_HEAD, AuthorisationRow, ConsentForm, ConsentState, consent_head
from vault.domain.facts import facts_head
from vault.domain.instants import day, millis, moment, month, rfc3339
from vault.domain.policy import Notice, Purpose
from vault.domain.terms import ConsentId, PurposeId, SubjectId, SubjectKind, TenantId

AT = datetime(2026, 11, 21, 8, 0, 0, 123000, tzinfo=UTC)
P11 = PurposeId("P11")
NOTICE = Notice("ntc_marketing", "1", "en", "ab" * 32, frozenset({P11}), "We send offers.")
PURPOSE = Purpose(
    P11, "Marketing", (), {"CN": ("pipl:13-1-1",)}, {}, despite_restriction=False, mask="screen"
)
PRINCIPAL = Principal(TenantId(b"t" * 16), SubjectId(b"u" * 16), SubjectKind.PERSON, ("CN",))
GIVEN = ConsentEvent(
    ConsentId(b"c" * 16),
    PURPOSE,
    ConsentState.GIVEN,
    ConsentForm.EXPLICIT,
    NOTICE,
    AT,
    AT + timedelta(days=365),
    (),
    ("mobile",),
    "principal",
    "web",
    "tick+confirm",
)


def chain(*events: ConsentEvent) -> list[AuthorisationRow]:
    """Append the events one after the other."""
    rows: list[AuthorisationRow] = []
    for event in events:
        row, _ = record(event, PRINCIPAL, controller={"name": "Skylark"}, retention="consent", before=rows)
        rows.append(row)
    return rows


def test_a_record_has_every_mandatory_part_of_its_final_form() -> None:
    (row,) = chain(GIVEN)
    body = json.loads(row.body)

    assert body["record_id"] == "63636363-6363-6363-6363-636363636363"
    assert (body["rev"], body["prev_hash"]) == (1, f"sha256:{NO_HEAD.hex()}")
    assert body["notice"] == {
        "id": "ntc_marketing",
        "version": "1",
        "lang": "en",
        "sha256": "ab" * 32,
        "shown_at": "2026-11-21T08:00:00.123Z",
    }
    (item,), (event,) = body["items"], body["events"]
    assert (item["purpose"], item["basis"], item["form"], item["fields"]) == (
        "P11",
        "pipl:13-1-1",
        "explicit",
        ["mobile"],
    )
    assert item["valid_until"] == "2027-11-21T08:00:00.123Z"
    assert (event["state"], event["channel"], event["by"]["kind"]) == ("given", "web", "principal")
    assert canonical(body).decode() == row.body


def test_the_chain_runs_over_all_items_and_counts_revisions_by_item() -> None:
    other = replace(GIVEN, consent=ConsentId(b"d" * 16))

    rows = chain(GIVEN, other, replace(GIVEN, state=ConsentState.WITHDRAWN, notice=None))

    assert chained(rows)
    assert [json.loads(row.body)["rev"] for row in rows] == [1, 1, 2]
    assert [row.prev_hash for row in rows[1:]] == [row.hash for row in rows[:-1]]


@pytest.mark.parametrize("crime", ["drop", "swap", "edit", "cut the front"])
def test_a_chain_that_was_touched_is_no_chain(crime: str) -> None:
    rows = chain(GIVEN, replace(GIVEN, state=ConsentState.REFUSED), GIVEN)
    touched = {
        "drop": [rows[0], rows[2]],
        "swap": [rows[1], rows[0], rows[2]],
        "edit": [rows[0], replace(rows[1], body=rows[1].body.replace("refused", "given")), rows[2]],
        "cut the front": rows[1:],
    }

    assert chained(rows)
    assert not chained(touched[crime])


def test_where_an_item_stands_is_what_its_newest_event_says() -> None:
    _, now = record(GIVEN, PRINCIPAL, controller={}, retention="consent", before=[])

    assert (now.purpose, now.state, now.at_ms) == (P11, ConsentState.GIVEN, millis(AT))
    assert now.covers(P11, AT)
    assert not now.covers(PurposeId("P10"), AT)
    assert not now.covers(P11, AT - timedelta(milliseconds=1))
    assert not now.covers(P11, AT + timedelta(days=365))


def test_heads_depend_on_every_part_of_every_row_and_not_on_their_order() -> None:
    _, one = record(GIVEN, PRINCIPAL, controller={}, retention="consent", before=[])
    two = replace(one, consent=ConsentId(b"e" * 16))

    assert consent_head([one, two]) == consent_head([two, one])
    assert consent_head([]) == facts_head([]) == NO_HEAD
    changed = [
        replace(one, state=ConsentState.WITHDRAWN),
        replace(one, valid_until_ms=None),
        replace(one, recipients="x"),
        replace(one, record_hash=bytes(32)),
    ]
    assert len({consent_head([row]) for row in (one, two, *changed)}) == 6


def test_moments_are_written_in_utc_to_the_millisecond_the_day_and_the_month() -> None:
    assert moment(millis(AT)) == AT
    assert (rfc3339(AT), day(AT), month(AT)) == ("2026-11-21T08:00:00.123Z", "2026-11-21", 202611)
