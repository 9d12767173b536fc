"""Revoked writers: nothing is written under an entry later than the one that revoked its writer."""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, cast

from tests.house import House
from vault.custody.authority import Authority
from vault.errors import LedgerUnavailable
from vault.services import govern, intake

# Long enough for a revocation that waits for nobody to be through.
MOMENT_SECONDS = 0.5


class Rechecked:
    """An authority after whose look, in the middle of a write, something happens."""

    def __init__(self, authority: Authority, happens: Callable[[], object]) -> None:
        self._authority, self._happens = authority, happens

    def __getattr__(self, name: str) -> Any:
        return getattr(self._authority, name)

    def recheck(self, *of: Any) -> bool:
        standing = self._authority.recheck(*of)
        self._happens()
        return standing


def test_a_revocation_that_meets_a_write_is_told_after_it(house: House) -> None:
    call, app = house.call("intake"), house.app("intake").id

    def revoke() -> None:
        # On a busy machine its entry may come with a later turn; that it comes later is the promise.
        with suppress(LedgerUnavailable):
            govern.revoke_app(house.parts, house.operator, app)

    revoking = threading.Thread(target=revoke)

    def meanwhile() -> None:
        revoking.start()
        revoking.join(MOMENT_SECONDS)

    parts = replace(house.parts, authority=cast("Authority", Rechecked(house.parts.authority, meanwhile)))
    intake.admit(parts, call, {"kind": "person", "fields": {"name": "王小明"}})
    revoking.join()
    house.parts.ledger.settle([])

    kinds = [entry["kind"] for entry in house.entries()]
    assert kinds.index("subject.admitted") < kinds.index("app.revoked")
