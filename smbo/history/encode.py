"""Trials as the training data of a surrogate: minimised values over unit points, by trial number."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from smbo.fidelity import ByModel
from smbo.history.promotion import as_at_one_fidelity, as_measured, curves
from smbo.history.table import value_of
from smbo.problem import Problem
from smbo.problem.multi_objective import MultiObjective
from smbo.problem.outcome_constraints import sem_name
from smbo.space.scaling import within
from smbo.training_data import (
    Array,
    FidelityResults,
    ObjectiveValues,
    OutcomeConstraintValues,
    TrainingData,
    VectorOutputs,
)
from smbo.trial import Trial, TrialState

# Magnitudes outside are clipped to the nearer end, or to zero: within, the ratio of any value or error
# to any other can be squared without leaving the range of a float.
SMALLEST, LARGEST = 1e-75, 1e75


def encode(problem: Problem, trials: Iterable[Trial], *, is_in_full: bool = False) -> TrainingData:
    """Return the training data: minimised values over unit points, by trial number.

    Complete trials are training data, failed ones are kept as failed points, trials that are not final
    are pending; pruned and cancelled ones are left out.  Values and errors beyond 1e75 are clipped to
    1e75, and those below 1e-75 to zero.

    Args:
        is_in_full: leave out trials not evaluated at the highest fidelity, rather than move their values;
            the curves are of all trials in any case, and so are vector outputs, which their errors
            weight.
    """
    ordered = sorted(trials, key=operator.attrgetter("number"))
    climbed = None
    if problem.multi_fidelity is not None:
        climbed = curves(problem, ordered, problem.space.to_unit([trial.params for trial in ordered]))
    if problem.multi_fidelity is not None and problem.loss is not None:
        ordered = as_measured(ordered)
    elif problem.multi_fidelity is not None and not is_in_full:
        ordered = as_at_one_fidelity(problem, ordered)
    done = [trial for trial in ordered if trial.state is TrialState.COMPLETE]
    failed = [trial for trial in ordered if trial.state is TrialState.FAILED]
    pending = [trial for trial in ordered if not trial.state.is_final]
    units = problem.space.to_unit([trial.params for trial in (*done, *failed, *pending)])
    n_done, n_failed = len(done), len(failed)
    vectors = _vectors(problem, done)
    if vectors is None:
        values, sems = _floats(trial.value for trial in done), _floats(trial.sem for trial in done)
    else:  # by the loss as it is now: its weights may have changed since the values were recorded
        values, sems = _losses(vectors)
    sems = within_range(sems)
    return TrainingData(
        axes=problem.space.axes,
        numbers=np.array([trial.number for trial in done], dtype=np.int64),
        points=units[:n_done],
        values=problem.sign * within_range(values),
        variances=sems**2,
        costs=_floats(trial.cost for trial in done),
        feasible=np.array([trial.feasible is not False for trial in done], dtype=np.bool_),
        failed=units[n_done : n_done + n_failed],
        pending=units[n_done + n_failed :],
        outputs=vectors,
        outcome_constraints=_slacks(problem, done),
        objective_values=None if problem.multi_objective is None else _several(problem.multi_objective, done),
        fidelities=None if climbed is None or not _is_climbed(problem) else _bounded(climbed),
    )


def _is_climbed(problem: Problem) -> bool:
    """Return whether results carry their fidelities; of vector outputs, only under ``ByModel``."""
    return problem.loss is None or isinstance(problem.early_stopping, ByModel)


def _several(goals: MultiObjective, done: Sequence[Trial]) -> ObjectiveValues:
    """Return the values of several objectives at complete trials, minimised."""
    metrics = [trial.metrics for trial in done]
    return ObjectiveValues(
        goals.signs * within_range(goals.values(metrics)),
        within_range(goals.sems(metrics)) ** 2,
        goals.minimised_reference,
        goals.weight_vector,
    )


def _floats(values: Iterable[float | None]) -> Array:
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)


def _vectors(problem: Problem, done: Sequence[Trial]) -> VectorOutputs | None:
    """Return the vector outputs of complete trials, None where the problem uses none."""
    loss = problem.output_loss
    if loss is None:
        return None
    outputs = [trial.outputs for trial in done if trial.outputs is not None]
    errors = [trial.outputs_variance for trial in done if trial.outputs_variance is not None]
    assert len(outputs) == len(errors) == len(done), "record_result() lets no result without outputs pass"
    k = len(outputs[0]) if outputs else loss.n_outputs or 0
    packed = [each.reshape(k, -1) for each in errors]
    rank = max((each.shape[1] - 1 for each in packed), default=0)
    factors = np.zeros((len(done), k, rank))
    for row, each in enumerate(packed):
        factors[row, :, : each.shape[1] - 1] = each[:, 1:]
    return VectorOutputs(
        loss,
        np.array(outputs).reshape(len(done), k),
        np.array([each[:, 0] for each in packed]).reshape(len(done), k),
        factors,
    )


def _slacks(problem: Problem, done: Sequence[Trial]) -> OutcomeConstraintValues | None:
    """Return by how much complete trials meet the constraints, None where no constraint is a comparison."""
    if not problem.constraint_slacks.formulas:
        return None
    metrics = []
    for trial in done:
        known = {**trial.metrics, problem.value_name: value_of(trial)}
        if trial.sem is not None:
            known[sem_name(problem.value_name)] = trial.sem
        metrics.append(known)
    return problem.constraint_slacks.of_metrics(metrics, (trial.feasible is not False for trial in done))


def _bounded(curves: FidelityResults) -> FidelityResults:
    sems = within_range(np.sqrt(curves.variances))
    return replace(curves, values=within_range(curves.values), variances=sems**2)


def _losses(vectors: VectorOutputs) -> tuple[Array, Array]:
    """Return the loss of each evaluation and its standard error, each (n,)."""
    full = vectors.variances + (vectors.factors**2).sum(axis=2)
    pairs = [vectors.loss.measured(outputs, errors) for outputs, errors in zip(vectors.values, full)]
    return np.array([value for value, _ in pairs]), np.array([sem for _, sem in pairs])


def within_range(numbers: Array) -> Array:
    """Return numbers (NaN among them) whose squares and ratios are floats, same shape."""
    clipped = within(numbers, -LARGEST, LARGEST)
    return np.where(np.abs(clipped) < SMALLEST, 0.0, clipped)
