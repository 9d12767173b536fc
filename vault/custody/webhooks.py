"""Webhooks: what is posted elsewhere is signed, so that its receiver knows who says it (Standard Webhooks).

signature = "v1," base64(HMAC-SHA256(secret, id "." unix seconds "." body))
"""

import base64
from collections.abc import Mapping

from vault.crypto.mac import mac


def signed(secret: bytes, message_id: str, *, at_seconds: int, body: bytes) -> Mapping[str, str]:
    """Give the headers of a message; its id stays when it is sent again, its time and signature do not."""
    content = f"{message_id}.{at_seconds}.".encode() + body
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at_seconds),
        "webhook-signature": f"v1,{base64.b64encode(mac(secret, content)).decode()}",
    }
