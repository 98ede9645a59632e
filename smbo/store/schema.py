"""The tables, and how an older file becomes a newer one.

``seq`` is one total order of changes per study without gaps, taken from ``study.next_seq`` in the
transaction that makes the change: ``trial.seq > cursor`` is all that changed since, and a trial's
``watermark_seq`` says exactly what its proposal knew.  JSON columns are text, so that the same
tables serve any database; vectors are float64, little-endian, so that they come back bit for bit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from sqlalchemy import (
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
    UniqueConstraint,
    func,
    insert,
    inspect,
    select,
)

from smbo.errors import StoreError

SCHEMA_VERSION = 1

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
    CheckConstraint("(state = 'complete') = (value IS NOT NULL)", name="complete_has_a_value"),
    Index("trial_by_seq", "study", "seq"),
    Index("trial_by_state", "study", "state", "origin", "reason"),
)

attempt = Table(
    "attempt",
    metadata,
    Column("study", ForeignKey("study.id"), primary_key=True),
    Column("token", Integer, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("owner", Text, nullable=False),
    Column("host", String(255)),
    Column("pid", Integer),
    Column("created", Float, nullable=False),
    Column("started", Float),
    Column("ended", Float),
    Column("outcome", String(12)),
    Column("result_hash", String(64)),
    Column("result", Text),
    ForeignKeyConstraint(["study", "number"], ["trial.study", "trial.number"]),
    Index("attempt_by_trial", "study", "number"),
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
    Column("created", Float, nullable=False),
    UniqueConstraint("study", "ask_key"),
)

# MIGRATIONS[n] turns a store of version n into one of version n + 1, inside one transaction.
MIGRATIONS: Mapping[int, Callable[[Connection], None]] = {}


def prepare(
    connection: Connection,
    *,
    version: int = SCHEMA_VERSION,
    migrations: Mapping[int, Callable[[Connection], None]] = MIGRATIONS,
) -> None:
    """Create the tables in an empty store, or bring an older one up to ``version``.

    ``connection`` is in a write transaction: of two processes that open a new store at once, one
    waits and then finds it made.

    Raises:
        StoreError: the store holds something else, or was written by a newer smbo.
    """
    tables = set(inspect(connection).get_table_names())
    if not tables:
        metadata.create_all(connection)
        connection.execute(insert(schema_version).values(version=version, applied=time.time()))
        return
    if not {"schema_version", "study"} <= tables:
        raise StoreError(
            f"the database holds other tables ({', '.join(sorted(tables)[:5])}); give smbo a file of its own"
        )
    found = connection.scalar(select(func.max(schema_version.c.version)))
    if found is None or found > version:
        raise StoreError(
            f"the store has schema version {found}, this smbo knows versions up to {version}; update smbo"
        )
    for step in range(found, version):
        migrations[step](connection)
        connection.execute(insert(schema_version).values(version=step + 1, applied=time.time()))
