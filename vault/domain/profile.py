"""Profile: the opened values of one subject, which no log, trace or repr can show."""

from collections.abc import Mapping
from dataclasses import dataclass

from typing_extensions import override

from vault.domain.canonical import Json
from vault.domain.catalogue import Field
from vault.domain.manifest import ManifestEntry
from vault.domain.terms import FieldNumber, SubjectId


@dataclass(frozen=True, slots=True, repr=False)
class Profile:
    """The granted fields that one subject has; a granted field that is not here has no value.

    ``plains`` holds ``type u8 | value`` by field and item, and None where the treatment needed no plaintext:
    the value is there, the manifest proves it, and its bytes stayed sealed. ``entries`` holds, under the same
    keys, what the manifest says of each: source, confirmed-at and by-whom; ``said`` what the bytes say.
    """

    subject: SubjectId
    plains: Mapping[tuple[FieldNumber, int], bytes | None]
    entries: Mapping[tuple[FieldNumber, int], ManifestEntry]
    said: Mapping[tuple[FieldNumber, int], Json]

    def values(self, field: Field) -> list[tuple[int, bytes | None]]:
        """The items of *field* in order, each with its canonical bytes or None where none were opened."""
        number = field.number
        return sorted((item, plain) for (held, item), plain in self.plains.items() if held == number)

    def items(self) -> dict[FieldNumber, list[int]]:
        """List the items of every field that has a value, in order."""
        gathered: dict[FieldNumber, list[int]] = {}
        for number, item in sorted(self.plains):
            if number in gathered:
                gathered[number].append(item)
            else:
                gathered[number] = [item]
        return gathered

    @override
    def __repr__(self) -> str:
        """Show nothing, not even whose it is."""
        return "<Profile sealed from view>"
