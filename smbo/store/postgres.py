"""A store in PostgreSQL (13 or newer): many hosts at once.

Writers of one study queue for its row, so sequence numbers are committed in their order and
without gaps; readers see one snapshot and never wait.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event

from smbo.errors import StoreError

OLDEST_VERSION = 13

# A server that does not answer is given up after about half a minute, rather than waited for.
_CONNECTING = {
    "connect_timeout": 10,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "application_name": "smbo",
}

_SETTINGS = (
    "SET statement_timeout = '60s'",
    # a transaction whose process is out of reach must not keep others from the study
    "SET idle_in_transaction_session_timeout = '30s'",
    "SET client_encoding = 'UTF8'",
)

# Key of the advisory lock under which tables and studies are made; an arbitrary number.
_LOCK = 0x534D424F

# SQLSTATEs that are no fault of the statement: it may succeed at another time.
_PASSING_STATES = frozenset(
    {
        "40001",  # serialization failure
        "40P01",  # deadlock
        "53300",  # too many connections
        "55P03",  # lock not available
        "57014",  # statement timeout
        "57P01",  # the server is shut down
        "57P02",  # the server crashed
        "57P03",  # the server is starting
        "25P03",  # idle in a transaction for too long
        "53100",  # disk full
        "23505",  # two made a study of one name at once: the second finds it
    }
)


def connect(url: URL) -> Engine:
    """Return an engine on a PostgreSQL database.

    Raises:
        StoreError: psycopg is not installed, or the URL names no database.
    """
    try:
        import psycopg  # noqa: F401 - for a message that says what to do
    except ImportError:
        raise StoreError(
            "a store in PostgreSQL needs psycopg; pip install 'smbo[postgres]', or use sqlite:///runs.db"
        ) from None
    if not url.database:
        raise StoreError(
            f"store {url.render_as_string()!r} names no database; write postgresql://user@host/database"
        )
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={name: value for name, value in _CONNECTING.items() if name not in url.query},
        poolclass=NullPool,  # ``Database`` keeps the connections, and begins their transactions
        isolation_level="AUTOCOMMIT",
    )
    event.listen(engine, "connect", _configure)
    return engine


def _configure(raw: Any, _record: Any) -> None:
    version = raw.info.server_version
    if version < OLDEST_VERSION * 10_000:
        raise StoreError(
            f"the PostgreSQL server is of version {version // 10_000}; {OLDEST_VERSION} or newer is needed"
        )
    for setting in _SETTINGS:
        raw.execute(setting)
    if raw.execute("SHOW synchronous_commit").fetchone()[0] == "off":
        # else acknowledged commits would be lost in a crash
        raw.execute("SET synchronous_commit = 'on'")
    raw.commit()


def lock_store(connection: Connection) -> None:
    """Lock the making of tables and studies until this transaction ends."""
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")


def wait_for_us(connection: Connection) -> None:
    """Let this transaction be idle for as long as proposing a point may take, rather than half a minute."""
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = '10min'")


def is_passing(error: BaseException | None) -> bool:
    """Return whether an error of psycopg may go away by itself, a lost connection among them."""
    import psycopg

    if not isinstance(error, psycopg.Error):
        return False
    if error.sqlstate is None:  # of the connection, not of a statement
        return isinstance(error, psycopg.OperationalError) and "authentication" not in str(error)
    return error.sqlstate in _PASSING_STATES or error.sqlstate.startswith("08")
