"""Samples: the entries of a day that somebody looks through, and who says so."""

from flask import Response

from vault.domain.instants import moment, rfc3339
from vault.domain.terms import Action
from vault.services import samples
from vault.services.governing import GOVERNED_FOR
from vault.services.samples import Drawn
from vault.web import emit
from vault.web import review_schemas as schemas
from vault.web.context import Asked
from vault.web.routes import Route


def list_samples(asked: Asked) -> Response:
    """List samples."""
    found = samples.listing(asked.parts, asked.call.actor)
    items = [
        {
            "day": one.day,
            "root": one.root.hex(),
            "size": one.size,
            "population": one.population,
            "drawn": rfc3339(moment(one.drawn_ms)),
            "attested": rfc3339(moment(one.attested_ms)) if one.attested_ms is not None else None,
        }
        for one in found
    ]
    return emit.json({"items": items})


def show(asked: Asked, day: str) -> Response:
    """Show what was drawn for a day."""
    found = samples.show(asked.parts, asked.call.actor, day)
    return emit.json({"items": [_drawn(one) for one in found]})


def attest(asked: Asked, day: str) -> Response:
    """Say that it was looked through."""
    reviewed = asked.body["reviewed"]
    of = samples.attest(asked.parts, asked.visited(), day, reviewed)
    return emit.json({"reviewed": reviewed, "of": of})


def _drawn(one: Drawn) -> dict[str, object]:
    entry = one.entry
    return {
        "index": one.index,
        "at": rfc3339(moment(entry.at_ms)),
        "kind": entry.kind.value,
        "actor": {"id": one.who, "type": one.who_type, "name": one.name},
        "purpose": entry.purpose,
        "tier": None if entry.tier is None else int(entry.tier),
        "outcome": entry.outcome,
        "subjects": sum(len(each.subjects) for each in entry.sets),
        "fields": sorted({name for each in entry.sets for name in each.fields}),
    }


ROUTES = (
    Route(
        "GET",
        "/v1/samples",
        Action.REVIEW,
        list_samples,
        "List the daily samples, the newest first, each with the root that it was drawn by.",
        answer=schemas.Samples,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "GET",
        "/v1/samples/<day>",
        Action.REVIEW,
        show,
        "Show the entries that were drawn for a day, but for your own.",
        answer=schemas.DrawnSample,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "POST",
        "/v1/samples/<day>/attest",
        Action.REVIEW,
        attest,
        "Say how many of them you have looked through; takes a second factor that was shown just now.",
        body=schemas.Attestation,
        answer=schemas.Attested,
        purpose=GOVERNED_FOR,
    ),
)
