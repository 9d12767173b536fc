"""Evidence: the newest signed checkpoint, and proofs of entries, as texts that are verified elsewhere."""

from flask import Response

from vault.domain.terms import Action
from vault.errors import NotFound
from vault.services import evidence
from vault.services.inspecting import INSPECTED_FOR
from vault.web.context import Asked
from vault.web.routes import Route

_TEXT = "text/plain"
# So many digits are more entries than any ledger has.
_MOST_DIGITS = 15


def checkpoint(asked: Asked) -> Response:
    """Give the newest signed note."""
    return _text(evidence.checkpoint(asked.parts, asked.call.actor))


def proof(asked: Asked, index: str) -> Response:
    """Prove where an entry stands."""
    is_number = index.isascii() and index.isdigit() and len(index) <= _MOST_DIGITS
    if not is_number or (index.startswith("0") and index != "0"):
        raise NotFound
    return _text(evidence.proof(asked.parts, asked.call.actor, int(index)))


def _text(packed: bytes) -> Response:
    return Response(packed, content_type=f"{_TEXT}; charset=utf-8")


ROUTES = (
    Route(
        "GET",
        "/v1/ledger/checkpoint",
        Action.REVIEW,
        checkpoint,
        "The newest checkpoint that the notary signed, as a signed note (C2SP).",
        media_type=_TEXT,
        purpose=INSPECTED_FOR[0],
    ),
    Route(
        "GET",
        "/v1/ledger/entries/<index>/proof",
        Action.REVIEW,
        proof,
        "That an entry stands under the newest checkpoint, as a proof (C2SP tlog-proof).",
        media_type=_TEXT,
        purpose=INSPECTED_FOR[0],
    ),
)
