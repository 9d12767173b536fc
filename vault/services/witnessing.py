"""Witnessing: a witness gets a checkpoint and the proof that it extends what it knows (C2SP tlog-witness)."""

from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from vault.custody import cosignatures
from vault.domain.note import Note
from vault.errors import Unavailable
from vault.services.fetching import send
from vault.setting_anchors import Witness

# Proves that a tree of so many leaves is a prefix of another; ValueError where the stored tree cannot.
Prove: TypeAlias = Callable[[int, int], Sequence[bytes]]
UNHEARD: Final = "unavailable"
# It may be told twice that others were first, and no oftener.
_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Taken:
    """An anchor has it, and this is what it gave."""

    evidence: bytes


@dataclass(frozen=True, slots=True)
class Contradicts:
    """An anchor holds another ledger than this one: how it shows, at which size, and by what."""

    code: str
    size: int
    evidence: bytes


Answer: TypeAlias = Taken | Contradicts


def witness(place: Witness, note: Note, was: int, *, prove: Prove, size_now: Callable[[], int]) -> Answer:
    """Hand over *note* to a witness that knew the ledger at size *was*; what it cosigned is verified.

    Raises Unavailable ``unavailable`` where it does not answer as it should.
    """
    size = note.checkpoint.size
    for _ in range(_TRIES):
        try:
            proof = prove(was, size)
        except ValueError:
            return Contradicts("rewritten", was, note.pack())
        body = _request(was, proof, note)
        heard = send("POST", f"{place.url}/add-checkpoint", body=body, unheard=UNHEARD)
        match heard.status:
            case 200:
                return Taken(_cosigned(place, note, heard.body))
            case 409:
                was = _size(heard.body)
                if was > size:
                    return ahead(was, size_now(), heard.body)
            case 422:
                # The witness has seen this ledger with another past: what it was shown is kept as evidence.
                return Contradicts("forked", size, body)
            case status:
                raise Unavailable(UNHEARD, reason=f"status_{status}")
    raise Unavailable(UNHEARD, reason="raced")


def ahead(held: int, size_now: int, evidence: bytes) -> Contradicts:
    """Judge an anchor that holds a larger checkpoint than it is handed.

    Raises Unavailable where the ledger is that large by now: another process was first.
    """
    if held > size_now:
        return Contradicts("rolled_back", held, evidence)
    raise Unavailable(UNHEARD, reason="raced")


def _request(was: int, proof: Sequence[bytes], note: Note) -> bytes:
    lines = (f"old {was}", *(b64encode(one).decode() for one in proof), "", "")
    return "\n".join(lines).encode() + note.pack()


def _cosigned(place: Witness, note: Note, lines: bytes) -> bytes:
    try:
        return cosignatures.cosigned(note, lines, cosignatures.keys_of(place.vkeys)).pack()
    except ValueError:
        raise Unavailable(UNHEARD, reason="cosignature") from None


def _size(body: bytes) -> int:
    """Read what a witness says of its size: decimal digits and the end of the line."""
    text = body.removesuffix(b"\n")
    if not text.isdigit() or len(text) > 19 or (len(text) > 1 and text.startswith(b"0")):
        raise Unavailable(UNHEARD, reason="size")
    return int(text)
