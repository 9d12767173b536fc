"""Shards: the years of the one ledger, what an entry says of one, and the holds that keep it as it is."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from vault.domain.entry import Entry, ObjectRef
from vault.domain.entry_reading import read_entry
from vault.domain.grants import token_bytes, token_text
from vault.domain.kinds import Kind
from vault.domain.merkle import HASH_BYTES
from vault.domain.terms import ID_BYTES
from vault.domain.tiles import TILE_WIDTH

# What the bytes of an entry hold that tells of a prune: a look spares reading them all.
PRUNED = b'"kind":"ledger.pruned"'
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(9999, 12, 31)


@dataclass(frozen=True, slots=True)
class Shard:
    """The entries from *first* up to *end*, where *year* is over, and the root of the tree of that size."""

    year: int
    first: int
    end: int
    root: bytes

    def ref(self) -> ObjectRef:
        """Write it as an entry's object; *end* is the entry's ``n``."""
        return ObjectRef("year", code=f"{self.year}:{self.first}:{token_text(self.root)}")

    @classmethod
    def of(cls, entry: Entry) -> "Shard":
        """Read it from an entry ``year.closed`` or ``ledger.pruned``; raises ValueError ``shard``."""
        about = entry.object
        if about is None or about.type != "year" or about.code is None:
            raise ValueError("shard")
        try:
            year, first, root = about.code.split(":")
            found = cls(int(year), int(first), entry.times, token_bytes(root))
        except ValueError:
            raise ValueError("shard") from None
        if found.ref() != about or len(found.root) != HASH_BYTES or not 0 <= found.first <= found.end:
            raise ValueError("shard")
        return found


def tells_pruned(body: object, size: int, root: bytes) -> bool:
    """Tell whether an entry of these bytes says that what lies below *size*, under *root*, was pruned."""
    # SQLite keeps whatever an owner's hand writes into a column.
    if not isinstance(body, bytes) or PRUNED not in body:
        return False
    try:
        entry = read_entry(body)
        return entry.kind is Kind.LEDGER_PRUNED and (entry.times, Shard.of(entry).root) == (size, root)
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold: what is dated from *first* to *last*, both included, stays until it is lifted."""

    id: bytes
    first: date
    last: date
    # The day on which it was set, and why.
    told: date
    reason: str

    def ref(self) -> ObjectRef:
        """Write it as the object of the entries that set and lift it."""
        return ObjectRef("hold", self.id, f"{self.first}/{self.last}")

    @classmethod
    def of(cls, entry: Entry, told: date) -> "Hold":
        """Read it from an entry ``hold.set`` or ``hold.lifted``; raises ValueError ``hold``."""
        about = entry.object
        if about is None or about.type != "hold" or about.code is None or about.id is None:
            raise ValueError("hold")
        try:
            first, last = map(date.fromisoformat, about.code.split("/"))
        except ValueError:
            raise ValueError("hold") from None
        if len(about.id) != ID_BYTES or first > last:
            raise ValueError("hold")
        return cls(about.id, first, last, told, entry.reason_code or "")

    def covers(self, first: date, last: date) -> bool:
        """Tell whether it keeps anything of these days."""
        return first <= self.last and self.first <= last

    def keeps_from(self) -> date:
        """The first day whose entries stay: at the latest that of the entry by which it was set."""
        return min(self.first, self.told)


def standing_after(holds: dict[bytes, Hold], entry: Entry, told: date) -> None:
    """Take one entry in, in the ledger's order: what it sets stands, what it lifts does not.

    A hold that stands is not made a shorter one by another entry of its id.
    """
    if entry.kind is Kind.HOLD_SET:
        hold = Hold.of(entry, told)
        holds.setdefault(hold.id, hold)
    elif entry.kind is Kind.HOLD_LIFTED:
        holds.pop(Hold.of(entry, told).id, None)


def whole_tiles(end: int) -> int:
    """Lower *end* to a multiple of 256: what is pruned ends with a tile and an entry bundle (tlog-tiles)."""
    return end - end % TILE_WIDTH


def year_ends(year: int) -> datetime:
    """The moment at which a year is over, in UTC as everything in the ledger."""
    return datetime(year + 1, 1, 1, tzinfo=UTC)


def may_be_pruned(year: int, *, keep_years: int, at: datetime) -> bool:
    """Tell whether a year has been over for *keep_years*."""
    return at >= year_ends(year + keep_years)


def days_of(month: int) -> tuple[date, date]:
    """The first and the last day of a month that is written as yyyymm."""
    first = date(month // 100, month % 100, 1)
    following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return first, date.fromordinal(following.toordinal() - 1)


def months_over(month: int, *, at: datetime) -> int:
    """Count the whole months since the end of *month*, which is written as yyyymm."""
    utc = at.astimezone(UTC)
    return (utc.year - month // 100) * 12 + utc.month - month % 100 - 1


def is_month(epoch: int) -> bool:
    """Tell whether the epoch of a key is a month, as those of details are."""
    return FIRST_DAY.year <= epoch // 100 < LAST_DAY.year and 1 <= epoch % 100 <= 12
