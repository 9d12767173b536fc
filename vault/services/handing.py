"""Handing: one checkpoint is handed to one anchor, each kind in its own way, and its answer is judged."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from vault.custody import timestamps
from vault.domain.merkle import extends
from vault.domain.note import Checkpoint, Note
from vault.errors import Unavailable
from vault.services.fetching import send
from vault.services.witnessing import UNHEARD, Answer, Contradicts, Prove, Taken, ahead, witness
from vault.setting_anchors import Authority, Directory, Host, Place, Witness
from vault.storage import note_files
from vault.storage.anchored import AnchoredRow
from vault.storage.checkpoints import CheckpointRow

_NOTE_TYPE: Final = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Handed:
    """What is handed over, what the anchor took before, and what the ledger says of itself meanwhile."""

    row: CheckpointRow
    known: AnchoredRow | None
    prove: Prove
    size_now: Callable[[], int]

    @property
    def is_newer(self) -> bool:
        """Tell whether the anchor has not taken it yet."""
        return self.known is None or self.known.size < self.row.size


def hand(place: Place, handed: Handed, *, lists: bool) -> Answer:
    """Hand it over. A directory is also looked at where there is nothing newer, and listed if it *lists*.

    Raises Unavailable ``unavailable`` where the anchor does not answer, or not as it should.
    """
    match place:
        case Directory():
            return _directory(place, handed, lists=lists)
        case Host():
            return _past(handed) or _host(place, handed)
        case Witness():
            was = handed.known.size if handed.known is not None else 0
            note = Note.unpack(handed.row.note)
            return witness(place, note, was, prove=handed.prove, size_now=handed.size_now)
        case Authority():
            return _authority(place, handed)


def _directory(place: Directory, handed: Handed, *, lists: bool) -> Answer:
    try:
        return _on_disk(place, handed, lists=lists)
    except OSError as fault:
        raise Unavailable(UNHEARD, reason=type(fault).__name__) from None


def _on_disk(place: Directory, handed: Handed, *, lists: bool) -> Answer:
    row, known = handed.row, handed.known
    if known is not None:
        # What counts is what the directory holds now, whatever the table says that it took.
        held = note_files.note(place.path, known.size)
        if held is None:
            return Contradicts("lost", known.size, known.evidence)
        if not _is_past_of(handed, held.checkpoint):
            return Contradicts("rewritten", known.size, held.pack())
    if lists and (found := _larger(place, handed)) is not None:
        return found
    if not handed.is_newer or note_files.write(place.path, row.size, row.note):
        return Taken(row.note)
    stands = note_files.note(place.path, row.size)
    if stands is None:
        # Cut short by a crash; the next checkpoint has another size.
        raise Unavailable(UNHEARD, reason="torn")
    if stands.checkpoint.root != row.root:
        return Contradicts("forked", row.size, stands.pack())
    return Taken(stands.pack())


def _larger(place: Directory, handed: Handed) -> Contradicts | None:
    """Find a file that is larger than the ledger; None as well where the directory may not be listed."""
    try:
        largest = max(note_files.sizes(place.path), default=0)
    except PermissionError:
        return None
    if largest <= handed.size_now():
        return None
    return Contradicts("rolled_back", largest, note_files.read(place.path, largest) or b"")


def _host(place: Host, handed: Handed) -> Answer:
    row = handed.row
    heard = send(
        "PUT",
        f"{place.url}/{row.size}.note",
        body=row.note,
        headers={"Content-Type": _NOTE_TYPE, "Authorization": f"Bearer {place.token}"},
        unheard=UNHEARD,
    )
    match heard.status:
        case 200 | 201 | 204:
            return Taken(row.note)
        case 409 if heard.body.strip().isdigit():
            return ahead(int(heard.body), handed.size_now(), heard.body)
        case 422:
            return Contradicts("forked", row.size, heard.body or row.note)
        case status:
            raise Unavailable(UNHEARD, reason=f"status_{status}")


def _authority(place: Authority, handed: Handed) -> Answer:
    question = timestamps.ask(handed.row.note)
    heard = send(
        "POST",
        place.url,
        body=question.packed,
        headers={"Content-Type": timestamps.QUERY_TYPE, "Accept": timestamps.REPLY_TYPE},
        unheard=UNHEARD,
    )
    if heard.status != 200:
        raise Unavailable(UNHEARD, reason=f"status_{heard.status}")
    try:
        timestamps.read(heard.body, handed.row.note, roots=place.roots, nonce=question.nonce)
    except ValueError:
        raise Unavailable(UNHEARD, reason="timestamp") from None
    return Taken(heard.body)


def _past(handed: Handed) -> Contradicts | None:
    """Hold what an anchor took before against what it is handed now: after a pause it goes on by a proof."""
    if handed.known is None:
        return None
    try:
        is_past = _is_past_of(handed, Note.unpack(handed.known.evidence).checkpoint)
    except ValueError:
        is_past = False
    return None if is_past else Contradicts("rewritten", handed.known.size, handed.known.evidence)


def _is_past_of(handed: Handed, held: Checkpoint) -> bool:
    """Tell whether the ledger, as it is stored now, leads from what is *held* to what is handed over."""
    row = handed.row
    if held.size > row.size:
        # The anchor was first with what another process handed it; the next round finds the larger one.
        return held.size <= handed.size_now()
    try:
        proof = handed.prove(held.size, row.size)
    except ValueError:
        return False
    return extends(row.root, proof, size=row.size, was=held.size, was_root=held.root)
