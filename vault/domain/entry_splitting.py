"""Splitting an entry that is too large for one leaf into numbered parts."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from vault.domain.canonical import canonical
from vault.domain.entry import MAX_BODY_BYTES, MAX_SUBJECTS, Entry, OutcomeSet, entry_object, set_object
from vault.domain.terms import EntryId

# A token in a list costs 22 letters, two quotes and a comma; the grant digest 43 letters and its key.
_TOKEN_BYTES = 25
_GRANT_BYTES = 64


def split(entry: Entry, ids: Iterator[EntryId]) -> list[Entry]:
    """Cut an entry that is too large into numbered parts of one request; the first keeps id, detail and revs.

    Raises ValueError ``length`` where a single outcome is too large by itself.
    """
    frame = replace(entry, sets=(), part=(MAX_SUBJECTS, MAX_SUBJECTS), times=entry.n)
    room = MAX_BODY_BYTES - len(canonical(entry_object(frame))) - _GRANT_BYTES
    portions = list(_portions(entry.sets, room))
    if len(portions) == 1:
        return [entry]
    first = replace(entry, sets=portions[0], part=(1, len(portions)))
    following = replace(entry, times=0, detail=None, key_epoch=None, revs=())
    return [
        first,
        *(
            replace(following, id=next(ids), sets=sets, part=(number, len(portions)))
            for number, sets in enumerate(portions[1:], 2)
        ),
    ]


def _portions(sets: Sequence[OutcomeSet], room: int) -> Iterator[tuple[OutcomeSet, ...]]:
    """Deal *sets* out so that no portion passes *room* bytes or MAX_SUBJECTS; a set may be cut in two."""
    dealt: list[OutcomeSet] = []
    left, free = room, MAX_SUBJECTS
    for one in sets:
        cost = len(canonical(set_object(replace(one, subjects=())))) + len(',"subjects":[],')
        if cost + _TOKEN_BYTES > room:
            raise ValueError("length")
        waiting = one.subjects
        while True:
            fits = min(free, (left - cost) // _TOKEN_BYTES)
            if left < cost or fits < min(1, len(waiting)):
                yield tuple(dealt)
                dealt, left, free = [], room, MAX_SUBJECTS
                continue
            taken, waiting = waiting[:fits], waiting[fits:]
            dealt.append(replace(one, subjects=taken))
            left, free = left - cost - len(taken) * _TOKEN_BYTES, free - len(taken)
            if not waiting:
                break
    yield tuple(dealt)
