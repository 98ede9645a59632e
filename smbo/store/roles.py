"""The store's interface by role: each part of a study asks for the one that it needs.

``smbo.store.store.SqlStore`` implements all of them, and says what each method does and raises.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import Row

from smbo.store.records import (
    AttemptRecord,
    Decode,
    DriverRecord,
    ReportRecord,
    Result,
    StudyRecord,
)
from smbo.trial import Trial


class ChangeFeed(Protocol):
    """Reads changes: for a study's log, and for proposals made in another process."""

    @property
    def n_rolled_back(self) -> int: ...

    def changes(
        self, name: str, cursor: int, decode: Decode | None = None, known: StudyRecord | None = None
    ) -> tuple[StudyRecord, list[Trial]]: ...
    def reports(self, study: int, cursor: int = 0, *, number: int | None = None) -> list[ReportRecord]: ...


class History(ChangeFeed, Protocol):
    """Reads all events, attempts and trials: for the replay of a study."""

    def events(self, study: int, cursor: int = 0, *, kind: str | None = None) -> Sequence[Row[Any]]: ...
    def attempts(self, study: int) -> list[AttemptRecord]: ...


class BulkRecords(Protocol):
    """Records results at points that were never asked for."""

    def add_many(
        self,
        study: int,
        points: Sequence[Mapping[str, Any]],
        results: Sequence[Result],
        seed_of: Callable[[int], int],
    ) -> int: ...


class IntermediateValues(Protocol):
    """Records intermediate values, and decisions that follow from them."""

    def note_reports(
        self, study: int, number: int, token: int, values: Sequence[tuple[float, float]]
    ) -> None: ...
    def add_event(self, study: int, kind: str, payload: Mapping[str, Any]) -> None: ...


class DriverRegistry(Protocol):
    """Records drivers, their heartbeats, and the attempts that they hold."""

    def register_driver(
        self, study: int, driver: str, host: str, pid: int, capacity: int
    ) -> DriverRecord: ...
    def beat_driver(self, study: int, driver: str, capacity: int | None = None) -> int | None: ...
    def end_driver(self, study: int, driver: str) -> None: ...
    def drivers(self, study: int) -> list[DriverRecord]: ...
    def attempts(
        self, study: int, *, number: int | None = None, is_open: bool = False, not_of: str | None = None
    ) -> list[AttemptRecord]: ...
