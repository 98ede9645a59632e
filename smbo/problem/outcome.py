"""Outcomes: the measured result of one evaluation, and the forms in which an objective may return it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np

from smbo.errors import ProblemError
from smbo.plain_values import as_number, as_numbers, shown
from smbo.problem.level_set import LevelSet, NearestLevel
from smbo.problem.losses import ChiSquare
from smbo.problem.outcome_constraints import sem_name
from smbo.training_data import Array, Loss

LOST_BINS = "bins_without_information"  # the metric that counts them, where there are any
_MAX_RANK = 32  # of the low-rank part of a covariance
_MAX_METRICS = 10_000  # each is a name and a number in every listing of the trial; vectors are outputs
_MAX_NAMES_SHOWN = 10


@dataclass(frozen=True, eq=False)
class Outcome:
    """The measured result of one evaluation.

    Attributes:
        value: the objective, in the user's sign and units; None when it is one of ``metrics``.
        sem: standard error of the value, None if unknown.
        cost: of the evaluation, in the user's unit, None if unknown.
        metrics: everything measured, by name.
        sems: standard errors of metrics, by name, where they are known.
        outputs: a vector output, shape (k,).
        outputs_variance: of each entry's error, shape (k,); or (k, 1 + r), where the columns after the
            first are a low-rank part of the errors' covariance: diag(first) + rest restᵀ.

    >>> Outcome(value=0.3, sem=0.02, cost=12.0, metrics={"n_background": 140.0}).value
    0.3
    >>> Outcome.of_outputs([1.0, 2.0], covariance=[0.01, 0.04]).outputs_variance
    array([0.01, 0.04])
    """

    value: float | None = None
    sem: float | None = None
    cost: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    sems: Mapping[str, float] = field(default_factory=dict)
    outputs: Array | None = None
    outputs_variance: Array | None = None

    @classmethod
    def of_outputs(cls, outputs: Any, covariance: Any = None) -> Outcome:
        """Return the outcome of a vector output.

        Args:
            outputs: shape (k,).
            covariance: of their errors: variances (k,), a matrix (k, k), or a pair of variances (k,) and
                columns (k, r) that stand for diag(variances) + columns columnsᵀ.  Of a matrix
                the 32 largest correlated directions are kept, and all variances.

        Raises:
            ProblemError: shapes that do not fit, or a matrix that is no covariance.
        """
        vector = _vector("outputs", outputs)
        assert vector is not None
        return cls(outputs=vector, outputs_variance=_packed_covariance(vector, covariance))


Returned: TypeAlias = "Outcome | float | tuple[float, float] | Mapping[str, float | tuple[float, float]]"


def as_outcome(returned: Returned) -> Outcome:
    """Return what an objective returned as an Outcome of plain floats; non-finite ones stay.

    Raises:
        ProblemError: it is of no known form.
    """
    if isinstance(returned, Outcome):
        _check_count(returned.metrics)
        return Outcome(
            value=None if returned.value is None else _number("value", returned.value),
            sem=None if returned.sem is None else _number("sem", returned.sem),
            cost=None if returned.cost is None else _number("cost", returned.cost),
            metrics={str(name): _number(str(name), value) for name, value in returned.metrics.items()},
            sems={str(name): _number(f"error of {name}", sem) for name, sem in returned.sems.items()},
            outputs=_vector("outputs", returned.outputs),
            outputs_variance=_variances(returned.outputs_variance),
        )
    if isinstance(returned, Mapping):
        return _of_metrics(returned)
    if isinstance(returned, tuple):
        if len(returned) != 2:
            raise ProblemError(f"a tuple result is (value, standard error); got {len(returned)} entries")
        return Outcome(value=_number("value", returned[0]), sem=_number("standard error", returned[1]))
    return Outcome(value=_number("value", returned))


def _of_metrics(returned: Mapping[str, Any]) -> Outcome:
    """Return metrics by name, each a number or a pair (value, standard error), as an Outcome."""
    _check_count(returned)
    metrics, sems = {}, {}
    for name, value in returned.items():
        if isinstance(value, tuple | list):
            if len(value) != 2:
                raise ProblemError(f"{name}: a pair is (value, standard error); got {len(value)} entries")
            sems[str(name)] = _number(f"standard error of {name}", value[1])
            value = value[0]
        metrics[str(name)] = _number(str(name), value)
    return Outcome(metrics=metrics, sems=sems)


def _check_count(metrics: Mapping[str, Any]) -> None:
    """Refuse metrics by the hundred thousand, before each of them is looked at."""
    if len(metrics) > _MAX_METRICS:
        raise ProblemError(
            f"the result has {len(metrics)} metrics, at most {_MAX_METRICS} are kept: {names_shown(metrics)};"
            " return a long vector as outputs (Outcome.of_outputs), or write it to the folder of the context"
        )


def names_shown(names: Mapping[str, Any]) -> str:
    """Return the first names of a mapping for a message, and how many more there are."""
    first = sorted(map(str, list(names)[: _MAX_NAMES_SHOWN + 1]))[:_MAX_NAMES_SHOWN]
    more = f", … ({len(names)} in all)" if len(names) > _MAX_NAMES_SHOWN else ""
    return f"[{', '.join(shown(name) for name in first)}{more}]"


def with_errors_among_metrics(outcome: Outcome) -> Outcome:
    """Return an outcome whose metrics hold the standard errors too, which is how a trial keeps them."""
    errors = {sem_name(name): sem for name, sem in outcome.sems.items()}
    return replace(outcome, metrics={**outcome.metrics, **errors}) if errors else outcome


def _number(name: str, value: object) -> float:
    # a returned True is a mistake, not a measurement, in numpy's clothes as in Python's
    try:
        return as_number(value)
    except ValueError as error:
        raise ProblemError(f"the result's {name} is {shown(value)}; {error}") from None


def _vector(name: str, values: object) -> Array | None:
    if values is None:
        return None
    vector = _array(name, values)
    if vector.ndim != 1:
        raise ProblemError(f"the result's {name} has shape {vector.shape}; one dimension is needed")
    return vector


def _array(name: str, values: object) -> Array:
    """Return numbers as an array that cannot be changed: an outcome is a record."""
    try:
        array = as_numbers(values)
    except ValueError as error:
        raise ProblemError(f"the result's {name} is {shown(values)}; {error}") from None
    array.flags.writeable = False
    return array


def _variances(values: object) -> Array | None:
    if values is None:
        return None
    array = _array("outputs_variance", values)
    if array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] == 0):
        raise ProblemError(
            f"the result's outputs_variance has shape {array.shape}; (k,) or (k, 1 + r) is needed"
        )
    return array


def with_loss(loss: Loss, outcome: Outcome) -> Outcome:
    """Return an outcome whose value is the loss of its outputs, where it has none of its own.

    Raises:
        ProblemError: there are no outputs, or another number than the loss takes.
    """
    outputs, variance = outcome.outputs, outcome.outputs_variance
    if outputs is None:
        raise ProblemError("the problem has a loss on vector outputs, and the result has no outputs")
    if loss.n_outputs is not None and len(outputs) != loss.n_outputs:
        raise ProblemError(f"the result has {len(outputs)} outputs, and the loss is of {loss.n_outputs}")
    if variance is None:
        variance = np.zeros(len(outputs))
    if len(variance) != len(outputs):
        raise ProblemError(f"the result has {len(outputs)} outputs and variances of {len(variance)}")
    if isinstance(loss, ChiSquare):
        loss, outcome, variance = _with_known_bins(loss, outcome, variance)
        outputs = outcome.outputs
        assert outputs is not None
    if not np.isfinite(outputs).all() or not np.isfinite(variance).all():
        return replace(outcome, value=math.nan, outputs_variance=variance)  # a failure, as of any value
    if (variance.reshape(len(outputs), -1)[:, 0] < 0).any():
        raise ProblemError("the result's outputs_variance has negative entries")
    if outcome.value is not None:
        return replace(outcome, outputs_variance=variance)
    full = variance if variance.ndim == 1 else variance[:, 0] + (variance[:, 1:] ** 2).sum(axis=1)
    value, sem = loss.measured(outputs, full)
    return replace(outcome, value=value, sem=sem if sem > 0.0 else None, outputs_variance=variance)


def _with_known_bins(loss: ChiSquare, outcome: Outcome, variance: Array) -> tuple[ChiSquare, Outcome, Array]:
    """Return loss, outcome and variances without bins that hold no information (``ChiSquare.filled``)."""
    outputs = outcome.outputs
    assert outputs is not None
    columns = variance.reshape(len(outputs), -1)
    full = columns[:, 0] + (columns[:, 1:] ** 2).sum(axis=1)
    try:
        known, filled, sizes = loss.filled(outputs, full)
    except ProblemError:  # nothing is known: a failure, as of any value
        return loss, outcome, variance
    lost = np.isnan(outputs) | ~np.isfinite(full)
    if not lost.any():
        return loss, outcome, variance
    columns = np.where(lost[:, None], 0.0, columns)
    columns[lost, 0] = sizes[lost]
    counted = int((lost & (loss.weights > 0.0)).sum())
    metrics = dict(outcome.metrics) | ({LOST_BINS: float(counted)} if counted else {})
    return known, replace(outcome, outputs=filled, metrics=metrics), columns.reshape(variance.shape)


def with_levels(level_set: LevelSet, outcome: Outcome) -> Outcome:
    """Return an outcome whose outputs are the functions of a level set, and whose value is the distance
    to the nearest level.

    Raises:
        ProblemError: a function was not measured.
    """
    metrics, sems = dict(outcome.metrics), dict(outcome.sems)
    (first, *_) = names = level_set.names
    if outcome.value is not None and len(names) == 1:
        metrics.setdefault(first, outcome.value)
        if outcome.sem is not None:
            sems.setdefault(first, outcome.sem)
    missing = [name for name in names if name not in metrics]
    if missing:
        raise ProblemError(f"the result has no {missing}, whose level is sought; only {sorted(metrics)}")
    outputs = np.array([metrics[name] for name in names])
    errors = np.array([sems.get(name, 0.0) for name in names])
    if not np.isfinite(outputs).all() or not np.isfinite(errors).all():
        return replace(outcome, metrics=metrics, value=math.nan, outputs=outputs, outputs_variance=errors**2)
    if (errors < 0.0).any():
        raise ProblemError(f"the standard errors {errors.tolist()} of {list(names)} are not all from 0 up")
    value, sem = NearestLevel(level_set).measured(outputs, errors**2)
    return replace(
        outcome,
        value=value,
        sem=sem if sem > 0.0 else None,
        metrics=metrics,
        outputs=outputs,
        outputs_variance=errors**2,
    )


def _packed_covariance(outputs: Array, covariance: Any) -> Array:
    """Return a covariance in one of its forms as (k,) or (k, 1 + r); see ``Outcome``."""
    k = len(outputs)
    if covariance is None:
        return np.zeros(k)
    if isinstance(covariance, tuple) and len(covariance) == 2 and np.ndim(covariance[1]) > 0:
        variances, columns = (_array("covariance", part) for part in covariance)
        if variances.shape != (k,) or columns.ndim != 2 or len(columns) != k:
            raise ProblemError(
                f"covariance: variances {variances.shape} and columns {columns.shape} for {k} outputs; "
                f"({k},) and ({k}, r) are needed"
            )
        return np.column_stack([variances, columns])
    given = _array("covariance", covariance)
    if given.shape == (k,):
        return given
    if given.shape != (k, k):
        raise ProblemError(f"covariance has shape {given.shape}; ({k},), ({k}, {k}) or a pair is needed")
    if not np.isfinite(given).all():
        return np.column_stack([np.diagonal(given), np.full(k, np.nan)])
    if not np.allclose(given, given.T, atol=1e-8 * float(np.abs(given).max(initial=0.0))):
        raise ProblemError("covariance is not symmetric")
    sizes, directions = np.linalg.eigh(given)
    if sizes[0] < -1e-8 * max(sizes[-1], 0.0):
        raise ProblemError(f"covariance has a negative eigenvalue, {sizes[0]:g}")
    kept = slice(max(0, k - _MAX_RANK), k)
    columns = directions[:, kept] * np.sqrt(np.maximum(sizes[kept], 0.0))
    columns = columns[:, (columns**2).sum(axis=0) > 0.0]
    left = np.maximum(np.diagonal(given) - (columns**2).sum(axis=1), 0.0)
    return np.column_stack([left, columns])
