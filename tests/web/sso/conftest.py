"""Single sign-on of the tests: a provider that says what it is told to, and staff who have added it."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.house import House
from tests.issuer import Issuer, an_issuer
from tests.staff import Person, admins
from tests.web.sso.signing_on import add


@pytest.fixture
def issuer(house: House) -> Iterator[Issuer]:
    with an_issuer(house.clock) as running:
        yield running


@pytest.fixture
def staff(house: House, issuer: Issuer) -> tuple[Person, Person]:
    """Two administrators of a house that was told of the provider; the first has added single sign-on."""
    house.settings = replace(house.settings, single_sign_on=issuer.settings())
    one, other = admins(house)
    assert add(one, issuer).status_code == 200
    return one, other
