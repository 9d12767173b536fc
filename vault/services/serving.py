"""Serving: a customer is found for whoever looks after the rights of customers, and for nobody else."""

from typing import Final

from vault.domain.terms import Action, PurposeId
from vault.errors import Refused
from vault.services import amending
from vault.services.amending import Standing
from vault.services.parts import Call, Parts
from vault.services.permitting import permit, refuse

# The only purpose of it (GDPR 15, PIPL 45).
RIGHTS: Final = PurposeId("P18")
# For how long after it an entry may be kept from its customer, and so how far back a decision can stand.
LONGEST_DELAY_DAYS: Final = 366
DELAYED_MONTHS: Final = 14


def serve(parts: Parts, call: Call, customer: str, action: Action) -> Standing:
    """Find the customer and judge *action*; raises Refused ``purpose`` for any other purpose than rights."""
    if call.purpose != RIGHTS:
        refuse(parts, call, action, Refused("purpose"))
    return amending.stand(parts, call, customer, action, permitted=permit(parts, call, action))
