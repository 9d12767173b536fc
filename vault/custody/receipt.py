"""Receipt: the proof that an entry is durable, good for one opening within five seconds (DESIGN §8)."""

from dataclasses import dataclass, field
from typing import Final

from vault.errors import Corrupt

VALID_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Receipt:
    """What ``ledger.append`` returns; ``at`` is the monotonic clock when the entry had become durable."""

    index: int
    leaf: bytes
    grant_digest: bytes
    at: float
    # One token: who takes it first may open. list.pop is atomic, so two threads cannot both succeed.
    _unspent: list[None] = field(default_factory=lambda: [None], init=False, repr=False, compare=False)

    def spend(self, now: float) -> None:
        """Use the receipt up; raises Corrupt when it was used before, or is older than five seconds."""
        try:
            self._unspent.pop()
        except IndexError:
            raise Corrupt("receipt_spent") from None
        if not 0 <= now - self.at <= VALID_SECONDS:
            raise Corrupt("receipt_late")
