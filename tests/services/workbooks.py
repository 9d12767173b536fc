"""Workbooks written part by part, as no spreadsheet program would write them."""

import io
import zipfile
from collections.abc import Mapping, Sequence

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
SHEET = "xl/worksheets/sheet1.xml"


def workbook(
    rows: str,
    *,
    texts: Sequence[str] = (),
    styles: str = "",
    book: str = "",
    method: int = zipfile.ZIP_DEFLATED,
    instead: Mapping[str, bytes] | None = None,
) -> io.BytesIO:
    """Write a workbook of one sheet from the XML of its rows; *instead* replaces whole parts."""
    kinds = {"rId1": ("worksheet", "worksheets/sheet1.xml"), "rId2": ("styles", "/xl/styles.xml")}
    if texts:
        kinds["rId3"] = ("sharedStrings", "sharedStrings.xml")
    parts = {
        "_rels/.rels": relations({"rId1": ("officeDocument", "xl/workbook.xml")}),
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}">{book}'
        '<sheets><sheet name="客户" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relations(kinds),
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}">{styles}</styleSheet>',
        SHEET: f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>',
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">{"".join(f"<si>{text}</si>" for text in texts)}</sst>',
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as packed:
        for name, part in (
            {name: part.encode() for name, part in parts.items()} | dict(instead or {})
        ).items():
            packed.writestr(name, part)
    return file


def relations(kinds: Mapping[str, tuple[str, str]]) -> str:
    """Write which parts a part speaks of."""
    listed = "".join(
        f'<Relationship Id="{key}" Type="{RELATIONS}/{kind}" Target="{target}"/>'
        for key, (kind, target) in kinds.items()
    )
    return f'<Relationships xmlns="{PACKAGE}">{listed}</Relationships>'


def styles_of(*codes: str) -> str:
    """Write a style for each number format: by its id, or by its code."""
    made = "".join(
        f'<numFmt numFmtId="{200 + place}" formatCode="{code}"/>'
        for place, code in enumerate(codes)
        if not _is_id(code)
    )
    listed = "".join(
        f'<xf numFmtId="{code if _is_id(code) else 200 + place}"/>' for place, code in enumerate(codes)
    )
    return f"<numFmts>{made}</numFmts><cellXfs>{listed}</cellXfs>"


def _is_id(code: str) -> bool:
    return code.isdecimal() and not code.startswith("00")
