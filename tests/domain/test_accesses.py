"""What entries say to the customer whom they name."""

import json
from typing import Any

import pytest

from vault.domain.accesses import (
    Beside,
    concerning,
    first_part,
    processed,
    read_access,
    read_beside,
    settled,
    withheld,
)
from vault.domain.grants import token_text

ME, OTHER = bytes(16), b"\1" * 16
REQUEST = token_text(b"r" * 16)


def id_of(index: int) -> bytes:
    return index.to_bytes(16)


def body(index: int, kind: str = "profile.disclosed", *, outcome: str = "granted", **more: Any) -> bytes:
    entry = {
        "id": token_text(id_of(index)),
        "t": 1_795_255_200_000,
        "kind": kind,
        "actor": {"id": "xyz", "type": "app"},
        "action": "read",
        "purpose": "P04",
        "role_set": ["service_desk"],
        "outcome": outcome,
        "req": REQUEST,
        "sets": [{"subjects": [token_text(ME)], "fields": ["name"], "treatments": ["mask"]}],
        **more,
    }
    return json.dumps(entry).encode()


def read(*bodies: bytes) -> list[Any]:
    return [read_access(index, one, {ME}) for index, one in enumerate(bodies)]


def outcomes(*bodies: bytes, beside: tuple[Beside, ...] = ()) -> list[str]:
    return [one.outcome for one in settled(read(*bodies), beside)]


def test_only_the_set_that_names_the_customer_is_told() -> None:
    sets = [
        {"subjects": [token_text(OTHER)], "fields": ["mobile"], "treatments": ["plain"]},
        {"subjects": [token_text(ME)], "outcome": "refused:restriction"},
    ]

    (one,) = read(body(0, outcome="mixed", sets=sets))

    assert (one.outcome, one.code, one.fields) == ("refused", "restriction", {})


def test_a_set_without_an_outcome_of_a_mixed_call_was_granted() -> None:
    (one,) = read(body(0, outcome="mixed"))

    assert (one.outcome, one.fields, one.on) == ("shown", {"name": "mask"}, "2026-11-21")


def test_a_write_names_its_fields_and_shows_none() -> None:
    sets = [{"subjects": [token_text(ME)], "fields": ["mobile", "name"]}]

    (one,) = read(body(0, "subject.changed", outcome="recorded", sets=sets))

    assert (one.outcome, one.fields) == ("recorded", {"mobile": None, "name": None})


def test_neither_a_person_nor_an_app_is_named_and_the_house_is() -> None:
    one, other = read(body(0), body(1, actor={"id": "system:index", "type": "system"}, action="process"))

    assert one.by == "app"
    assert other.by == "system:index"
    (summed,) = processed([one, other])
    assert (summed.by, summed.times) == ("system:index", 1)


def test_what_was_cancelled_did_not_happen_and_what_was_granted_anew_did() -> None:
    cancelled = body(1, "release.cancelled", outcome="refused:changed_meanwhile")

    assert outcomes(body(0), cancelled, body(2)) == ["not_released", "not_released", "shown"]


def test_a_cancellation_of_another_request_changes_nothing() -> None:
    other = body(1, "release.cancelled", outcome="refused:x", req=token_text(b"s" * 16))

    assert outcomes(body(0), other) == ["shown", "not_released"]


def test_a_value_that_was_rejected_was_not_released() -> None:
    rejected = body(1, "value.rejected", outcome="failed:manifest_mac")

    assert outcomes(body(0), rejected) == ["not_released", "not_released"]


def test_nothing_was_released_under_an_entry_that_failed() -> None:
    failed = read_beside(
        7, body(7, "release.failed", object={"type": "entry", "id": token_text(id_of(0))}, sets=[])
    )

    assert outcomes(body(0), body(1), beside=(failed,)) == ["not_released", "shown"]
    assert concerning(read(body(0)), [failed]) == {7}
    assert concerning(read_others(), [failed]) == set()


def read_others() -> list[Any]:
    return [read_access(5, body(5), {ME})]


def test_a_part_failed_with_the_first_part_of_its_entry() -> None:
    first = read_beside(4, body(4, part=[1, 2]))
    failed = Beside(9, id_of(9), id_of(4))
    second = read_access(5, body(5, part=[2, 2]), {ME})

    assert first_part(second) == 4
    assert [one.outcome for one in settled([second], [first, failed])] == ["not_released"]
    assert [one.outcome for one in settled([second], [failed])] == ["shown"]
    assert concerning([second], [first, failed]) == {4, 9}


def delay(index: int, of: int, until: str) -> bytes:
    about = {"type": "entry", "id": token_text(id_of(of)), "code": f"until:{until}"}
    sets = [{"subjects": [token_text(ME)]}]
    return body(index, "access.delayed", outcome="recorded", action="review", object=about, sets=sets)


def test_a_delay_hides_the_entry_and_itself_until_it_ends() -> None:
    told = read(body(0), body(1, req=token_text(b"s" * 16)), delay(2, 0, "2026-12-01"))

    assert withheld(told, "2026-11-30") == {0, 2}
    assert withheld(told, "2026-12-01") == set()


def test_a_delay_hides_whatever_tells_of_the_entry() -> None:
    request = token_text(b"r" * 16)
    decision = delay(2, 0, "2026-12-01")
    about = {"type": "entry", "id": token_text(id_of(2))}
    told = read(
        body(0, req=request),
        body(1, "release.cancelled", outcome="failed", req=request),
        decision,
        body(3, "identity.disclosed", object={"type": "entry", "id": token_text(id_of(0))}, req=None),
        body(4, "identity.disclosed", object=about, req=token_text(b"s" * 16)),
        body(5, req=token_text(b"t" * 16)),
    )

    assert withheld(told, "2026-11-30") == {0, 1, 2, 3, 4}


def test_the_last_decision_about_an_entry_holds() -> None:
    told = read(body(0), delay(1, 0, "2026-12-31"), delay(2, 0, "2026-11-21"))

    assert withheld(told, "2026-11-21") == set()


@pytest.mark.parametrize(
    "wrong",
    [b"", b"[]", b"{}", b'{"id":"x"}', body(0, actor={}), body(0, sets=[{"subjects": 7}]), body(0, part=[1])],
)
def test_what_is_no_entry_is_told_of_nobody(wrong: bytes) -> None:
    with pytest.raises(ValueError, match="entry"):
        read_access(0, wrong, {ME})


@pytest.mark.parametrize("wrong", [b"", b"[]", b"{}", b'{"kind":"release.failed","object":7}'])
def test_what_is_no_entry_stands_beside_none(wrong: bytes) -> None:
    with pytest.raises(ValueError, match="entry"):
        read_beside(0, wrong)
