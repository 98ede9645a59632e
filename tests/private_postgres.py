"""A PostgreSQL server of the tests' own: started in a folder of its own, crashed, started again, removed.

    with PrivatePostgres() as server:
        store = SqlStore(server.url())
        server.crash()
        server.start()

Runs as a user that is not root, on a free port of the loopback, and keeps its data until the end.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Self
from urllib.parse import quote

USER = "smbo"


def binaries() -> Path | None:
    """Return the folder of the server's programs, None if there is none."""
    found = shutil.which("pg_ctl")
    if found is not None and (Path(found).parent / "initdb").exists():
        return Path(found).parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return folders[-1] if folders else None


class PrivatePostgres:
    """One server; a context manager that leaves nothing behind.

    Args:
        settings: further options, such as "-c fsync=off" where no crash is played.
    """

    def __init__(self, settings: str = "") -> None:
        folder = binaries()
        if folder is None:
            raise RuntimeError("no PostgreSQL server here; apt-get install postgresql")
        self._programs = folder
        self._settings = settings
        self._folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self._as_user: dict[str, object] = {}
        if os.getuid() == 0:  # which the server refuses to run as
            for name in ("postgres", "nobody"):
                try:
                    entry = pwd.getpwnam(name)
                except KeyError:
                    continue
                os.chown(self._folder, entry.pw_uid, entry.pw_gid)
                self._as_user = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
                break
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._run("initdb", "-A", "trust", "-U", USER, "--no-sync", "-E", "UTF8", "--locale=C")

    def start(self) -> None:
        """Start it, or start it again after a crash; returns when it answers."""
        options = (
            f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._folder}"
            f" -c max_connections=60 -c shared_buffers=32MB {self._settings}"
        )
        self._run("pg_ctl", "-w", "-o", options, "-l", str(self._folder / "server.log"), "start")

    def crash(self) -> None:
        """End it as a crash does: no checkpoint, connections cut, what was not committed is gone."""
        self._run("pg_ctl", "-m", "immediate", "stop")

    def stop(self) -> None:
        """End it in good order and remove all it has written."""
        try:
            if (self._folder / "data" / "postmaster.pid").exists():
                self._run("pg_ctl", "-m", "fast", "stop")
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def url(self, schema: str | None = None) -> str:
        """Return the URL of its database, or of one schema in it (see ``add_schema``)."""
        return with_schema(f"postgresql://{USER}@127.0.0.1:{self.port}/postgres", schema)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._programs / program, "-D", self._folder / "data", *arguments],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # not a pipe: the server would inherit it and keep it open
            stderr=subprocess.DEVNULL,
            timeout=120,
            **self._as_user,  # type: ignore[call-overload]
        )
        if done.returncode:
            log = self._folder / "server.log"
            told = log.read_text()[-2000:] if log.exists() else "it wrote no log"
            raise RuntimeError(f"{program} failed ({done.returncode}): {told}")


def with_schema(url: str, schema: str | None) -> str:
    """Return a URL whose tables lie in a schema."""
    if schema is None:
        return url
    return f"{url}{'&' if '?' in url else '?'}options={quote(f'-csearch_path={schema}')}"


def add_schema(url: str, schema: str) -> None:
    """Make an empty schema in the database of a URL, or empty the one there is."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        connection.execute(f"CREATE SCHEMA {schema}")
