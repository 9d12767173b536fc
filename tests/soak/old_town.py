"""An old customer file with a seed: good rows, and among them bad ones of every kind, each with its code."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vault.cli.town import numbers

COLUMNS = "客户号,姓名,手机,邮箱,证件,地址,生日,营销"
MAPPING = """
[columns]
"客户号" = "customer_no"
"姓名" = "name"
"手机" = "mobile"
"邮箱" = "email"
"证件" = "id_number"
"地址" = "address"
"生日" = {{ field = "birthday", as = "date", formats = ["%Y/%m/%d"] }}
[[consents]]
purpose = "P11"
notice = "{notice}"
form = "separate"
channel = "counter"
column = "营销"
given = ["是"]
refused = ["否"]
"""
# What is broken, and what its row is told for: a code, and the field.
BROKEN = {
    "cells": ("", "cells"),
    "quote": ("", "syntax"),
    "bytes": ("", "encoding"),
    "mobile": ("mobile", "number"),
    "paper": ("id_number", "checksum"),
    "birthday": ("birthday", "date"),
    "consent": ("consents", "unknown_code"),
    "again": ("customer_no", "duplicate"),
    "nothing": ("customer_no", "too_long"),
}
# The row that another repeats lies further back than what an import has under way.
_FAR = 3000


@dataclass(frozen=True)
class OldTown:
    """The rows of one file: how many there are, and which of them are bad, by number, with what is said."""

    count: int
    bad: dict[int, tuple[str, str]]

    @property
    def good(self) -> int:
        """How many rows must go in."""
        return self.count - len(self.bad)


def write(path: Path, *, count: int, seed: int, bad: float = 0.02) -> OldTown:
    """Write *count* rows, of which a share *bad* is broken in one of the ways of ``BROKEN``."""
    chance = random.Random(seed)
    numbered = sorted(chance.sample(range(1, count + 1), int(count * bad)))
    broken = {row: chance.choice([*BROKEN]) for row in numbered}
    for row in numbered:
        if broken[row] == "again" and (row <= _FAR or row - _FAR in broken):
            broken[row] = "mobile"
    with path.open("wb") as file:
        file.write(f"{COLUMNS}\n".encode())
        file.writelines(_rows(count, broken))
    return OldTown(count, {row: BROKEN[kind] for row, kind in broken.items()})


def _rows(count: int, broken: dict[int, str]) -> Iterator[bytes]:
    for row in range(1, count + 1):
        cells = _cells(row)
        match broken.get(row):
            case None:
                pass
            case "cells":
                del cells[-1]
            case "quote":
                cells[1] = f'"{cells[1]}"x'
            case "bytes":
                yield ",".join(cells).encode().replace("路".encode(), b"\xff\xfe") + b"\n"
                continue
            case "mobile":
                cells[2] = "139001"
            case "paper":
                cells[4] = cells[4][:-1] + ("0" if cells[4][-1] != "0" else "1")
            case "birthday":
                cells[6] = "1990/13/01"
            case "consent":
                cells[7] = "也许"
            case "again":
                cells[0] = _cells(row - _FAR)[0]
            case _:
                cells[0] = "?" * 90
        yield ",".join(cells).encode() + b"\n"


def _cells(row: int) -> list[str]:
    born = numbers.birth_of(row)
    return [
        f"C{row:08d}",
        f"王{row:06d}",
        numbers.mobile(row),
        f"customer.{row}@example.com",
        numbers.id_number(row, numbers.county_of_nowhere("33")),
        f"浙江省杭州市西湖区文三路{row}号",
        f"{born:%Y/%m/%d}",
        "是" if row % 3 else "否",
    ]
