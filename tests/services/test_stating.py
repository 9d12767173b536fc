"""Stating: what a source says of a customer is checked before it is kept."""

import pytest

from tests.house import House
from vault.errors import InvalidValue
from vault.services import standing_facts


@pytest.mark.parametrize("purpose", ["p11", "P99", "P" * 40])
def test_an_objection_against_a_purpose_that_nobody_knows_is_refused(house: House, purpose: str) -> None:
    own = house.known_to("registry", house.admit())

    with pytest.raises(InvalidValue) as raised:
        standing_facts.record_fact(
            house.parts, house.call("registry"), own, kind="objection", ref="o-1", until=None, purpose=purpose
        )

    assert (raised.value.code, raised.value.facts["field"]) == ("unknown_code", "purpose")
    assert house.rows_of("data", "SELECT count(*) FROM fact") == [(0,)]
