"""Statements are compiled once a run: each house of a test opens engines, and each would compile anew."""

from typing import Any

from sqlalchemy import Connection, Engine, event
from typing_extensions import override

# SQLAlchemy begins the key of a statement with the dialect, of which each engine has its own. Those of one
# name are set up alike here, and spell alike.
_Key = tuple[Any, ...]


class _Spelt(dict[_Key, Any]):
    """What was compiled, whichever engine asked first."""

    @override
    def get(self, key: _Key, default: Any = None) -> Any:
        return super().get((key[0].name, *key[1:]), default)

    @override
    def __setitem__(self, key: _Key, compiled: Any) -> None:
        super().__setitem__((key[0].name, *key[1:]), compiled)


def share() -> None:
    """Let every engine of this process spell from one book."""
    spelt = _Spelt()

    def hand_over(connection: Connection) -> None:
        connection.execution_options(compiled_cache=spelt)

    event.listen(Engine, "engine_connect", hand_over)
