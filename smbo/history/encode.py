"""Trials as the training data of a surrogate: minimised values over unit points, by trial number."""

from __future__ import annotations

import gc
import math
import operator
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from smbo.fidelity import ByModel
from smbo.history.costs import evaluation_costs
from smbo.history.promotion import as_at_one_fidelity, as_measured, results_by_fidelity, with_pruned
from smbo.history.table import value_of
from smbo.history.winsorize import is_penalty, winsorized, winsorized_on_both_sides, with_errors
from smbo.problem import Problem
from smbo.problem.level_set import NearestLevel
from smbo.problem.outcome_constraints import sem_name
from smbo.space.changes import is_near
from smbo.space.context import context_row
from smbo.space.fixed import is_within
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
# An objective whose largest magnitude is outside of these is divided by a power of two: no digit changes.
_LEAST_MAGNITUDE, _MOST_MAGNITUDE = 1e-50, 1e50

_by_number = operator.attrgetter("number")


def encode(problem: Problem, trials: Iterable[Trial], *, is_in_full: bool = False) -> TrainingData:
    """Return the training data: minimised values over unit points, by trial number.

    Complete trials are training data, failed ones are kept as failed points, trials that are not final
    are pending; cancelled ones are left out, of pruned ones see ``with_pruned``.  So is what is far from the
    present space where that has changed.  Penalties are moved next to the other values, see
    ``winsorize``.  Objectives beyond 1e50 or below 1e-50 are in a unit of their own, see
    ``TrainingData.unit``; other magnitudes beyond 1e75 are clipped to 1e75, and those below 1e-75 to zero.

    Args:
        is_in_full: leave out trials not evaluated at the highest fidelity, rather than move their values;
            the curves are of all trials in any case, and so are vector outputs, which their errors
            weight.
    """
    ordered = sorted(trials, key=_by_number)
    if problem.space.earlier:
        near = is_near(problem.space.to_unit([trial.params for trial in ordered])).tolist()
        ordered = [trial for trial, counts in zip(ordered, near) if counts]
    costs = evaluation_costs(problem, ordered)
    with _without_collections():
        if problem.multi_fidelity is None:
            return replace(_encoded(problem, with_pruned(problem, ordered)), costs=costs)
        results = _at_all_fidelities(problem, ordered)
        if problem.loss is not None:
            ordered = as_measured(ordered)
        elif not is_in_full:
            ordered = as_at_one_fidelity(problem, ordered)
        return replace(_encoded(problem, ordered), fidelities=results, costs=costs)


@contextmanager
def _without_collections() -> Iterator[None]:
    """Pause the garbage collector, which took a third of the time at 100,000 trials and found nothing."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _at_all_fidelities(problem: Problem, ordered: Sequence[Trial]) -> FidelityResults | None:
    """Return the results at each fidelity, None without any; of vector outputs losses, for ``ByModel``."""
    assert problem.multi_fidelity is not None
    if problem.loss is not None and not isinstance(problem.early_stopping, ByModel):
        return None
    told = [result for trial in ordered for result in results_by_fidelity(problem, trial)]
    if not told:
        return None
    fidelity, levels = problem.multi_fidelity.fidelity, [_fidelity_of(result) for result in told]
    return FidelityResults(
        _encoded(problem, told, with_outputs=problem.loss is None),
        np.array([fidelity.fidelity_gap(level) for level in levels]),
        np.array([fidelity.noise_growth(level) for level in levels]),
        None if fidelity.averages else fidelity.high / fidelity.low,
    )


def _fidelity_of(result: Trial) -> float:
    assert result.fidelity is not None, "results_by_fidelity says at which fidelity each was measured"
    return result.fidelity


def _encoded(problem: Problem, ordered: Sequence[Trial], *, with_outputs: bool = True) -> TrainingData:
    """Return the training data of trials, by number, each at the fidelity that it is at.

    Args:
        with_outputs: as far as the problem has any; else the losses as recorded.
    """
    done = [trial for trial in ordered if trial.state is TrialState.COMPLETE]
    failed = [trial for trial in ordered if trial.state is TrialState.FAILED]
    pending = [trial for trial in ordered if not trial.state.is_final]
    vectors = _vectors(problem, done) if with_outputs else None
    if vectors is not None:
        # by the loss as it is now: its weights may have changed since the values were recorded
        values, sems = _losses(vectors)
    if vectors is not None and (crashed := is_penalty(values)).any():
        failed = sorted([*failed, *(trial for trial, is_one in zip(done, crashed) if is_one)], key=_by_number)
        done = [trial for trial, is_one in zip(done, crashed) if not is_one]
        vectors = vectors.rows(np.flatnonzero(~crashed))
        values, sems = values[~crashed], sems[~crashed]
    units = problem.space.to_unit([trial.params for trial in (*done, *failed, *pending)])
    n_done, n_failed = len(done), len(failed)
    if vectors is None:
        values, sems = _floats(trial.value for trial in done), _floats(trial.sem for trial in done)
    numbers = np.array([trial.number for trial in done], dtype=np.int64)
    inside = is_within(problem.space, units[:n_done])
    values, variances, unit = in_own_unit(problem.sign * values, sems, is_free=is_alone(problem))
    return TrainingData(
        axes=problem.space.axes,
        numbers=numbers,
        points=units[:n_done],
        values=values,
        variances=variances,
        feasible=np.array([trial.feasible is not False for trial in done], dtype=np.bool_) & inside,
        failed=units[n_done : n_done + n_failed],
        pending=units[n_done + n_failed :],
        outputs=vectors,
        outcome_constraints=_slacks(problem, done),
        objective_values=_several(problem, done),
        unit=unit,
        outside=frozenset(numbers[~inside].tolist()),
        context=context_row(problem.space, problem.context, {}),
    )


def in_own_unit(values: Array, sems: Array, *, is_free: bool = True) -> tuple[Array, Array, float]:
    """Return values and variances of their errors, (n,) each, without penalties, and their unit.

    Args:
        values: minimised, in the user's unit.
        sems: their standard errors, NaN where unknown.
        is_free: whether the unit may be another one than the user's.
    """
    moved = winsorized(values)
    largest = float(np.abs(moved).max(initial=0.0))
    unit = 1.0
    if is_free and largest > 0.0 and not _LEAST_MAGNITUDE <= largest <= _MOST_MAGNITUDE:
        unit = math.ldexp(1.0, math.frexp(largest)[1] - 1)
        with np.errstate(over="ignore"):  # penalties, and errors that say that nothing is known
            values, sems = values / unit, sems / unit
    return *with_errors(within_range(values), within_range(sems) ** 2), unit


def is_alone(problem: Problem) -> bool:
    """Return whether nothing else in the training data is in the unit of the values."""
    several = (problem.multi_objective, problem.multi_fidelity, problem.output_loss)
    return all(each is None for each in several) and not problem.transfer


def _several(problem: Problem, done: Sequence[Trial]) -> ObjectiveValues | None:
    """Return the values of several objectives at complete trials, minimised; None where there is one."""
    goals = problem.multi_objective
    if goals is None:
        return None
    is_free = problem.multi_fidelity is None  # results at all fidelities are in one unit
    metrics = [trial.metrics for trial in done]
    told, sems = goals.minimised(metrics), goals.sems(metrics)
    values, variances, units = np.empty_like(told), np.empty_like(sems), np.ones(len(goals))
    for column in range(len(goals)):
        values[:, column], variances[:, column], units[column] = in_own_unit(
            told[:, column], sems[:, column], is_free=is_free
        )
    return ObjectiveValues(
        values,
        variances,
        goals.minimised_reference / units,
        goals.weight_vector,
        units,
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
    values = np.array(outputs).reshape(len(done), k)
    if isinstance(loss, NearestLevel):
        for column, level in enumerate(loss.level_set.levels):
            values[:, column] = winsorized_on_both_sides(within_range(values[:, column]), level)
    return VectorOutputs(
        loss,
        values,
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
    slacks = problem.constraint_slacks.of_metrics(metrics, (trial.feasible is not False for trial in done))
    columns = [winsorized_on_both_sides(within_range(column), 0.0) for column in slacks.values.T]
    return replace(slacks, values=np.column_stack(columns)) if done else slacks


def _losses(vectors: VectorOutputs) -> tuple[Array, Array]:
    """Return the loss of each evaluation and its standard error, each (n,)."""
    full = vectors.variances + (vectors.factors**2).sum(axis=2)
    if isinstance(vectors.loss, NearestLevel):
        return vectors.loss.measured_rows(vectors.values, full)
    pairs = [vectors.loss.measured(outputs, errors) for outputs, errors in zip(vectors.values, full)]
    return np.array([value for value, _ in pairs]), np.array([sem for _, sem in pairs])


def within_range(numbers: Array) -> Array:
    """Return numbers (NaN among them) whose squares and ratios are floats, same shape."""
    clipped = within(numbers, -LARGEST, LARGEST)
    return np.where(np.abs(clipped) < SMALLEST, 0.0, clipped)
