"""Report: the figures as JSON, as a page and as a picture, all from one run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

from scripts.bench import accepted
from scripts.bench.accepted import Figure
from scripts.bench.contest import CONTESTANTS
from scripts.bench.rows import Result

_PAGE: Final = "benchmarks.md"
_PICTURE: Final = "benchmarks.svg"
_MARK: Final = "<!-- figures -->"
_END: Final = "<!-- end of figures -->"
_GROWTH: Final = "<!-- growth -->"
_END_OF_GROWTH: Final = "<!-- end of growth -->"
_SEARCH: Final = "<!-- search -->"
_END_OF_SEARCH: Final = "<!-- end of search -->"
_DERIVED: Final = "- Indexed by one process,"
_LEDGER: Final = "<!-- ledger -->"
_END_OF_LEDGER: Final = "<!-- end of ledger -->"
_COLOURS: Final = {"vault": "#1f6f5c", "floor": "#b9c4c9", "peer": "#d08a3c"}


def line(result: Result) -> str:
    """Say in one line what a row gave."""
    middles = "  ".join(f"{name} {median(result.rates(name)):>9,.0f}" for name in CONTESTANTS)
    ratios = "  ".join(f"{result.ratio(name):.2f} x {name}" for name in ("floor", "peer"))
    return f"{result.database:<11}{result.row.name:<8}{middles} {result.row.unit:<11}{ratios}"


def figures(
    results: Sequence[Result],
    machine: Mapping[str, Any],
    peaks: Mapping[str, Mapping[str, float]],
    **asked: float,
) -> dict[str, Any]:
    """Put every figure of a run together."""
    return {
        "machine": machine,
        "asked": asked,
        "peak_mebibytes": peaks,
        "rows": [
            {
                "row": one.row.name,
                "title": one.row.title,
                "unit": one.row.unit,
                "target": one.row.target,
                "database": one.database,
                "ratio_to_floor": one.ratio("floor"),
                "ratio_to_peer": one.ratio("peer"),
                "contestants": {name: _of(one, name) for name in CONTESTANTS},
            }
            for one in results
        ],
    }


def write(said: Mapping[str, Any], folder: Path) -> None:
    """Renew the figures within the page, and the picture beside it."""
    _renew(folder / _PAGE, _table(said), mark=_MARK, end=_END)
    (folder / _PICTURE).write_text(_picture(said), encoding="utf-8")


def write_growth(found: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Renew what the page says of a house that grows."""
    lines = [
        "| database | customers | moved in | read | × the first | lookup | × the first | bytes each |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in found:
        cells = [
            one["database"],
            f"{one['customers']:,}",
            f"{one['moved_in_per_second']:,}/s" if one["moved_in_per_second"] else "",
            f"{one['read_us']:,.0f} µs",
            f"**{one['read_ratio']:.2f}**",
            f"{one['lookup_us']:,.0f} µs",
            f"**{one['lookup_ratio']:.2f}**",
            f"{sum(one['bytes_per_customer'].values()):,.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "Of the bytes, with indexes, at the largest size:", ""]
    for one in {each["database"]: each for each in found}.values():
        largest = sorted(one["bytes_per_customer"].items(), key=lambda table: -table[1])
        lines.append(f"- {one['database']}: {', '.join(f'{name} {size:,.0f}' for name, size in largest)}.")
    _renew(folder / _PAGE, "\n".join([*lines, ""]), mark=_GROWTH, end=_END_OF_GROWTH)


def write_search(found: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Renew what the page says of searches; a database that was not asked now stays as it was."""
    page = folder / _PAGE
    standing = _between(page.read_text(encoding="utf-8"), _SEARCH, _END_OF_SEARCH).splitlines()
    asked = {one["database"] for one in found}
    kept = [one for one in standing if one.startswith("| ") and _place(one)[1] not in {*asked, "database"}]
    head = [
        "| question | database | of entries | found | a page | with facets | worst | bare SQL | × bare SQL |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    derived = [
        one
        for one in standing
        if one.startswith(_DERIVED) and one.removeprefix(_DERIVED).split()[0].rstrip(":") not in asked
    ]
    rates = {one["database"]: one["derived_per_second"] for one in found}
    derived += [f"{_DERIVED} {database}: {rate:,.0f} entries/s" for database, rate in rates.items()]
    rows = [
        *head,
        *sorted([*kept, *map(_asked, found)], key=lambda row: _place(row)[1]),
        "",
        *sorted(derived),
    ]
    _renew(page, "\n".join([*rows, ""]), mark=_SEARCH, end=_END_OF_SEARCH)


def _asked(one: Mapping[str, Any]) -> str:
    cells = [
        one["title"],
        one["database"],
        f"{one['entries']:,}",
        f"{one['found']:,}",
        f"{one['page_ms']:,.0f} ms",
        f"{one['whole_ms']:,.0f} ms",
        f"{one['worst_ms']:,.0f} ms",
        f"{one['floor_ms']:,.0f} ms",
        f"**{one['floor_ms'] / one['whole_ms']:.1f}**",
    ]
    return f"| {' | '.join(cells)} |"


def write_ledger(found: Sequence[Figure], folder: Path) -> None:
    """Renew what the page says of the ledger; rows that were not measured now stay as they were."""
    page = folder / _PAGE
    standing = _between(page.read_text(encoding="utf-8"), _LEDGER, _END_OF_LEDGER).splitlines()
    lines = {_place(one): one for one in standing if one.startswith("| ") and not one.startswith("| work")}
    lines |= {_place(one): one for one in map(accepted.line, found)}
    titles = [row.title for row in accepted.ROWS.values()]
    known = sorted((place for place in lines if place[0] in titles), key=lambda at: (titles.index(at[0]), at))
    head = ["| work | database | median | p95 | bare | unit | target |", "|---|---|---|---|---|---|---|"]
    _renew(page, "\n".join([*head, *(lines[place] for place in known), ""]), mark=_LEDGER, end=_END_OF_LEDGER)


def _place(line: str) -> tuple[str, str]:
    cells = [cell.strip() for cell in line.split("|")]
    return cells[1], cells[2]


def _between(text: str, mark: str, end: str) -> str:
    return text.partition(mark)[2].partition(end)[0]


def strangers(said: Mapping[str, Any], before: Mapping[str, Any]) -> list[str]:
    """Name the rows whose ratio to the floor differs by more than the noise of both runs together.

    The noise of a run is what its slowest and fastest rounds let the ratio be.
    """
    known = {(one["row"], one["database"]): one for one in before["rows"]}
    found = []
    for one in said["rows"]:
        other = known.get((one["row"], one["database"]))
        if other is not None and not _meet(_band(one), _band(other)):
            bands = " and ".join(f"{low:.2f} to {high:.2f}" for low, high in (_band(one), _band(other)))
            found.append(f"{one['row']} on {one['database']}: {bands} x floor")
    return found


def _band(row: Mapping[str, Any]) -> tuple[float, float]:
    own, floor = (row["contestants"][name] for name in ("vault", "floor"))
    low, high = own["min"] / floor["max"], own["max"] / floor["min"]
    return (1 / high, 1 / low) if row["unit"] == "µs" else (low, high)


def _meet(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def _of(result: Result, name: str) -> dict[str, float]:
    rates = result.rates(name)
    return {
        "min": rates[0],
        "median": median(rates),
        "max": rates[-1],
        "p99_ms": median(one.p99_ms for one in result.runs[name]),
        "cpu_us": median(one.cpu_microseconds for one in result.runs[name]),
    }


def _renew(page: Path, lines: str, *, mark: str, end: str) -> None:
    before, _, rest = page.read_text(encoding="utf-8").partition(mark)
    _, _, after = rest.partition(end)
    page.write_text(f"{before}{mark}\n\n{lines}\n{end}{after}", encoding="utf-8")


def _table(said: Mapping[str, Any]) -> str:
    asked, machine = said["asked"], said["machine"]
    sync = machine["sync_ms"]
    lines = [
        f"{machine['cores']} cores, Python {machine['python']}, {asked['customers']:,.0f} customers each, "
        f"{asked['rounds']:.0f} rounds of {asked['seconds']:g} s; "
        f"a sync of the disk took {sync['median']:.2f} ms ({sync['min']:.2f} to {sync['max']:.2f}).",
        "",
        "| work | database | vault | floor | peer | unit | × floor | × peer | p99 | CPU | target |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in said["rows"]:
        own = row["contestants"]["vault"]
        cells = [
            row["title"],
            row["database"],
            *(_spread(row["contestants"][name]) for name in CONTESTANTS),
            row["unit"],
            f"**{row['ratio_to_floor']:.2f}**",
            f"**{row['ratio_to_peer']:.2f}**",
            f"{own['p99_ms']:.1f} ms" if own["p99_ms"] else "",
            f"{own['cpu_us']:,.0f} µs" if own["cpu_us"] else "",
            row["target"],
        ]
        lines.append(f"| {' | '.join(cells)} |")
    peaks = "; ".join(
        f"{database}: {', '.join(f'{name} {mebibytes:.0f}' for name, mebibytes in of.items())}"
        for database, of in said["peak_mebibytes"].items()
    )
    return "\n".join([*lines, "", f"Largest process of each, in MiB: {peaks}.", ""])


def _spread(own: Mapping[str, float]) -> str:
    return f"{own['median']:,.0f} ({own['min']:,.0f} to {own['max']:,.0f})"


def _picture(said: Mapping[str, Any]) -> str:
    """Draw each row as bars, each as long as its share of the best of the three."""
    bar, gap, left, width = 12, 22, 330, 420
    height = 40 + len(said["rows"]) * (len(CONTESTANTS) * bar + gap)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 130} {height}" '
        'font-family="sans-serif" font-size="11" role="img" aria-label="The vault, its floor and a peer">',
        f'<rect width="{left + width + 130}" height="{height}" fill="#ffffff"/>',
    ]
    at = 20
    for row in said["rows"]:
        is_time = row["unit"] == "µs"
        speeds = {
            name: 1 / one["median"] if is_time else one["median"] for name, one in row["contestants"].items()
        }
        parts.append(f'<text x="10" y="{at + 22}">{row["title"]} ({row["database"]})</text>')
        for name in CONTESTANTS:
            length = width * speeds[name] / max(speeds.values())
            parts.append(
                f'<rect x="{left}" y="{at}" width="{length:.1f}" height="{bar - 2}" fill="{_COLOURS[name]}"/>'
                f'<text x="{left + length + 6:.1f}" y="{at + 9}">'
                f"{name} {row['contestants'][name]['median']:,.0f} {row['unit']}</text>"
            )
            at += bar
        at += gap
    return "\n".join([*parts, "</svg>", ""])
