"""Bands: the range that stands for a number or a date, its ends written as the field writes its values.

``{"from", "to"}``: a value lies in its band, from ≤ value ≤ to. The ends are the same for everybody, so a
band never tells more than that it is that band; an end that is open is None.
"""

from bisect import bisect_right
from collections.abc import Callable
from typing import Final

from vault.domain.canonical import Json

# 万 10⁴, 亿 10⁸: the steps people speak in (10–50万). Above them a customer would stand alone in a band.
MONEY: Final = (
    0,
    10_000,
    50_000,
    100_000,
    500_000,
    1_000_000,
    5_000_000,
    10_000_000,
    50_000_000,
    100_000_000,
)
NUMBERS: Final = (0, 10, 50, 100, 500, 1_000, 5_000, *MONEY[1:])


def of(amount: str, steps: tuple[int, ...], end: Callable[[int], Json]) -> dict[str, Json]:
    """Find the band of a canonical decimal; *end* writes an end as the field writes its values."""
    # The steps are whole, so what stands before the point decides; and no float is ever involved.
    whole = int(amount.lstrip("-").partition(".")[0])
    above = bisect_right(steps, whole)
    low: int = steps[above - 1]
    high = steps[above] if above < len(steps) else None
    if amount.startswith("-"):
        return {"from": None if high is None else end(-high), "to": end(-low)}
    return {"from": end(low), "to": None if high is None else end(high)}


def unknown() -> dict[str, Json]:
    """Give the band of a number that may not even be known by its band."""
    return {"from": None, "to": None}


def decade(day: str) -> dict[str, Json]:
    """Find the decade of a canonical date: 1990-05-12 lies in 1990-01-01 to 1999-12-31."""
    first = day[:3]
    # There is no year 0 (ISO 8601 has one, and no calendar of ours).
    return {"from": f"{first}0-01-01" if first != "000" else "0001-01-01", "to": f"{first}9-12-31"}
