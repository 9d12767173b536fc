"""Every way the vault says no, and nothing else.

    VaultError
    ├── Invalid              what was sent is wrong; nothing was changed        (400, 422, 428)
    │   └── InvalidValue     a value does not fit its field
    ├── Unauthenticated      nobody we know is asking                           (401)
    ├── Refused              known, but this may not be done                    (403)
    ├── NotFound             absent, erased or not yours, alike                 (404)
    ├── Conflict             it meets something that already stands             (409)
    ├── Stale                it changes a revision that is no longer current    (412)
    ├── TooLarge             more than one call may carry                       (413)
    ├── TooMany              more at once than this process takes               (429)
    ├── Corrupt              a store does not hold what was put into it         (500)
    ├── BackupUnfit          a backup set that cannot be used, or not for this
    ├── Unavailable          a part the promise needs does not answer           (503)
    │   ├── StoreUnavailable, LedgerUnavailable, TierUnavailable, Moved, HouseLocked, NotaryRefuses, Unproven
    │   └── KeyUnavailable, KeyDenied, KeyDestroyed
    └── Misconfigured        settings, slots or policies that must not start a house
        └── PolicyMistakes   what a candidate for the next policy has wrong                (422)

Messages carry codes and field names, never values (STYLE 25).
"""

from collections.abc import Mapping, Sequence

from typing_extensions import override


class VaultError(Exception):
    """The root of the tree; ``code`` is stable, and told in ``docs/api.md`` or by ``vaultctl`` itself."""

    code = "internal"

    def __init__(self, code: str | None = None, /, **facts: str | int) -> None:
        """Name the failure by *code*; *facts* are field names, limits and counts, never values."""
        self.code = code or type(self).code
        self.facts: Mapping[str, str | int] = facts
        super().__init__(self.code)

    @override
    def __str__(self) -> str:
        """Render the code and the facts, which are safe to show."""
        return " ".join([self.code, *(f"{name}={fact}" for name, fact in self.facts.items())])


class Invalid(VaultError):
    """What was sent is wrong; nothing was changed."""

    code = "invalid"


class InvalidValue(Invalid):
    """A value does not fit its field; ``facts["field"]`` names it."""

    code = "value"


class Unauthenticated(VaultError):
    """Nobody we know is asking."""

    code = "unauthenticated"


class Refused(VaultError):
    """The asker is known, and this may not be done."""

    code = "refused"


class NotFound(VaultError):
    """Absent, erased or not yours: an outsider cannot tell which."""

    code = "not_found"


class Conflict(VaultError):
    """It meets something that already stands."""

    code = "conflict"


class Stale(VaultError):
    """It changes a revision that is no longer the current one."""

    code = "stale_revision"


class TooLarge(VaultError):
    """More than one call may carry."""

    code = "too_large"


class TooMany(VaultError):
    """More at once than this process takes; going on later is right."""

    code = "too_many"


class Corrupt(VaultError):
    """A store does not hold what was put into it.

    The caller sees one code whatever the reason; ``reason`` is for the ledger alone.
    """

    code = "sealed_value_rejected"

    def __init__(self, reason: str) -> None:
        """Keep *reason*, a short code such as ``seal`` or ``manifest_mac``."""
        super().__init__()
        self.reason = reason


class BackupUnfit(VaultError):
    """A backup set cannot be used, or not for this; nothing was changed. ``vaultctl`` tells the remedy."""

    code = "backup_foreign"


class Unavailable(VaultError):
    """A part that a promise needs does not answer; nothing was disclosed."""

    code = "unavailable"


class StoreUnavailable(Unavailable):
    """One of the four stores is full, locked, gone or refusing."""

    code = "store_unavailable"


class LedgerUnavailable(Unavailable):
    """The entry could not be made durable."""

    code = "ledger_unavailable"


class TierUnavailable(Unavailable):
    """This process was not given the tier's secret."""

    code = "tier_unavailable"


class KeyUnavailable(Unavailable):
    """The provider of a slot's secret is down, or does not answer in time; ``facts`` name both."""

    code = "key_provider_unavailable"


class KeyDenied(Unavailable):
    """The provider of a slot's secret does not let this process use it."""

    code = "key_denied"


class KeyDestroyed(Unavailable):
    """The secret, or the version of it under which something was sealed, is gone for ever."""

    code = "key_destroyed"


class Moved(Unavailable):
    """What was asked for changed between its entry and its opening; asking anew is right."""

    code = "changed_meanwhile"


class Unproven(Unavailable):
    """A list that is shown with proofs cannot be proved now, or not at all: ``code`` tells which."""

    code = "proofs_unavailable"


class HouseLocked(Unavailable):
    """The stores contradict each other; ``facts["reason"]`` says how."""

    code = "house_locked"


class NotaryRefuses(Unavailable):
    """The ledger is not the one that the notary knows, or it cannot sign; ``facts["reason"]`` says why."""

    code = "notary_refuses"


class Misconfigured(VaultError):
    """Settings, slots or policies that must not start a house; all faults at once."""

    code = "misconfigured"

    def __init__(self, faults: Sequence[str]) -> None:
        """Collect *faults*, each a sentence that names the setting or file and the remedy."""
        super().__init__()
        self.faults = tuple(faults)

    @override
    def __str__(self) -> str:
        """Say every fault, one a line."""
        return "\n".join(self.faults)


class PolicyMistakes(Misconfigured):
    """A candidate for the next policy is wrong, each fault with file, line, remedy; the old one stays."""

    code = "policy_mistakes"
