"""Campaigns: whether every grant is still needed, asked of those who know, with evidence."""

import json
from collections.abc import Mapping
from typing import Any

from flask import Response

from vault.domain.instants import moment, rfc3339
from vault.domain.terms import Action, CampaignId, GrantId, PersonId, id_text
from vault.errors import NotFound
from vault.services import certify
from vault.services.certify import Item
from vault.services.governing import GOVERNED_FOR
from vault.web import emit
from vault.web import oversight_schemas as schemas
from vault.web.context import Asked
from vault.web.reading import read_id
from vault.web.routes import Route

_CSV = "text/csv; charset=utf-8"


def open_campaign(asked: Asked) -> Response:
    """Open a campaign."""
    sent = asked.body
    campaign = certify.open_campaign(
        asked.parts,
        asked.call.actor,
        due=sent["due"],
        certifier=PersonId(read_id("per", sent["certifier"])),
    )
    return emit.json({"id": id_text("cmp", campaign)}, status=201)


def list_items(asked: Asked) -> Response:
    """List what is to be certified."""
    found = certify.items(asked.parts, asked.visited().actor)
    return emit.json({"items": [_described(one) for one in found]})


def show(asked: Asked, campaign: str) -> Response:
    """Show one campaign."""
    return emit.json({"items": [_described(one) for one in _items(asked, campaign)]})


def evidence(asked: Asked, campaign: str) -> Response:
    """Give the evidence as CSV."""
    return Response(certify.evidence(_items(asked, campaign)), content_type=_CSV)


def decide(asked: Asked, campaign: str, grant: str) -> Response:
    """Say what becomes of one grant."""
    sent = asked.body
    certify.certify(
        asked.parts,
        asked.visited().actor,
        CampaignId(read_id("cmp", campaign)),
        GrantId(read_id("grt", grant)),
        verdict=sent["verdict"],
        purposes=sent["purposes"],
        until=sent.get("until"),
    )
    return emit.done()


def _items(asked: Asked, campaign: str) -> list[Item]:
    found = certify.items(asked.parts, asked.visited().actor, CampaignId(read_id("cmp", campaign)))
    if not found:
        raise NotFound
    return found


def _described(one: Item) -> Mapping[str, Any]:
    decided = one.row.decided_ms
    return {
        "campaign": id_text("cmp", one.row.campaign),
        "grant": id_text("grt", one.row.role_grant),
        "holder": one.holder,
        "role": one.grant.role,
        "purposes": json.loads(one.grant.purposes),
        "last_used": one.last_used,
        "asked": one.owner,
        "due": rfc3339(moment(one.row.due_ms)),
        "verdict": one.verdict,
        "decided": rfc3339(moment(decided)) if decided is not None else None,
    }


ROUTES = (
    Route(
        "POST",
        "/v1/campaigns",
        Action.GOVERN,
        open_campaign,
        "Ask of every grant whether it is still needed; what nobody has kept when it is due is over.",
        status=201,
        body=schemas.NewCampaign,
        answer=schemas.Opened,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "GET",
        "/v1/campaigns",
        Action.OWN,
        list_items,
        "List the grants of which you are asked; of all, where you govern.",
        answer=schemas.Items,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "GET",
        "/v1/campaigns/<campaign>",
        Action.OWN,
        show,
        "List the grants of one campaign, and what became of each.",
        answer=schemas.Items,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "GET",
        "/v1/campaigns/<campaign>/evidence",
        Action.OWN,
        evidence,
        "Give the same as CSV, to be filed.",
        media_type="text/csv",
        purpose=GOVERNED_FOR,
    ),
    Route(
        "POST",
        "/v1/campaigns/<campaign>/grants/<grant>",
        Action.OWN,
        decide,
        "Keep, revoke or reduce one grant of which you are asked.",
        status=204,
        body=schemas.Verdict,
        purpose=GOVERNED_FOR,
    ),
)
