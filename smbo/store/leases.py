"""Leases: registered drivers, their leader, and the heartbeats of attempts.

Heartbeats are counters.  A reader takes an attempt or a driver for dead when the *reader* saw the counter
stand still for the lease by its own monotonic clock; clocks of two hosts are never compared.  Heartbeats
are no part of the change feed: they are frequent and no proposal depends on them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, case, insert, select, update

from smbo.store import schema
from smbo.store.change_feed import lock, note, trial_row
from smbo.store.records import DriverRecord, Place, storable
from smbo.store.tell import NOWHERE, attempt_row

_STUDY = schema.study.c
_DRIVER = schema.driver.c
_ATTEMPT = schema.attempt.c


def register_driver(
    connection: Connection, study: int, driver: str, host: str, pid: int, capacity: int
) -> DriverRecord:
    """Register a driver, under the next epoch if it was registered before."""
    lock(connection, study)
    known = _driver_row(connection, study, driver)
    record = DriverRecord(
        id=driver,
        epoch=1 if known is None else known.epoch + 1,
        host=storable(host),
        pid=pid,
        beat=0 if known is None else known.beat + 1,
        capacity=capacity,
        created=time.time(),
        ended=None,
    )
    row = {"study": study, **record.__dict__}
    change = insert(schema.driver) if known is None else _change_driver(study, driver)
    connection.execute(change.values(row))
    note(connection, study, "driver", payload={"id": driver, "epoch": record.epoch})
    return record


def beat_driver(connection: Connection, study: int, driver: str, capacity: int | None) -> int | None:
    """Count one heartbeat of a driver; return the counter, None if it is not registered."""
    columns: dict[str, Any] = {"beat": _DRIVER.beat + 1}
    if capacity is not None:
        columns["capacity"] = capacity
    beat = connection.scalar(_change_driver(study, driver).values(columns).returning(_DRIVER.beat))
    return None if beat is None else int(beat)


def end_driver(connection: Connection, study: int, driver: str) -> None:
    """Deregister a driver that ends in good order, and give up its leadership."""
    lock(connection, study)
    known = _driver_row(connection, study, driver)
    if known is None or known.ended is not None:
        return
    connection.execute(_change_driver(study, driver).values(ended=time.time()))
    freed = {"leader": None} if leader(connection, study)[0] == driver else {}
    note(connection, study, "driver-ended", payload={"id": driver}, **freed)


def drivers(connection: Connection, study: int) -> list[DriverRecord]:
    """Return all drivers that ever registered, by their ids."""
    rows = connection.execute(select(schema.driver).where(_DRIVER.study == study).order_by(_DRIVER.id))
    return [
        DriverRecord(**{name: value for name, value in row._mapping.items() if name != "study"})
        for row in rows
    ]


def lead(connection: Connection, study: int, driver: str, over: int | None) -> int | None:
    """Make a driver the leader where there is none; return its epoch of leadership, None if it does not lead.

    Args:
        over: epoch of a leadership whose driver the caller saw dead: that leader is replaced, unless
            another driver was faster.
    """
    lock(connection, study)
    current, epoch = leader(connection, study)
    if current == driver:
        return epoch
    me = _driver_row(connection, study, driver)
    is_free = current is None or epoch == over
    if me is None or me.ended is not None or not is_free:
        return None
    payload = {"id": driver, "epoch": epoch + 1}
    note(connection, study, "leader", payload=payload, leader=driver, leader_epoch=epoch + 1)
    return epoch + 1


def leader(connection: Connection, study: int) -> tuple[str | None, int]:
    """Return the leading driver (None if there is none) and the epoch of the latest leadership."""
    row = connection.execute(select(_STUDY.leader, _STUDY.leader_epoch).where(_STUDY.id == study)).one()
    return row.leader, int(row.leader_epoch)


def claim(
    connection: Connection,
    study: int,
    number: int,
    token: int,
    driver: str | None = None,
    job: str | None = None,
    place: Place = NOWHERE,
) -> bool:
    """Claim an attempt for execution; return whether this caller may execute it.

    A token is one execution: a second claim, or one after the attempt was given up, is refused.

    Raises:
        UnknownTrial: there is no such trial, or no such attempt at it.
    """
    lock(connection, study)
    attempt = attempt_row(connection, study, trial_row(connection, study, number), token)
    assert attempt is not None
    if attempt.claimed is not None or attempt.outcome is not None:
        return False
    known = {"driver": driver, "job": job, "host": place.host, "pid": place.pid, "started": place.started}
    columns = {name: value for name, value in known.items() if value is not None}
    connection.execute(
        _change_attempt(study, token).values(claimed=time.time(), beat=_ATTEMPT.beat + 1, **columns)
    )
    note(connection, study, "claimed", number, token)
    return True


def hold_attempts(connection: Connection, study: int, driver: str, jobs: Mapping[int, str | None]) -> None:
    """Note which driver holds attempts, and their keys in the back end (None: unchanged)."""
    for token, job in sorted(jobs.items()):
        columns = {"driver": driver} if job is None else {"driver": driver, "job": job}
        connection.execute(_change_attempt(study, token).values(columns))


def beat_attempts(connection: Connection, study: int, beats: Mapping[int, int | None]) -> dict[int, int]:
    """Advance the heartbeat counters of attempts.

    Args:
        beats: by token; a number is a counter read elsewhere (a lower one changes nothing), None
            stands for one more.

    Returns:
        The present counters of the attempts that are still open; a missing one has ended and
        need not continue.
    """
    counters = {}
    for token, beat in sorted(beats.items()):  # in one order, so that no two transactions deadlock
        is_open = _change_attempt(study, token).where(_ATTEMPT.outcome.is_(None))
        following = _ATTEMPT.beat + 1 if beat is None else _greater(_ATTEMPT.beat, beat)
        counter = connection.scalar(is_open.values(beat=following).returning(_ATTEMPT.beat))
        if counter is not None:
            counters[token] = int(counter)
    return counters


def _greater(column: Any, number: int) -> Any:
    """Return the SQL for the greater of a column and a number."""
    return case((column < number, number), else_=column)


def _driver_row(connection: Connection, study: int, driver: str) -> Row[Any] | None:
    return connection.execute(
        select(schema.driver).where(_DRIVER.study == study, _DRIVER.id == driver)
    ).one_or_none()


def _change_driver(study: int, driver: str) -> Any:
    return update(schema.driver).where(_DRIVER.study == study, _DRIVER.id == driver)


def _change_attempt(study: int, token: int) -> Any:
    return update(schema.attempt).where(_ATTEMPT.study == study, _ATTEMPT.token == token)
