"""Trials: a point with its number, seed, fidelity, state and result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from operator import attrgetter
from typing import Any

from smbo.frozen import FrozenDict, frozen_array
from smbo.training_data import Array


class TrialState(StrEnum):
    """The state of a trial.  The last four are final; a paused trial may be promoted to a higher fidelity.

    >>> [state.value for state in TrialState if state.is_final]
    ['complete', 'failed', 'pruned', 'cancelled']
    """

    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETE = "complete"
    FAILED = "failed"
    PRUNED = "pruned"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self in _FINAL


# the reason of a failure of the machine, not of the evaluation: another attempt may succeed
LOST = "lost"

_FINAL = frozenset({TrialState.COMPLETE, TrialState.FAILED, TrialState.PRUNED, TrialState.CANCELLED})


@dataclass(frozen=True)
class Rung:
    """The result of a trial at a fidelity below the highest.

    Attributes:
        fidelity: at which it was evaluated.
        value: in the user's sign and units.
        sem, cost: of this evaluation, None where not given.
        feasible: whether the outcome constraints hold.
        token: fencing token of the attempt that reported it (durable studies only).
        metrics, outputs, outputs_variance: as those of a trial.
    """

    fidelity: float
    value: float
    sem: float | None = None
    cost: float | None = None
    feasible: bool = True
    token: int | None = None
    metrics: Mapping[str, float] = field(default_factory=FrozenDict, repr=False)
    outputs: Array | None = field(default=None, repr=False, compare=False)
    outputs_variance: Array | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, eq=False, slots=True)  # slots: a study may hold a million of them
class Trial:
    """One point, asked for once, with its result.  Frozen: a change makes a new trial.

    So are its parts, since a trial is an entry of the log: ``dict(trial.params)`` can be changed,
    ``trial.params`` cannot, nor its lists and arrays.

    >>> trial = Trial(number=0, params={"x": 0.5}, seed=7)
    >>> trial.state, trial.value
    (<TrialState.RUNNING: 'running'>, None)

    Attributes:
        number: 0, 1, 2, … without gaps, in the order of asking.
        params: the point, in the user's units; inactive dimensions are absent.
        seed: for the objective's random numbers; a function of the study's seed and the number.
        state: see ``TrialState``.
        value: what is optimised, in the user's sign and units; None until complete.  A trial that
            was paused or pruned has its last value, at its fidelity.  Of several objectives
            the first; all of them are among the metrics.
        sem: standard error of the value, None where not given.
        cost: of the evaluation, in the user's unit; None where not given.
        feasible: whether the outcome constraints hold; None until complete.
        metrics: everything else that was measured, by name.
        outputs, outputs_variance: a vector output (k,) and its errors' covariance (see ``Outcome``), or None.
        reason, error: why the evaluation failed, in a word, and at length.
        fidelity: of the evaluation under way, or of the last; None where the problem has none.
        rungs: its results at fidelities below the highest, ascending.
        token: fencing token of the running attempt (durable studies only).
        rung: index of its rung, where trials are paused and promoted; None elsewhere.
        checkpoint: folder from which the next attempt continues, left by the last one.
    """

    number: int
    params: Mapping[str, Any]
    seed: int
    state: TrialState = TrialState.RUNNING
    value: float | None = None
    sem: float | None = None
    cost: float | None = None
    feasible: bool | None = None
    metrics: Mapping[str, float] = field(default_factory=FrozenDict)
    outputs: Array | None = None
    outputs_variance: Array | None = None
    reason: str | None = None
    error: str | None = None
    fidelity: float | None = None
    rungs: tuple[Rung, ...] = ()
    token: int | None = None
    rung: int | None = None
    checkpoint: str | None = None

    def __post_init__(self) -> None:
        if type(self.params) is not FrozenDict:
            object.__setattr__(self, "params", FrozenDict(self.params))
        if type(self.metrics) is not FrozenDict:
            object.__setattr__(self, "metrics", FrozenDict(self.metrics))
        if self.outputs is not None:
            object.__setattr__(self, "outputs", frozen_array(self.outputs))
            object.__setattr__(self, "outputs_variance", frozen_array(self.outputs_variance))

    def with_results(self, **changes: Any) -> Trial:
        """Return the same with other results: ``dataclasses.replace`` takes three times as long.

        Args:
            changes: by attribute, none of them to be frozen: not params, metrics or outputs of one's own.
        """
        new = object.__new__(Trial)
        for put, value in zip(_PUT_SLOTS, _SLOTS_OF(self)):
            put(new, value)
        for name, value in changes.items():
            object.__setattr__(new, name, value)
        return new


_SLOTS_OF = attrgetter(*Trial.__slots__)
_PUT_SLOTS = tuple(getattr(Trial, name).__set__ for name in Trial.__slots__)


@dataclass(frozen=True)
class Recommendation:
    """The point with the best posterior mean, with the posterior there.

    >>> Recommendation({"x": 0.5}, mean=1.0, std=0.1, number=3).place
    'trial 3'

    Attributes:
        params: the point, in the user's units.
        mean, std: the posterior there, in the user's sign and units, without the noise of an
            evaluation; without a posterior the value and its error or NaN.
        number: of the trial that evaluated this point, None without one.
        p_feasible: probability that the outcome constraints hold there, None without any.
        means, stds: of several objectives, by name; empty with one.
    """

    params: Mapping[str, Any]
    mean: float
    std: float
    number: int | None = None
    p_feasible: float | None = None
    means: Mapping[str, float] = field(default_factory=dict)
    stds: Mapping[str, float] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """The trial that evaluated the point, in words."""
        return "not evaluated itself" if self.number is None else f"trial {self.number}"
