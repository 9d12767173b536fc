"""Erasures: a customer is forgotten for good: first shown, then carried out as shown, then certified."""

from flask import Response

from vault.domain.terms import Action
from vault.services import erase
from vault.web import emit
from vault.web import erasure_schemas as schemas
from vault.web.context import Asked
from vault.web.routes import Route


def plan(asked: Asked, customer: str) -> Response:
    """Show what an erasure would take."""
    lapsed = asked.body["lapsed"]
    found, apps = erase.planned(asked.parts, asked.call, customer, lapsed=lapsed)
    return emit.json(
        {
            "plan": found.digest,
            "fields": list(found.fields),
            "keys": [one.written() for one in found.keys],
            "apps": list(apps),
            "law": [one.written() for one in found.law],
            "refused": list(found.refused),
            "places": dict(found.places),
        }
    )


def carry_out(asked: Asked, customer: str) -> Response:
    """Carry out the plan that was shown."""
    sent = asked.body
    done = erase.erase(
        asked.parts,
        asked.call,
        customer,
        digest=sent["plan"],
        reason=sent["reason_code"],
        lapsed=sent["lapsed"],
    )
    return emit.json({"id": done.id, "state": done.state}, status=201)


def certify(asked: Asked, erasure: str) -> Response:
    """Give the certificate."""
    return emit.json(erase.certificate(asked.parts, asked.call, erasure))


ROUTES = (
    Route(
        "POST",
        "/v1/subjects/<customer>/erasure/plan",
        Action.ERASE,
        plan,
        "Show what an erasure of a customer would take, and what keeps it; nothing changes.",
        body=schemas.ErasureAsked,
        answer=schemas.ErasurePlan,
        behalf=False,
    ),
    Route(
        "POST",
        "/v1/subjects/<customer>/erasure",
        Action.ERASE,
        carry_out,
        "Erase a customer for good, as the plan of that digest showed; what was begun is gone on with.",
        status=201,
        body=schemas.NewErasure,
        answer=schemas.Erasure,
        behalf=False,
    ),
    Route(
        "GET",
        "/v1/erasures/<erasure>",
        Action.ERASE,
        certify,
        "Give the signed certificate of an erasure, with its proofs from the ledger.",
        answer=schemas.Certificate,
        behalf=False,
    ),
)
