"""Signing keys: an operator opens, rotates and revokes what signs for the ledger, each by an entry."""

from dataclasses import dataclass
from typing import Final

from vault.custody.notarial import Notarial, Pair
from vault.domain.access import Actor
from vault.domain.entry import ActorRef, Entry, ObjectRef
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.note import VerifierKey
from vault.domain.signing_keys import OBJECT, TRACE, Window, Windows, key_id, key_object, with_bodies
from vault.domain.terms import Action, EntryId
from vault.errors import Conflict, NotFound
from vault.services.governing import only_operator
from vault.services.parts import Parts
from vault.storage import audit, checkpoints, pruning
from vault.storage.unit_of_work import Store

# So many entries are searched by one statement, which must end within seconds.
_STRETCH: Final = 100_000


@dataclass(frozen=True, slots=True)
class Keeper:
    """Who opens and ends keys: a house with its ledger, and the signing slot."""

    parts: Parts
    keys: Notarial


@dataclass(frozen=True, slots=True)
class Signing:
    """The ledger and what signs it, without the rest of a house."""

    store: Store
    keys: Notarial


@dataclass(frozen=True, slots=True)
class KeptKey:
    """A key that signs or signed, as an auditor is given it."""

    number: int
    key: VerifierKey
    window: Window

    @property
    def id(self) -> bytes:
        """The id that its entries name."""
        return key_id(self.key)


def open_first(keeper: Keeper, actor: Actor) -> list[KeptKey]:
    """Open a pair where none is open, or complete one that was opened by half; the keys that are new.

    Raises Refused ``role`` for anyone but an operator, and LedgerUnavailable.
    """
    only_operator(actor)
    windows = windows_of(keeper.parts.stores.audit)
    pairs = keeper.keys.numbered(windows)
    for number, pair in enumerate(pairs, 1):
        standing = [windows.get(key_id(key)) for key in pair.keys]
        if all(one is None or one.ended is None for one in standing):
            if None not in standing:
                return []
            return _opened(keeper, actor, number, pair, windows)
    number = len(pairs) + 1
    return _opened(keeper, actor, number, keeper.keys.pair(number), windows)


def rotate(keeper: Keeper, actor: Actor) -> list[KeptKey]:
    """Open the next pair, and close every key that was open; the keys that are new.

    A crash between the two leaves both open, and the newer signs; repeating it opens one more.
    """
    only_operator(actor)
    windows = windows_of(keeper.parts.stores.audit)
    number = len(keeper.keys.numbered(windows)) + 1
    opened = _opened(keeper, actor, number, keeper.keys.pair(number), windows)
    for key, window in windows.items():
        if window.ended is None:
            _tell(keeper.parts, actor, Kind.SIGNING_KEY_CLOSED, ObjectRef(OBJECT, key, window.code))
    return opened


def revoke(keeper: Keeper, actor: Actor, key: bytes, *, reason: str) -> None:
    """End a key that may be in somebody else's hands: no checkpoint counts by it from here on.

    Raises NotFound where no entry opened it, Conflict ``revoked`` where it was ended before.
    """
    only_operator(actor)
    window = windows_of(keeper.parts.stores.audit).get(key)
    if window is None:
        raise NotFound
    if window.ended is not None:
        raise Conflict("revoked")
    about = ObjectRef(OBJECT, key, window.code)
    _tell(keeper.parts, actor, Kind.SIGNING_KEY_REVOKED, about, reason=reason)


def listing(signing: Signing) -> list[KeptKey]:
    """List the keys that the signing slot makes and the ledger knows, with their windows."""
    windows, keys = windows_of(signing.store), signing.keys
    return [
        KeptKey(number, key, windows[key_id(key)])
        for number, pair in enumerate(keys.numbered(windows), 1)
        for key in pair.keys
        if key_id(key) in windows
    ]


def following(signing: Signing) -> tuple[VerifierKey, ...]:
    """Name the keys that the next rotation opens, for whoever must know them before."""
    number = len(signing.keys.numbered(windows_of(signing.store))) + 1
    return signing.keys.pair(number).keys


def foreign(signing: Signing) -> Windows:
    """Find the keys that the ledger tells of, and that the signing slot does not make."""
    windows = windows_of(signing.store)
    return {key: windows[key] for key in signing.keys.foreign(windows, known={})}


def windows_of(store: Store) -> Windows:
    """Find in the ledger, as it is stored, from where to where each key counts."""
    with store.read() as conn:
        head = audit.head(conn)
        minimum = pruning.minimum(conn)
    size = head.size if head is not None else 0
    windows: Windows = {}
    for start in range(minimum, size, _STRETCH):
        with store.read() as conn:
            found = checkpoints.mentioning(conn, TRACE, start, stop=min(start + _STRETCH, size))
        windows = with_bodies(windows, found, minimum=minimum)
    return windows


def _opened(keeper: Keeper, actor: Actor, number: int, pair: Pair, windows: Windows) -> list[KeptKey]:
    """Open those keys of *pair* that no entry has opened yet."""
    opened = []
    for key in pair.keys:
        if key_id(key) not in windows:
            about = key_object(key)
            index = _tell(keeper.parts, actor, Kind.SIGNING_KEY_OPENED, about)
            opened.append(KeptKey(number, key, Window(about.code or "", index)))
    return opened


def _tell(parts: Parts, actor: Actor, kind: Kind, about: ObjectRef, *, reason: str | None = None) -> int:
    """Leave the entry by which it holds; returns its index."""
    receipt = parts.ledger.append(
        Entry(
            id=EntryId(parts.new_id()),
            at_ms=millis(parts.clock()),
            kind=kind,
            actor=ActorRef(actor.name, actor.kind),
            outcome="recorded",
            action=Action.GOVERN,
            reason_code=reason,
            object=about,
        )
    )
    return receipt.index
