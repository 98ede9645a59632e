"""The tables, and the migration of an older store to the present version.

``seq`` is one total order of changes per study without gaps, taken from ``study.next_seq`` in the
transaction that makes the change: ``trial.seq > cursor`` is all that changed since, and a trial's
``watermark_seq`` says exactly which changes its proposal used.  JSON columns are text, so that the same
tables serve any database; vectors are float64, little-endian, so that they come back bit for bit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    func,
    insert,
    inspect,
    select,
    text,
)

from smbo.errors import StoreError, UnknownStudy
from smbo.store import migrations as steps
from smbo.store.connect import OUR_TABLES, other_tables
from smbo.store.postgres import lock_store

SCHEMA_VERSION = 2

metadata = MetaData()

schema_version = Table(
    "schema_version",
    metadata,
    Column("version", Integer, primary_key=True),
    Column("applied", Float, nullable=False),
)

study = Table(
    "study",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(100), nullable=False, unique=True),
    # tells this study from another of its name in a store that was deleted and made anew
    Column("uid", String(32), nullable=False),
    Column("problem", Text, nullable=False),
    Column("recipe", Text, nullable=False),
    Column("seed", Text, nullable=False),  # text: a seed may be wider than 64 bits
    Column("budget", Text, nullable=False),
    Column("memory", Text, nullable=False),
    Column("is_stopped", Integer, nullable=False, default=0),
    Column("spent_seconds", Float, nullable=False, default=0.0),
    Column("next_number", Integer, nullable=False, default=0),
    Column("next_token", Integer, nullable=False, default=1),
    Column("next_seq", Integer, nullable=False, default=1),
    # what the budget has been charged: counting a million trials in each ask would take a second
    Column("n_charged", Integer, nullable=False, default=0, server_default="0"),
    Column("n_failed", Integer, nullable=False, default=0, server_default="0"),
    Column("leader", String(64)),  # the driver that decides for all: rungs, stops
    Column("leader_epoch", Integer, nullable=False, default=0, server_default="0"),
    Column("created", Float, nullable=False),
)

trial = Table(
    "trial",
    metadata,
    Column("study", ForeignKey("study.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("origin", String(8), nullable=False),
    Column("state", String(12), nullable=False),
    Column("params", Text, nullable=False),
    Column("params_hash", String(64), nullable=False),
    Column("seed", Text, nullable=False),
    Column("fidelity", Float),
    Column("rung", Integer),
    Column("priority", Integer, nullable=False, default=0),  # of waiting trials the highest goes first
    Column("checkpoint", Text),  # folder that its last attempt left for the next one
    Column("token", Integer),
    Column("attempts", Integer, nullable=False, default=0),
    Column("value", Float),
    Column("sem", Float),
    Column("cost", Float),
    Column("feasible", Integer),
    Column("metrics", Text, nullable=False, default="{}"),
    Column("outputs", LargeBinary),
    Column("outputs_variance", LargeBinary),
    Column("reason", String(200)),
    Column("error", Text),
    Column("watermark_seq", Integer),
    Column("proposed_as", Integer),
    Column("seq", Integer, nullable=False),
    Column("created", Float, nullable=False),
    Column("finished", Float),
    # a paused or pruned trial keeps its last value, also while it waits and runs at the next rung
    CheckConstraint(
        "CASE WHEN state = 'complete' THEN value IS NOT NULL"
        " WHEN state IN ('failed', 'cancelled') THEN value IS NULL ELSE 1 = 1 END",
        name="value_goes_with_state",
    ),
    Index("trial_by_seq", "study", "seq"),
    Index(
        "trial_waiting",
        "study",
        "priority",
        "number",
        sqlite_where=text("state = 'waiting'"),
        postgresql_where=text("state = 'waiting'"),
    ),
)

attempt = Table(
    "attempt",
    metadata,
    Column("study", ForeignKey("study.id"), primary_key=True),
    Column("token", Integer, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("owner", Text, nullable=False),
    Column("driver", String(64)),  # that holds the attempt, where several drivers work on the study
    Column("job", Text),  # its key in the back end
    Column("fidelity", Float),
    Column("rung", Integer),
    Column("host", String(255)),
    Column("pid", Integer),
    Column("created", Float, nullable=False),
    Column("claimed", Float),
    Column("beat", BigInteger, nullable=False, default=0),
    Column("started", Float),
    Column("ended", Float),
    Column("outcome", String(12)),
    Column("value", Float),  # of its result; of a trial on several rungs, one per rung
    Column("sem", Float),
    Column("cost", Float),
    Column("checkpoint", Text),
    Column("result_hash", String(64)),
    Column("result", Text),
    ForeignKeyConstraint(["study", "number"], ["trial.study", "trial.number"]),
    Index("attempt_by_trial", "study", "number"),
    Index(
        "attempt_open",
        "study",
        "token",
        sqlite_where=text("outcome IS NULL"),
        postgresql_where=text("outcome IS NULL"),
    ),
    sqlite_with_rowid=False,
)

report = Table(
    "report",
    metadata,
    Column("study", ForeignKey("study.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("token", Integer, primary_key=True),
    Column("step", Float, primary_key=True),
    Column("value", Float),  # NULL is NaN, which SQLite cannot hold
    Column("seq", Integer, nullable=False),
    Column("created", Float, nullable=False),
    ForeignKeyConstraint(["study", "token"], ["attempt.study", "attempt.token"]),
    Index("report_by_seq", "study", "seq"),
    sqlite_with_rowid=False,
)

driver = Table(
    "driver",
    metadata,
    Column("study", ForeignKey("study.id"), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("epoch", Integer, nullable=False),  # counts its registrations
    Column("host", String(255), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("beat", BigInteger, nullable=False, default=0),
    Column("capacity", Integer, nullable=False, default=0),
    Column("created", Float, nullable=False),
    Column("ended", Float),
    sqlite_with_rowid=False,
)

event = Table(
    "event",
    metadata,
    Column("study", ForeignKey("study.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("number", Integer),
    Column("token", Integer),
    Column("payload", Text, nullable=False, default="{}"),
    Column("ask_key", String(200)),  # of an ask that can be repeated: its payload names the trials
    Column("call", String(16)),  # that made the event: one whose COMMIT went unanswered is looked up by it
    Column("created", Float, nullable=False),
    Index(
        "event_by_ask_key",
        "study",
        "ask_key",
        unique=True,
        sqlite_where=text("ask_key IS NOT NULL"),
        postgresql_where=text("ask_key IS NOT NULL"),
    ),
    sqlite_with_rowid=False,
)

# MIGRATIONS[n] turns a store of version n into one of version n + 1, inside one transaction.
MIGRATIONS: Mapping[int, Callable[[Connection], None]] = {1: steps.from_1_to_2}


def version_of(connection: Connection) -> int | None:
    """Return a store's schema version, None if the database holds no store."""
    if not set(inspect(connection).get_table_names()) >= OUR_TABLES:
        return None
    version: int | None = connection.scalar(select(func.max(schema_version.c.version)))
    return version


def prepare(
    connection: Connection,
    *,
    create: bool = True,
    version: int = SCHEMA_VERSION,
    migrations: Mapping[int, Callable[[Connection], None]] = MIGRATIONS,
) -> None:
    """Create the tables in an empty store, or bring an older one up to ``version``.

    ``connection`` is in a write transaction: of two processes that open a new store at once, one
    waits and then finds it made.

    Args:
        create: whether tables are made in an empty database.

    Raises:
        UnknownStudy: the database is empty, and is to stay so.
        StoreError: the store holds something else, or was written by a newer smbo.
    """
    if connection.dialect.name != "sqlite":
        lock_store(connection)
    tables = set(inspect(connection).get_table_names())
    if not tables:
        if not create:
            raise UnknownStudy("the database holds no study")
        metadata.create_all(connection)
        connection.execute(insert(schema_version).values(version=version, applied=time.time()))
        return
    if not tables >= OUR_TABLES:
        raise other_tables(tables)
    found = connection.scalar(select(func.max(schema_version.c.version)))
    if found is None or found > version:
        raise StoreError(
            f"the store has schema version {found}, this smbo knows versions up to {version}; update smbo"
        )
    for step in range(found, version):
        migrations[step](connection)
        connection.execute(insert(schema_version).values(version=step + 1, applied=time.time()))
