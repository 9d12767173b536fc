"""Ending: what the register calls erased is nobody's any more, whatever another store says by now."""

from typing import Final

from vault.services.parts import Parts
from vault.storage import register

ERASED: Final = "erased"


def read_on(parts: Parts) -> None:
    """Learn what has been erased since this process looked last.

    The register alone beats a row that was put back; a read pays one hash for it, and asks no store.
    """
    with parts.stores.register.read() as conn:
        rows = register.page(conn, after=parts.erased.seq)
        while rows:
            parts.erased.refs.update(row.ref for row in rows if row.kind == ERASED)
            parts.erased.seq = rows[-1].seq
            rows = register.page(conn, after=rows[-1].seq)
