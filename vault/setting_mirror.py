"""Setting mirror: where the register has its second place: a directory, or the URL of a database."""

from pathlib import Path
from typing import Final

from vault.setting_given import Given

NAME: Final = "VAULT_REGISTER_MIRROR"
NAMES: Final = (NAME, f"{NAME}_FILE")


def url_of(given: Given, state_dir: Path, *, is_demo: bool) -> str:
    """Find its URL: said, in a file, or of a file in a directory that is said; empty where none is.

    A demo has one beside its stores, which shows how it works and protects nothing.
    """
    text = given.texts.get(NAME, "")
    if f"{NAME}_FILE" in given.texts:
        if text:
            given.faults.append(f"{NAME} and {NAME}_FILE are both set; remove one.")
        text = given.private_text(f"{NAME}_FILE")
    if not text:
        return f"sqlite:///{state_dir.absolute()}/mirror/register.db" if is_demo else ""
    if "://" in text:
        return text
    directory = (given.directory / text).absolute()
    if not is_demo and directory.resolve().is_relative_to(state_dir.resolve()):
        given.faults.append(f"{NAME} lies in the state directory; name a place that is lost apart from it.")
    return f"sqlite:///{directory}/register.db"
