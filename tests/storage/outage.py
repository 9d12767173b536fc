"""How a store goes away under a running process, and comes back."""

from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import make_url


class Outage:
    """One store's disappearance: its files are moved away, or its server lets nobody in."""

    def __init__(self, url: str, server_url: str | None) -> None:
        self._url = make_url(url)
        self._server_url = server_url

    def begin(self) -> None:
        if self._server_url is None:
            for path in self._files():
                path.rename(f"{path}.away")
        else:
            self._let_in(allowed=False)

    def end(self) -> None:
        if self._server_url is None:
            for path in self._files(".away"):
                path.rename(str(path).removesuffix(".away"))
        else:
            self._let_in(allowed=True)

    def hang_up(self) -> None:
        """End every session, as a server that restarts does."""
        assert self._server_url is not None
        with psycopg.connect(self._server_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
                [self._url.database],
            )

    def _let_in(self, *, allowed: bool) -> None:
        assert self._server_url is not None
        assert self._url.database is not None
        with psycopg.connect(self._server_url, autocommit=True) as connection:
            connection.execute(
                sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS {}").format(
                    sql.Identifier(self._url.database), sql.SQL("true" if allowed else "false")
                )
            )
        if not allowed:
            self.hang_up()

    def _files(self, suffix: str = "") -> list[Path]:
        assert self._url.database is not None
        names = [Path(f"{self._url.database}{side}{suffix}") for side in ("", "-wal", "-shm")]
        return [name for name in names if name.exists()]
