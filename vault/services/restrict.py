"""Restrict: stop all use of a customer but storage and protection, and lift that (PIPL 47, GDPR 18)."""

from dataclasses import replace

from vault.domain.kinds import Kind
from vault.domain.terms import Action, Gate, is_word
from vault.errors import InvalidValue
from vault.services import amending, witness
from vault.services.parts import Call, Parts
from vault.services.writing import is_told, until_current, write


def restrict(parts: Parts, call: Call, customer: str, reason_code: str) -> bool:
    """Restrict the customer at once, for a reason that its entry keeps; True where that is to come (202).

    Repeating it changes nothing.
    """
    if not is_word(reason_code, longest=32):
        raise InvalidValue("unknown_code", field="reason_code")
    return _set(parts, replace(call, reason=reason_code), customer, restricted=True)


def lift(parts: Parts, call: Call, customer: str) -> bool:
    """Lift the restriction; repeating it changes nothing."""
    return _set(parts, call, customer, restricted=False)


def _set(parts: Parts, call: Call, customer: str, *, restricted: bool) -> bool:
    def attempt() -> bool:
        standing = amending.stand(parts, call, customer, Action.RESTRICT)
        row = standing.located.row
        gates = row.gates | Gate.RESTRICTED if restricted else row.gates & ~Gate.RESTRICTED
        if gates == row.gates:
            return not is_told(parts, row.subject)
        kind = Kind.RESTRICTION_SET if restricted else Kind.RESTRICTION_LIFTED
        # By its own secret: once that is destroyed, no id of the customer leads to this entry.
        ref = witness.restriction_ref(standing.located.identity)
        notice = witness.notice("restricted" if restricted else "unrestricted", ref)
        draft = amending.draft(parts, call, standing, kind, gates=gates, notice=notice)
        # Lifting gives data free again: it waits for its entry as any other change does.
        (written,) = write(parts, call, [draft], must_hold=restricted)
        return written.accepted

    return until_current(attempt)
