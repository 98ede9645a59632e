"""The evidence of a log of trials, kept as columns while trials come and change.

``encode`` makes the same of all trials at once; for an ask that takes no thought, that is most of the time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smbo.derived import encode, within_range
from smbo.evidence import Evidence
from smbo.problem import Problem
from smbo.trials import Trial, TrialState

_ABSENT, _DONE, _FAILED, _PENDING, _SILENT = range(5)

_CODES = {
    TrialState.COMPLETE: _DONE,
    TrialState.FAILED: _FAILED,
    TrialState.PRUNED: _SILENT,
    TrialState.CANCELLED: _SILENT,
    TrialState.WAITING: _PENDING,
    TrialState.RUNNING: _PENDING,
    TrialState.PAUSED: _PENDING,
}

_FIRST_ROOM = 64


def is_columnar(problem: Problem) -> bool:
    """Return whether a trial's row of the evidence follows from that trial alone."""
    return problem.ladder is None and problem.measure is None


class Columns:
    """What a surrogate is told of a study, up to date with the trials that were put.

    Args:
        problem: of the trials; see ``is_columnar``.
    """

    def __init__(self, problem: Problem) -> None:
        assert is_columnar(problem)
        self._problem = problem
        self._changed: dict[int, Trial] = {}
        self._codes: NDArray[Any] = np.zeros(0, dtype=np.int8)
        self._feasible: NDArray[Any] = np.zeros(0, dtype=np.bool_)
        self._floats: NDArray[Any] = np.zeros((3, 0))  # values, standard errors, costs
        self._units: NDArray[Any] = np.zeros((0, len(problem.space.axes)))

    def put(self, trials: Iterable[Trial]) -> None:
        """Take trials that are new or have changed; a trial's point never does."""
        self._changed.update((trial.number, trial) for trial in trials)

    def evidence(self) -> Evidence:
        """Return the same as ``encode`` of all trials."""
        self._take_changed()
        done, failed, pending = (np.flatnonzero(self._codes == code) for code in (_DONE, _FAILED, _PENDING))
        values, sems, costs = self._floats[:, done]
        return Evidence(
            axes=self._problem.space.axes,
            numbers=done.astype(np.int64),
            points=self._units[done],
            values=self._problem.sign * within_range(values),
            variances=within_range(sems) ** 2,
            costs=costs,
            feasible=self._feasible[done],
            failed=self._units[failed],
            pending=self._units[pending],
        )

    def _take_changed(self) -> None:
        if not self._changed:
            return
        trials = list(self._changed.values())
        rows = np.array([trial.number for trial in trials])
        self._make_room(int(rows.max()) + 1)
        new = [place for place, is_new in enumerate(self._codes[rows] == _ABSENT) if is_new]
        if new:
            points = [trials[place].params for place in new]
            self._units[rows[new]] = self._problem.space.to_unit(points)
        self._codes[rows] = [_CODES[trial.state] for trial in trials]
        self._feasible[rows] = [trial.feasible is not False for trial in trials]
        self._floats[:, rows] = [
            _floats([trial.value for trial in trials]),
            _floats([trial.sem for trial in trials]),
            _floats([trial.cost for trial in trials]),
        ]
        self._changed.clear()

    def _make_room(self, n: int) -> None:
        room = len(self._codes)
        if n <= room:
            return
        more = max(n, 2 * room, _FIRST_ROOM) - room
        self._codes = np.pad(self._codes, (0, more))
        self._feasible = np.pad(self._feasible, (0, more))
        self._floats = np.pad(self._floats, ((0, 0), (0, more)))
        self._units = np.pad(self._units, ((0, more), (0, 0)))


def _floats(values: Sequence[float | None]) -> list[float]:
    return [math.nan if value is None else value for value in values]


def evidence_of(problem: Problem, columns: Columns | None, trials: Iterable[Trial]) -> Evidence:
    """Return the evidence: from the columns, or where there are none, of all trials."""
    return encode(problem, trials) if columns is None else columns.evidence()
