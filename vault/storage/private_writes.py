"""Private writes: a file that its owner alone may read, written whole or not at all."""

import os
from pathlib import Path


def write(path: Path, data: bytes) -> None:
    """Put *data* in the place of what stands at *path*; a crash leaves either the one or the other."""
    fresh = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    # What follows may rest on the new one, and a power cut must not bring the old one back.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
