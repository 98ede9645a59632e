"""Training data of a surrogate: arrays over the unit cube, minimised, in the order of trial numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]


class Target(Enum):
    """What a problem asks for, a surrogate models and an acquisition looks for, in words."""

    VALUE = "one objective"
    OBJECTIVES = "several objectives"
    OUTPUTS = "vector outputs"
    LEVEL_SET = "a level set"
    FIDELITIES = "several fidelities"


ONE_VALUE = frozenset({Target.VALUE})

if TYPE_CHECKING:
    from abc import ABCMeta as ProtocolMeta
else:
    ProtocolMeta = type(Protocol)

_known_abilities: dict[tuple[type, type], bool] = {}


class _Remembered(ProtocolMeta):
    """Remembers which abilities a class has: a runtime protocol compares all its members each time.

    That took a tenth of a proposal.  Only of dataclasses, whose instances have the members of their class.
    """

    def __instancecheck__(cls, instance: Any) -> bool:
        kind = type(instance)
        known = _known_abilities.get((cls, kind))
        if known is None:
            known = super().__instancecheck__(instance)
            if "__dataclass_fields__" in vars(kind):
                _known_abilities[cls, kind] = known
        return known


class Ability(Protocol, metaclass=_Remembered):
    """Base of the protocols that say what a surrogate, a posterior, an acquisition or a criterion can do."""


@runtime_checkable
class Serves(Protocol):
    """A surrogate or an acquisition that names the targets it serves."""

    @property
    def serves(self) -> frozenset[Target]:
        """The targets; a wrapper has those of its part."""
        ...


def served_by(part: object) -> frozenset[Target]:
    """Return the targets that a surrogate or an acquisition serves: one value where it names none."""
    # a class that has the attribute is recognised at once; checking a runtime protocol takes far longer
    names_targets = hasattr(type(part), "serves") or isinstance(part, Serves)
    return part.serves if names_targets else ONE_VALUE  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Axis:
    """Name, kind and number of levels of one column of a unit point.

    Attributes:
        name: the dimension's name.
        kind: "continuous"; "ordered" (integers, steps, ordered choices: a grid on which distance
            means something); "categorical" (levels without an order).
        levels: number of distinct values, None for a continuous axis.  Level k of K sits at
            (k + 1/2) / K.
    """

    name: str
    kind: Literal["continuous", "ordered", "categorical"]
    levels: int | None = None


@runtime_checkable
class Loss(Protocol):
    """What is minimised, as a function of a vector of k outputs."""

    @property
    def n_outputs(self) -> int | None:
        """How many outputs there are; None for any number."""
        ...

    def of(self, outputs: Array) -> Array:
        """Return the loss of noiseless outputs (..., k), shape (...)."""
        ...

    def measured(self, outputs: Array, variances: Array) -> tuple[float, float]:
        """Return loss and standard error of measured outputs (k,) with their variances (k,)."""
        ...


@runtime_checkable
class SquaredLoss(Loss, Protocol):
    """A loss of the form Σ metric (output - data)²."""

    @property
    def data(self) -> Array:
        """The desired outputs, shape (k,)."""
        ...

    @property
    def metric(self) -> Array:
        """Weight of each squared difference, from 0 up, shape (k,)."""
        ...


@dataclass(frozen=True, eq=False)
class VectorOutputs:
    """The vector outputs of the finished evaluations.

    Attributes:
        loss: the function of the outputs that is minimised.
        values: shape (n, k).
        variances: of each entry's error, shape (n, k).
        factors: low-rank part of the errors' covariance, shape (n, k, r): of evaluation i it is
            diag(variances[i]) + factors[i] factors[i]ᵀ.
    """

    loss: Loss
    values: Array
    variances: Array
    factors: Array

    def rows(self, chosen: NDArray[np.intp]) -> VectorOutputs:
        """Return the outputs of the chosen rows only."""
        return VectorOutputs(self.loss, self.values[chosen], self.variances[chosen], self.factors[chosen])


@dataclass(frozen=True, eq=False)
class OutcomeConstraintValues:
    """Slacks of the outcome constraints at the finished evaluations.

    Attributes:
        names: one for each constraint, the formula of its slack.
        values: not negative where the constraint holds, NaN where unknown, shape (n, c).
        variances: of each slack's error, NaN where not given, shape (n, c).
        is_explained: whether the slacks explain why an evaluation is infeasible, if it is, shape (n,).
        learned: memory of the surrogate of each slack; () before the first fit.
    """

    names: tuple[str, ...]
    values: Array
    variances: Array
    is_explained: NDArray[np.bool_]
    learned: tuple[Mapping[str, Any], ...] = ()

    def rows(self, chosen: NDArray[np.intp]) -> OutcomeConstraintValues:
        """Return the slacks of the chosen rows only."""
        return replace(
            self,
            values=self.values[chosen],
            variances=self.variances[chosen],
            is_explained=self.is_explained[chosen],
        )

    def with_unknown(self, m: int) -> OutcomeConstraintValues:
        """Return the slacks with m rows of unknown (NaN) slacks appended."""
        unknown = np.full((m, self.values.shape[1]), np.nan)
        return replace(
            self,
            values=np.concatenate([self.values, unknown]),
            variances=np.concatenate([self.variances, unknown]),
            is_explained=np.concatenate([self.is_explained, np.ones(m, dtype=np.bool_)]),
        )


@dataclass(frozen=True, eq=False)
class FidelityResults:
    """What each trial's evaluations have shown: one row per trial and fidelity, by number, then fidelity.

    Attributes:
        data: the evaluations as training data of their own, N rows, none failed or pending: whatever is
            measured (values, objectives, outputs, slacks) is there at each fidelity.
        fidelity_gaps: how far below the highest fidelity a row is, shape (N,): 0 there, 1 at the
            lowest, in the logarithm of the fidelity.
        noise_growth: variance of an unknown error, as a multiple of that at the highest
            fidelity, shape (N,).
        ratio: the highest over the lowest fidelity of learning curves; None of averages over events.
    """

    data: TrainingData
    fidelity_gaps: Array
    noise_growth: Array
    ratio: float | None = None

    def __len__(self) -> int:
        return len(self.data)

    @property
    def numbers(self) -> NDArray[np.int64]:
        """Of the trials, shape (N,)."""
        return self.data.numbers

    @property
    def points(self) -> Array:
        """Unit points, shape (N, d)."""
        return self.data.points

    @property
    def values(self) -> Array:
        """Shape (N,), finite, lower is better."""
        return self.data.values

    @property
    def variances(self) -> Array:
        """Of each value's error, shape (N,); NaN where not given."""
        return self.data.variances

    @property
    def cheapest(self) -> tuple[float, float]:
        """Fidelity gap and noise growth of a row at the lowest fidelity."""
        row = int(np.argmax(self.fidelity_gaps))
        return float(self.fidelity_gaps[row]), float(self.noise_growth[row])

    def rows(self, chosen: NDArray[np.intp]) -> FidelityResults:
        """Return the chosen rows only."""
        return replace(
            self,
            data=self.data.rows(chosen),
            fidelity_gaps=self.fidelity_gaps[chosen],
            noise_growth=self.noise_growth[chosen],
        )


def _times(values: Array, units: Array | float) -> Array:
    """Return values times units; the largest float where there is no larger one."""
    with np.errstate(over="ignore"):
        return np.nan_to_num(values * units, nan=np.nan)


@dataclass(frozen=True, eq=False)
class ObjectiveValues:
    """The values of several objectives at the finished evaluations, all minimised.

    Attributes:
        values: shape (n, m), finite.
        variances: of each value's error, shape (n, m); NaN where not given.
        reference: reference point of the hypervolume, shape (m,); NaN where a rule sets it.
        weights: relative weight of each objective, shape (m,).
        units: of values, errors and reference in the user's units, see ``TrainingData.unit``, shape (m,).
    """

    values: Array
    variances: Array
    reference: Array
    weights: Array
    units: Array | float = 1.0

    def told(self, values: Array) -> Array:
        """Return values or errors of the objectives, (..., m), in the user's units."""
        return _times(values, self.units)

    def rows(self, chosen: NDArray[np.intp]) -> ObjectiveValues:
        """Return the values of the chosen rows only."""
        return replace(self, values=self.values[chosen], variances=self.variances[chosen])


@dataclass(frozen=True, eq=False)
class Replicates:
    """The single evaluations behind rows that merge several evaluations of one point.

    Attributes:
        rows: row of the training data that each evaluation belongs to, shape (N,).
        values, variances: of each evaluation, as in ``TrainingData``, shape (N,).
    """

    rows: NDArray[np.intp]
    values: Array
    variances: Array

    def of_rows(self, chosen: NDArray[np.intp]) -> Replicates:
        """Return the evaluations behind the chosen rows only."""
        place = np.full(int(self.rows.max(initial=-1)) + 1, -1)
        place[chosen] = np.arange(len(chosen))
        kept = place[self.rows] >= 0
        return Replicates(place[self.rows][kept], self.values[kept], self.variances[kept])


@dataclass(frozen=True, eq=False)
class EvaluationCosts:
    """What evaluations cost: a row for each told cost, those of failures and of lower fidelities among them.

    Attributes:
        points: unit points, shape (k, d).
        rates: cost per ``Fidelity.cost`` of the evaluation, from 0 up, shape (k,); the cost itself without a
            fidelity.
        fidelity_gaps: see ``FidelityResults``, shape (k,); None without a fidelity.
        spent: all that was told, pruned and cancelled evaluations included.
    """

    points: Array
    rates: Array
    fidelity_gaps: Array | None
    spent: float


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Finished, failed and pending evaluations, from which a proposal is made.

    Rows are sorted by trial number, never by arrival, so that the same results give the same
    bits whatever the order in which they were recorded.  Coordinates of inactive dimensions hold 0.5.

    Attributes:
        axes: one per column.
        numbers: trial numbers of the finished evaluations, shape (n,), ascending.
        points: unit points, shape (n, d).
        values: shape (n,), finite, lower is better.
        variances: variance of each value's error (sem squared), shape (n,); NaN where not given.
        feasible: whether the outcome constraints hold, shape (n,).
        failed: unit points of evaluations that failed, shape (n_failed, d).
        pending: unit points being evaluated now, shape (n_pending, d).
        outputs: where the problem has vector outputs; the values are then their losses.
        outcome_constraints: where the problem has any that are comparisons of numbers.
        objective_values: where the problem has several objectives; the values are then those of the first.
        fidelities: where trials are promoted to higher fidelities; the values are then those at one fidelity.
        replicates: where rows merge several evaluations (see ``history.replicates``); the values are then
            their means, and the variances those of the means where errors are known.
        costs: of evaluations, where any is known.
        unit: of values and errors, in the user's unit: a power of two, other than 1 only of an objective
            whose magnitudes are so far from 1 that their squares would leave the range of a float.
        outside: numbers of the evaluations at points of an earlier space of the study that are not in the
            present one.  They are training data, are not ``feasible``, and say nothing of feasibility.
        context: present context as a unit point, (d,), NaN where it is chosen or not known; None where
            the problem has no contextual variables.
    """

    axes: tuple[Axis, ...]
    numbers: NDArray[np.int64]
    points: Array
    values: Array
    variances: Array
    feasible: NDArray[np.bool_]
    failed: Array
    pending: Array
    outputs: VectorOutputs | None = None
    outcome_constraints: OutcomeConstraintValues | None = None
    objective_values: ObjectiveValues | None = None
    fidelities: FidelityResults | None = None
    replicates: Replicates | None = None
    costs: EvaluationCosts | None = None
    unit: float = 1.0
    outside: frozenset[int] = frozenset()
    context: Array | None = None

    @classmethod
    def of_values(
        cls, axes: tuple[Axis, ...], points: Array, values: Array, variances: Array | None = None
    ) -> TrainingData:
        """Return training data of values alone: all feasible, none failed or pending, costs unknown.

        Args:
            points: unit points, shape (n, d).
            values: shape (n,); any quantity that a surrogate is to learn.
            variances: of their errors, shape (n,); None where unknown.
        """
        n, nowhere = len(values), np.zeros((0, len(axes)))
        unknown = np.full(n, np.nan)
        return cls(
            axes=axes,
            numbers=np.arange(n),
            points=points,
            values=values,
            variances=unknown if variances is None else variances,
            feasible=np.ones(n, dtype=np.bool_),
            failed=nowhere,
            pending=nowhere,
        )

    def told(self, values: Array) -> Array:
        """Return values or errors in the user's unit, same shape; beyond the largest float, that one."""
        return _times(values, self.unit)

    def n_since_gain(self, least: float) -> int:
        """Return how many evaluations, by trial number, followed the last improvement of the best value.

        An improvement of at most ``least`` does not count; the first feasible value counts.
        """
        if not self.feasible.any():
            return 0
        best = np.minimum.accumulate(np.where(self.feasible, self.values, np.inf))
        # the last row at which the best value so far exceeded the final one by more than ``least``
        worse = np.flatnonzero(best > best[-1] + least)
        return len(best) - (int(worse[-1]) + 2 if len(worse) else 1)

    def in_context(self, points: Array) -> Array:
        """Return unit points (m, d) moved to the present context: what they would be worth now."""
        if self.context is None:
            return points
        return np.where(np.isnan(self.context), points, self.context)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def n_told(self) -> int:
        """The number of evaluations, each replicate counted."""
        return len(self) if self.replicates is None else len(self.replicates.values)

    def with_pending(self, points: Array) -> TrainingData:
        """Return the same with more pending unit points, (m, d)."""
        return replace(self, pending=np.concatenate([self.pending, points]))

    @property
    def is_outside(self) -> NDArray[np.bool_]:
        """Which evaluations are outside of the present space, shape (n,)."""
        return np.isin(self.numbers, list(self.outside))

    def without_pending(self) -> TrainingData:
        """Return the same without pending points."""
        return replace(self, pending=self.pending[:0])

    def rows(self, chosen: NDArray[np.intp]) -> TrainingData:
        """Return the chosen rows only, with all failed and pending points."""
        return replace(
            self,
            numbers=self.numbers[chosen],
            points=self.points[chosen],
            values=self.values[chosen],
            variances=self.variances[chosen],
            feasible=self.feasible[chosen],
            outputs=None if self.outputs is None else self.outputs.rows(chosen),
            outcome_constraints=None
            if self.outcome_constraints is None
            else self.outcome_constraints.rows(chosen),
            objective_values=None if self.objective_values is None else self.objective_values.rows(chosen),
            replicates=None if self.replicates is None else self.replicates.of_rows(chosen),
        )
