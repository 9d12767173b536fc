"""One read after the other, each on a connection of its own: what was answered, and how soon."""

import http.client
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.soak.people import Told
from tests.soak.serving import HOST, Serving, eventually

# What a caller may wait for a refusal at the most (AUDIT §6, row 11).
AT_MOST_SECONDS = 3.0
# What a reader of this customer may see; a refusal holds nothing of it.
SECRETS = ("客户", "138****", "+86138", "@", "\\u", "fields")


@dataclass(frozen=True)
class Answer:
    """An answer, or the silence of whoever had the connection."""

    status: int | None
    text: str
    seconds: float

    @property
    def is_refusal(self) -> bool:
        """Tell whether it is a 503 that says nothing of anybody."""
        return self.status == 503 and not any(secret in self.text for secret in SECRETS)


def read_one(told: Told, port: int, *, patience: float = 10.0) -> Answer:
    """Read the first customer once."""
    own, began = told.apps["servicedesk"], time.monotonic()
    connection = http.client.HTTPConnection(HOST, port, timeout=patience)
    status, text = None, ""
    try:
        path = f"/v1/profiles/{told.customers[0].ids['servicedesk']}?fields=name,mobile,email"
        headers = {"Authorization": f"Bearer {own.token}", "Vault-Purpose": own.purpose}
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        text = response.read().decode()
        status = response.status
    except (OSError, http.client.HTTPException):
        pass
    finally:
        connection.close()
    if status == 200:
        told.show(str(json.loads(text)["request"]), {told.customers[0].number})
    return Answer(status, text, time.monotonic() - began)


def read_until_refused(told: Told, port: int, *, most: int = 20_000) -> Answer:
    """Read until a read is refused; whatever comes before it is an answer with its entry."""
    for _ in range(most):
        answer = read_one(told, port)
        if answer.status != 200:
            return answer
    raise AssertionError("no read was refused")


def reads(told: Told, port: int, count: int) -> Sequence[Answer]:
    """Read so many times."""
    return [read_one(told, port) for _ in range(count)]


def all_refused(answers: Sequence[Answer]) -> bool:
    """Tell whether each was refused in time, without a word of anybody."""
    return all(one.is_refusal and one.seconds < AT_MOST_SECONDS for one in answers)


def recovers(serving: Serving, told: Told) -> None:
    """Wait until reads are answered again, by whichever worker."""
    eventually(lambda: all(one.status == 200 for one in reads(told, serving.site.port, 8)), "a recovery")
