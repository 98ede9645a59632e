"""Training data updated incrementally, as columns, while trials are added and change.

``encode`` makes the same from all trials at once, which is most of the time of an ask without a model.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smbo.history.encode import encode, in_own_unit, is_alone
from smbo.problem import Problem
from smbo.training_data import Array, EvaluationCosts, TrainingData
from smbo.trial import Trial, TrialState

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
_FEW = 8  # up to so many trials, rows are faster updated one by one than all together


def is_columnar(problem: Problem) -> bool:
    """Return whether a trial's row of the training data follows from that trial alone."""
    if problem.space.earlier:
        return False
    if problem.multi_objective is not None or problem.constraints or problem.context:
        return False  # the context of a trial may change when it is told
    return problem.early_stopping is None and problem.output_loss is None


class Columns:
    """The training data of a study, up to date with the trials that were put.

    Args:
        problem: of the trials; see ``is_columnar``.
    """

    def __init__(self, problem: Problem) -> None:
        assert is_columnar(problem)
        self._problem = problem
        self._changed: dict[int, Trial] = {}
        self._codes: NDArray[Any] = np.zeros(0, dtype=np.int8)
        self._feasible: NDArray[Any] = np.zeros(0, dtype=np.bool_)
        self._floats: NDArray[Any] = np.zeros((3, 0))  # minimised values, standard errors, costs
        self._units: NDArray[Any] = np.zeros((0, len(problem.space.axes)))

    def put(self, trials: Iterable[Trial]) -> None:
        """Add trials that are new or have changed; a trial's point never changes."""
        self._changed.update((trial.number, trial) for trial in trials)

    def data(self) -> TrainingData:
        """Return the same as ``encode`` of all trials."""
        self._take_changed()
        done, failed, pending = (np.flatnonzero(self._codes == code) for code in (_DONE, _FAILED, _PENDING))
        values, sems, _ = self._floats[:, done]
        values, variances, unit = in_own_unit(values, sems, is_free=is_alone(self._problem))
        return TrainingData(
            axes=self._problem.space.axes,
            numbers=done.astype(np.int64),
            points=self._units[done],
            values=values,
            variances=variances,
            feasible=self._feasible[done],
            failed=self._units[failed],
            pending=self._units[pending],
            costs=self._costs(np.concatenate([done, failed])),
            unit=unit,
        )

    def _costs(self, rows: NDArray[np.intp]) -> EvaluationCosts | None:
        """Return the known costs of these trials, as ``evaluation_costs``."""
        costs = self._floats[2]
        rows = np.sort(rows[np.isfinite(costs[rows])])
        spent = sum(costs[np.isfinite(costs)].tolist())
        return EvaluationCosts(self._units[rows], costs[rows], None, spent) if len(rows) else None

    def _take_changed(self) -> None:
        if not self._changed:
            return
        trials = list(self._changed.values())
        self._make_room(max(self._changed) + 1)
        new = [trial for trial in trials if self._codes[trial.number] == _ABSENT]
        if new:
            units = self._problem.space.to_unit([trial.params for trial in new])
            self._units[[trial.number for trial in new]] = units
        if len(trials) <= _FEW:
            for trial in trials:
                self._put_row(trial)
        else:
            self._put_rows(trials)
        self._changed.clear()

    def _put_row(self, trial: Trial) -> None:
        """Update one trial's row; as ``_put_rows``, and faster for a few trials."""
        row, cost = trial.number, trial.cost
        value, sem = (math.nan if each is None else each for each in (trial.value, trial.sem))
        self._codes[row] = _CODES[trial.state]
        self._feasible[row] = trial.feasible is not False
        self._floats[:, row] = self._problem.sign * value, sem, math.nan if cost is None else cost

    def _put_rows(self, trials: Sequence[Trial]) -> None:
        rows = [trial.number for trial in trials]
        self._codes[rows] = [_CODES[trial.state] for trial in trials]
        self._feasible[rows] = [trial.feasible is not False for trial in trials]
        self._floats[0, rows] = self._problem.sign * _floats(trial.value for trial in trials)
        self._floats[1, rows] = _floats(trial.sem for trial in trials)
        self._floats[2, rows] = _floats(trial.cost for trial in trials)

    def _make_room(self, n: int) -> None:
        room = len(self._codes)
        if n <= room:
            return
        more = max(n, 2 * room, _FIRST_ROOM) - room
        self._codes = np.pad(self._codes, (0, more))
        self._feasible = np.pad(self._feasible, (0, more))
        self._floats = np.pad(self._floats, ((0, 0), (0, more)))
        self._units = np.pad(self._units, ((0, more), (0, 0)))


def _floats(values: Iterable[float | None]) -> Array:
    return np.array([math.nan if value is None else value for value in values])


def latest_data(problem: Problem, columns: Columns | None, trials: Iterable[Trial]) -> TrainingData:
    """Return the training data: from the columns, or from all trials where there are none."""
    return encode(problem, trials) if columns is None else columns.data()
