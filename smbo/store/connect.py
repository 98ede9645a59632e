"""Store URLs, and the SQLite file on a local disk: every write transaction exclusive from its start."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes

import psutil
from sqlalchemy import URL, Engine, NullPool, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from smbo.errors import StoreError, UnknownStudy

BUSY_SECONDS = 30.0

_DRIVERS = ("sqlite", "sqlite+pysqlite", "postgresql", "postgresql+psycopg")

# WAL needs memory shared by all processes with the file open, so one host only; and the file locks of
# network file systems are not to be trusted in any mode.
NETWORK_FILE_SYSTEMS = frozenset(
    {
        *(
            "nfs",
            "nfs3",
            "nfs4",
            "cifs",
            "smb",
            "smb2",
            "smb3",
            "smbfs",
            "afs",
            "openafs",
            "auristorfs",
            "coda",
        ),
        *(
            "ncpfs",
            "lustre",
            "gpfs",
            "beegfs",
            "ceph",
            "panfs",
            "pvfs2",
            "orangefs",
            "glusterfs",
            "ocfs2",
            "gfs2",
        ),
        *("eos", "fuse.eosxd", "fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.cvmfs2", "cvmfs2", "davfs"),
        *("fuse.davfs", "fuse.rclone", "fuse.s3fs", "webdav"),
    }
)


_SQLITE_URL = re.compile(r"sqlite(?:\+pysqlite)?:///(.*)", re.DOTALL)
# what a URL gives another meaning, or a terminal
_QUOTED = re.compile(r"[%?\x00-\x1f\x7f]")

_HEADER = b"SQLite format 3\0"
# of a store of any version; other databases may have a table called "study"
OUR_TABLES = frozenset({"schema_version", "study", "trial", "attempt", "event"})


def file_url(path: str | os.PathLike[str]) -> str:
    """Return the URL of the SQLite file at a path, which may hold any character.

    >>> file_url("50%/run?1.db")
    'sqlite:///50%25/run%3F1.db'
    """
    # not by SQLAlchemy, which quotes a file's name from version 2.1 on only
    return "sqlite:///" + _QUOTED.sub(lambda found: f"%{ord(found[0]):02X}", os.fspath(path))


def parse_url(url: str | os.PathLike[str]) -> URL:
    """Return a store's URL in its parts; a path object stands for the SQLite file there.

    Raises:
        StoreError: it is no URL, or of a database that is not supported.  No message shows a password.
    """
    if isinstance(url, os.PathLike):
        return URL.create("sqlite", database=os.fspath(url))
    is_file = _SQLITE_URL.fullmatch(url) if isinstance(url, str) else None
    if is_file is not None:
        return URL.create("sqlite", database=_database_in(url, is_file[1]))
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StoreError(
            f"store {masked(url)!r} is not a URL; write sqlite:///runs.db, sqlite:////path/runs.db "
            "or postgresql://user@host/database"
        ) from None
    if parsed.drivername not in _DRIVERS:
        shown = parsed.render_as_string(hide_password=True)
        raise StoreError(
            f"store {shown!r}: SQLite and PostgreSQL are supported; write sqlite:///runs.db or "
            "postgresql://user@host/database"
        )
    return parsed


def _database_in(url: str, quoted: str) -> str:
    """Return the path in a URL of SQLite; not by SQLAlchemy, which drops all that follows a question mark."""
    if "?" in quoted:
        path, _, options = quoted.partition("?")
        advice = "" if "=" in options else "; where it belongs to the path, write %3F or give a pathlib.Path"
        raise StoreError(f"store {url!r}: options are not supported; write {'sqlite:///' + path!r}{advice}")
    return os.fsdecode(unquote_to_bytes(os.fsencode(quoted)))


def masked(url: str | os.PathLike[str]) -> str:
    """Return a URL, or what was meant for one, without its password."""
    if isinstance(url, os.PathLike):
        return file_url(url)
    if isinstance(url, str) and url.startswith("sqlite"):
        return url  # as it was written
    try:
        return make_url(url).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):
        return re.sub(r":[^:@/]*@", ":***@", str(url))


def is_sqlite(url: str | os.PathLike[str]) -> bool:
    """Return whether a store is a SQLite file.

    Raises:
        StoreError: see ``parse_url``.
    """
    return parse_url(url).get_backend_name() == "sqlite"


def sqlite_path(url: str | os.PathLike[str]) -> Path:
    """Return the file that a store URL names.

    Raises:
        StoreError: it is no URL, not of SQLite, or names no file.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() != "sqlite":
        raise StoreError(f"store {masked(url)!r} is no file")
    if not parsed.database or parsed.database == ":memory:" or parsed.database.startswith("file:"):
        raise StoreError(
            f"store {url!r} names no file; write sqlite:///runs.db, or use Optimizer for a study in memory"
        )
    if "\0" in parsed.database:
        raise StoreError(f"store {str(url)!r}: no file has a NUL in its path")
    return Path(os.path.expanduser(parsed.database)).absolute()


def spool_folder(url: str | os.PathLike[str]) -> Path:
    """Return the folder where results of a store's studies wait to be recorded.

    Beside the file; of a server's database, in the current folder.

    Raises:
        StoreError: see ``parse_url``.
    """
    if is_sqlite(url):
        path = sqlite_path(url)
        return path.with_name(f"{path.name}-spool")
    return Path.cwd() / f"{quote(parse_url(url).database or '', safe=' ')}-spool"


def file_system(path: Path, mounts: Iterable[tuple[str, str]] | None = None) -> str:
    """Return the type of the file system that ``path`` lies on, "" if unknown.

    Args:
        path: need not exist.
        mounts: (mount point, type) pairs; the machine's own by default.
    """
    if mounts is None:
        mounts = [(each.mountpoint, each.fstype) for each in psutil.disk_partitions(all=True)]
    resolved = Path(os.path.realpath(path))  # resolve() raises where links go in a circle
    best, kind = -1, ""
    for point, fstype in mounts:
        # the longest mount point wins, and of equal ones the last mounted
        if resolved.is_relative_to(point) and len(point) >= best:
            best, kind = len(point), fstype
    return kind


def connect_sqlite(url: str | os.PathLike[str], *, create: bool) -> Engine:
    """Return an engine on the store's file, which is made (mode 0600) if it may be.

    The engine begins no transactions of its own: see ``Database``.

    Raises:
        StoreError: see ``sqlite_path``; or the file is missing, unreadable, or on a network disk.
    """
    path = sqlite_path(url)
    kind = file_system(path)
    if kind.lower() in NETWORK_FILE_SYSTEMS:
        raise StoreError(
            f"store {path}: it lies on a network file system ({kind}), where SQLite loses data; "
            "put it on a local disk"
        )
    _ensure_file(path, create=create)
    _refuse_foreign(path, create=create)
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        poolclass=NullPool,  # ``Database`` keeps the connections
    )
    event.listen(engine, "connect", _configure)
    return engine


def is_temporary(error: BaseException | None) -> bool:
    """Return whether a database's error may go away by itself: a full disk, or a lock held for long."""
    code = getattr(error, "sqlite_errorcode", None)
    full_disk = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)
    # the low byte is the kind of error, whatever the detail
    return code in full_disk or (code is not None and code & 0xFF == sqlite3.SQLITE_BUSY)


def is_damage(error: BaseException | None) -> bool:
    """Return whether a database's error says that its file holds what SQLite does not write."""
    code = getattr(error, "sqlite_errorcode", None)
    kinds = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
    is_text = isinstance(error, UnicodeDecodeError) or str(error).startswith("Could not decode to UTF-8")
    return is_text or (code is not None and code & 0xFF in kinds)


def _ensure_file(path: Path, *, create: bool) -> None:
    try:
        if path.exists():
            if not path.is_file():
                raise StoreError(f"store {path} is not a file")
            with path.open("r+b"):
                return
        if not create:
            raise StoreError(f"store {path} does not exist")
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreError(f"store {path} cannot be opened: {error.strerror or error}") from error


def _refuse_foreign(path: Path, *, create: bool) -> None:
    """Refuse a file that holds no store, before SQLite changes a byte of it.

    Raises:
        UnknownStudy: the file is empty, or without tables, and is not to be made a store.
        StoreError: it is no database, one of another program, or damaged.
    """
    with path.open("rb") as file:
        head = file.read(20)
    if not head:
        if create:
            return
        raise UnknownStudy(f"store {path} is empty: it holds no study")
    if not head.startswith(_HEADER):
        raise StoreError(f"store {path} is not a database of SQLite, or its first bytes are damaged")
    # Reading makes two files beside a database with a write-ahead log, unless no process can have it open.
    has_log = path.with_name(f"{path.name}-wal").exists()
    option = "immutable=1" if head[18:19] == b"\2" and not has_log else "mode=ro"
    try:
        with contextlib.closing(
            sqlite3.connect(f"{path.as_uri()}?{option}", uri=True, timeout=BUSY_SECONDS)
        ) as raw:
            tables = {name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise StoreError(f"store {path} is damaged and cannot be read: {error}") from error
    if tables and not tables >= OUR_TABLES:
        raise other_tables(tables)
    if not tables and not create:
        raise UnknownStudy(f"store {path} holds no study")


def other_tables(tables: Iterable[str]) -> StoreError:
    """Return the error of a database that another program has made."""
    return StoreError(
        f"the database holds other tables ({', '.join(sorted(tables)[:5])}); give smbo one of its own"
    )


def _configure(raw: sqlite3.Connection, _record: Any) -> None:
    raw.isolation_level = None  # the driver must not begin transactions of its own
    raw.execute(f"PRAGMA busy_timeout = {round(BUSY_SECONDS * 1000)}")
    _enter_wal(raw)
    # FULL: with NORMAL, commits that were acknowledged are lost in a power cut
    raw.execute("PRAGMA synchronous = FULL")
    raw.execute("PRAGMA foreign_keys = ON")
    # page cache, in kB; with the default 2 MB a transaction of some thousand trials writes pages twice
    raw.execute("PRAGMA cache_size = -20000")


def _enter_wal(raw: sqlite3.Connection) -> None:
    # Turning a new file into a WAL file needs exclusive access, and SQLite does not wait for that.
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            mode = raw.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
            continue
        if mode != "wal":
            raise StoreError(
                f"the file system offers no write-ahead log (SQLite says {mode!r}); use a local disk"
            )
        return
