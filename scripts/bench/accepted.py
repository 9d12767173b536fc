"""Accepted: the figures by which the ledger was accepted (AUDIT §6), and how each of them is told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Final, TypeAlias

Figure: TypeAlias = Mapping[str, str | float]


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of figure; *part* is what it is measured by."""

    part: str
    title: str
    unit: str
    target: str


# A search has a section of its own.
ROWS: Final[Mapping[str, Row]] = {
    "verify": Row(
        "verify", "an export verified by the auditor's tool, on one core", "entries/s", "≥ 20,000/s"
    ),
    "wait_one": Row("wait", "waited for the entry of one profile, 1 connection", "ms", "p50 < 5 ms"),
    "wait_many": Row("wait", "waited for the entry of one profile, 8 connections", "ms", ""),
    "wait_batch": Row("wait", "waited for the entry of 1,000 profiles", "ms", "p95 < 25 ms"),
    "checkpoint": Row("prove", "a checkpoint over one new entry, both signatures", "ms", ""),
    "proof": Row("prove", "an inclusion proof, in a process that gave one before", "ms", "< 5 ms"),
    "proof_first": Row("prove", "the first inclusion proof of a process", "ms", ""),
    "proof_given": Row("prove", "an inclusion proof as a reviewer gets it, behind its entry", "ms", ""),
    "alert": Row("alert", "from a durable entry to its durable alert, in a served house", "s", "≤ 60 s"),
}
PARTS: Final = tuple(dict.fromkeys(row.part for row in ROWS.values()))


def figure(name: str, database: str, measured: Sequence[float], *, floor: float | None = None) -> Figure:
    """Tell what was measured of one row: the middle and what all but a twentieth stay within."""
    told: dict[str, str | float] = {"figure": name, "database": database, "median": median(measured)}
    if len(measured) > 1:
        told["p95"] = quantiles(measured, n=20)[-1]
    if floor is not None:
        told["floor"] = floor
    return told


def line(one: Figure) -> str:
    """Write a figure as a row of the page."""
    row = ROWS[str(one["figure"])]
    cells = [
        row.title,
        str(one["database"]),
        *(_number(one.get(name)) for name in ("median", "p95", "floor")),
        row.unit,
        row.target,
    ]
    return f"| {' | '.join(cells)} |"


def _number(value: str | float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if float(value) >= 100 else f"{float(value):.2f}"
