"""Passwords: Argon2id (RFC 9106), few at a time, so that a flood of log-ins cannot take all memory."""

from threading import Semaphore

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

# RFC 9106 4, the second recommended choice: 64 MiB, three passes, four lanes.
_MEMORY_KIB = 64 * 1024
_PASSES = 3
_LANES = 4
_AT_ONCE = 2


class Passwords:
    """Hashes what is to be remembered and checks what is shown; the cost stands in each hash."""

    __slots__ = ("_hasher", "_nobody", "_turns")

    def __init__(self, *, memory_kib: int = _MEMORY_KIB, passes: int = _PASSES, lanes: int = _LANES) -> None:
        """Hash at this cost from now on; older hashes are still checked at theirs."""
        self._hasher = PasswordHasher(
            time_cost=passes, memory_cost=memory_kib, parallelism=lanes, type=Type.ID
        )
        self._turns = Semaphore(_AT_ONCE)
        self._nobody = ""

    def hash(self, secret: bytes) -> str:
        """Hash *secret* under a salt of its own; the text names its parameters (PHC string format)."""
        with self._turns:
            return self._hasher.hash(secret)

    def fits(self, kept: str | None, secret: bytes) -> bool:
        """Tell whether *kept* is a hash of *secret*; None fits nothing, and takes as long as any other."""
        with self._turns:
            # Made when it is first needed: a command that nobody logs in to need not wait for it.
            self._nobody = self._nobody or self._hasher.hash(b"nobody")
            try:
                self._hasher.verify(kept or self._nobody, secret)
            except (VerificationError, InvalidHashError):
                return False
            return kept is not None
