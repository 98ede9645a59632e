"""What follows from a log of trials and nothing else: evidence, proposals, the best, a recommendation.

The optimizer in memory and the durable study are thin shells around these.
"""

from __future__ import annotations

import math
import operator
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from smbo.analysis.explain import Explanation, explanation
from smbo.errors import ProblemError, SpaceExhausted
from smbo.fidelity import ByModel, Promotion
from smbo.history.promotion import as_at_one_fidelity, as_measured, curves, next_promotion
from smbo.problem import Problem
from smbo.problem.multi_objective import Goals
from smbo.problem.outcome_constraints import sem_name
from smbo.proposal.promotion_by_model import levels_of, weighed_promotion
from smbo.proposal.promotion_by_noise import continued_run, levels_of_outputs
from smbo.proposal.propose import Proposal, propose
from smbo.proposal.recipe import Recipe
from smbo.proposal.recommend import probability_feasible, recommend, with_constraints
from smbo.proposal.transfer import informed
from smbo.space import Point
from smbo.space.fixed import part_of
from smbo.space.scaling import within
from smbo.surrogates.base import Memory
from smbo.training_data import Array, Curves, Evidence, Several, Slacks, Vectors
from smbo.trial import Recommendation, Trial, TrialState

# What the random numbers are for: the first entry of the spawn key of their seed.
_FOR_PROPOSALS = 0
_FOR_EVALUATIONS = 1

# In the memory: the fidelities at which the points of a proposal begin.
_LEVELS = "levels"

# What lies outside is told to the surrogate as the nearer end, or as zero: within, the ratio of any
# value or error to any other can be squared without leaving the range of a float.
SMALLEST, LARGEST = 1e-75, 1e75


def encode(problem: Problem, trials: Iterable[Trial], *, is_in_full: bool = False) -> Evidence:
    """Return what the surrogate is told: minimised values over unit points, by trial number.

    Complete trials are evidence, failed ones are kept as failed points, trials that are not final
    are pending; pruned and cancelled ones say nothing.  Values and errors beyond 1e75 are told as
    1e75, and those below 1e-75 as zero.

    Args:
        is_in_full: leave out what was not evaluated at the highest fidelity, rather than move its value;
            the curves are of all trials in any case, and so are vector outputs, whose errors say what
            they are worth.
    """
    ordered = sorted(trials, key=operator.attrgetter("number"))
    climbed = None
    if problem.ladder is not None:
        climbed = curves(problem, ordered, problem.space.to_unit([trial.params for trial in ordered]))
    if problem.ladder is not None and problem.loss is not None:
        ordered = as_measured(ordered)
    elif problem.ladder is not None and not is_in_full:
        ordered = as_at_one_fidelity(problem, ordered)
    done = [trial for trial in ordered if trial.state is TrialState.COMPLETE]
    failed = [trial for trial in ordered if trial.state is TrialState.FAILED]
    pending = [trial for trial in ordered if not trial.state.is_final]
    units = problem.space.to_unit([trial.params for trial in (*done, *failed, *pending)])
    n_done, n_failed = len(done), len(failed)
    vectors = _vectors(problem, done)
    if vectors is None:
        values, sems = _floats(trial.value for trial in done), _floats(trial.sem for trial in done)
    else:  # by the loss as it is now: its weights may have changed since the values were told
        values, sems = _losses(vectors)
    sems = within_range(sems)
    return Evidence(
        axes=problem.space.axes,
        numbers=np.array([trial.number for trial in done], dtype=np.int64),
        points=units[:n_done],
        values=problem.sign * within_range(values),
        variances=sems**2,
        costs=_floats(trial.cost for trial in done),
        feasible=np.array([trial.feasible is not False for trial in done], dtype=np.bool_),
        failed=units[n_done : n_done + n_failed],
        pending=units[n_done + n_failed :],
        vectors=vectors,
        slacks=_slacks(problem, done),
        several=None if problem.goals is None else _several(problem.goals, done),
        curves=None if climbed is None or not _is_climbed(problem) else _bounded(climbed),
    )


def _is_climbed(problem: Problem) -> bool:
    """Return whether somebody asks at which fidelity a result was; of outputs, only who chooses it."""
    return problem.loss is None or isinstance(problem.stopping, ByModel)


def _several(goals: Goals, done: Sequence[Trial]) -> Several:
    """Return the values of several objectives at complete trials, minimised."""
    metrics = [trial.metrics for trial in done]
    return Several(
        goals.signs * within_range(goals.values(metrics)),
        within_range(goals.sems(metrics)) ** 2,
        goals.minimised_reference,
        goals.weight_vector,
    )


def suggest(
    problem: Problem,
    recipe: Recipe,
    seed: int,
    trials: Iterable[Trial],
    memory: Memory,
    first_number: int,
    n: int,
    fixed: Point | None = None,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the points of the next n trials and the memory that goes with them.

    A function of its arguments alone: the random numbers come from the seed and the number of the
    first of these trials.

    Args:
        fixed: values that all of the points are to have, as of ``fixing.checked``.

    Raises:
        SpaceExhausted, SpaceError, NumericalError: see ``propose``.
    """
    return suggest_from(problem, recipe, seed, encode(problem, trials), memory, first_number, n, fixed)


def suggest_from(
    problem: Problem,
    recipe: Recipe,
    seed: int,
    evidence: Evidence,
    memory: Memory,
    first_number: int,
    n: int,
    fixed: Point | None = None,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return what ``suggest`` does, of evidence that is made already."""
    proposal = _proposal(problem, recipe, seed, evidence, memory, first_number, n, fixed)
    carried = proposal.memory
    if isinstance(problem.stopping, ByModel):
        levels = levels_of if problem.loss is None else levels_of_outputs
        carried = {**carried, _LEVELS: levels(problem, evidence, carried, proposal.points)}
    return part_of(problem.space, fixed or {}).from_unit(proposal.points), carried


def _proposal(
    problem: Problem,
    recipe: Recipe,
    seed: int,
    evidence: Evidence,
    memory: Memory,
    first_number: int,
    n: int,
    fixed: Point | None = None,
) -> Proposal:
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_FOR_PROPOSALS, first_number)))
    return propose(problem, informed(problem, recipe), evidence, memory, n, rng, fixed)


def first_levels(
    problem: Problem, memory: Memory, first_number: int, start: int, n: int
) -> list[float | None]:
    """Return the fidelities at which n new trials begin.

    Args:
        memory: that came with their proposal.
        first_number: of the first of them.
        start: its place in that proposal.
    """
    if problem.fidelity is not None and isinstance(problem.stopping, ByModel) and _LEVELS in memory:
        return [problem.fidelity.as_told(level) for level in memory[_LEVELS][start : start + n]]
    return [problem.first_fidelity(first_number + index) for index in range(n)]


def next_climb(
    problem: Problem,
    recipe: Recipe,
    seed: int,
    trials: Sequence[Trial],
    memory: Memory,
    *,
    is_closing: bool = False,
    fixed: Point | None = None,
) -> Promotion | None:
    """Return which trial goes on to a higher fidelity, None if none deserves it.

    A function of its arguments alone.

    Args:
        is_closing: no new trials are to come, and nothing is under way.
        fixed: values of the new point that could be evaluated instead, as of ``fixing.checked``.
    """
    if not isinstance(problem.stopping, ByModel):
        return next_promotion(problem, trials, is_closing=is_closing)
    if all(trial.state is not TrialState.PAUSED for trial in trials):
        return None
    evidence, point = encode(problem, trials), None
    if not is_closing:
        with suppress(SpaceExhausted):
            proposal = _proposal(problem, recipe, seed, evidence, memory, len(trials), 1, fixed)
            point, memory = proposal.points, proposal.memory
    weigh = weighed_promotion if problem.loss is None else continued_run
    found = weigh(problem, trials, evidence, memory, point)
    if found is None and is_closing and best_trial(problem, trials) is None:
        return next_promotion(problem, trials, is_closing=True)
    return found


def trial_seed(study_seed: int, number: int) -> int:
    """Return the seed of a trial's own random numbers, in [0, 2**31).

    No two trials of a study have the same one: ``number`` is shuffled among the 31-bit numbers by
    steps that can each be undone, in an order that the study's seed sets.
    """
    offset, odd = _shuffle(study_seed)
    mask = 2**31 - 1
    mixed = (number + offset) & mask
    for _ in range(2):
        mixed = (mixed * (odd | 1)) & mask
        mixed ^= mixed >> 16
    return mixed


@lru_cache(maxsize=64)
def _shuffle(study_seed: int) -> tuple[int, int]:
    """Return the two numbers that set the order of a study's trial seeds."""
    sequence = np.random.SeedSequence(study_seed, spawn_key=(_FOR_EVALUATIONS,))
    offset, odd = (int(word) for word in sequence.generate_state(2))
    return offset, odd


def best_trial(problem: Problem, trials: Iterable[Trial]) -> Trial | None:
    """Return the feasible trial with the best told value (the first of equals), None if there is none."""
    found = [trial for trial in trials if trial.state is TrialState.COMPLETE and trial.feasible is not False]
    if not found:
        return None
    return min(found, key=lambda trial: (problem.sign * _value(trial), trial.number))


def recommendation(
    problem: Problem, recipe: Recipe, seed: int, trials: Iterable[Trial], memory: Memory
) -> Recommendation:
    """Return the point that the posterior takes for the best; see ``propose.recommend``.

    Raises:
        TellError: no feasible evaluation is complete.
        ProblemError: a level is sought, which has no best point.
    """
    del seed  # nothing here is random
    if problem.level_set is not None:
        raise ProblemError("a level set has no best point to recommend; contour() says where the level is")
    known = {trial.number: trial for trial in trials}
    evidence = encode(problem, known.values(), is_in_full=True)
    point, mean, std, row = recommend(problem, informed(problem, recipe), evidence, memory)
    if row is None:
        return Recommendation(problem.space.from_unit(point[None])[0], problem.sign * mean, std)
    trial = known[int(evidence.numbers[row])]
    p_feasible = 1.0 if problem.constraints else None
    if evidence.slacks is not None:
        p_feasible = float(probability_feasible(with_constraints(evidence, memory), point[None])[0])
    return Recommendation(dict(trial.params), problem.sign * mean, std, trial.number, p_feasible)


def explained(
    problem: Problem, recipe: Recipe, seed: int, trials: Sequence[Trial], memory: Memory
) -> Explanation:
    """Return why the recipe proposes what it does, what it learned and how well it predicts."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_FOR_PROPOSALS, len(trials))))
    recipe = informed(problem, recipe)
    return explanation(problem, recipe, encode(problem, trials), memory, rng, time.perf_counter)


def _floats(values: Iterable[float | None]) -> Array:
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)


def _vectors(problem: Problem, done: Sequence[Trial]) -> Vectors | None:
    """Return the vector outputs of complete trials, None where the problem makes nothing of any."""
    loss = problem.measure
    if loss is None:
        return None
    outputs = [trial.outputs for trial in done if trial.outputs is not None]
    errors = [trial.outputs_variance for trial in done if trial.outputs_variance is not None]
    assert len(outputs) == len(errors) == len(done), "judge() lets no result without outputs pass"
    k = len(outputs[0]) if outputs else loss.n_outputs or 0
    packed = [each.reshape(k, -1) for each in errors]
    rank = max((each.shape[1] - 1 for each in packed), default=0)
    factors = np.zeros((len(done), k, rank))
    for row, each in enumerate(packed):
        factors[row, :, : each.shape[1] - 1] = each[:, 1:]
    return Vectors(
        loss,
        np.array(outputs).reshape(len(done), k),
        np.array([each[:, 0] for each in packed]).reshape(len(done), k),
        factors,
    )


def _slacks(problem: Problem, done: Sequence[Trial]) -> Slacks | None:
    """Return by how much complete trials meet the constraints, None where no constraint is a comparison."""
    if not problem.margins.formulas:
        return None
    metrics = []
    for trial in done:
        known = {**trial.metrics, problem.value_name: _value(trial)}
        if trial.sem is not None:
            known[sem_name(problem.value_name)] = trial.sem
        metrics.append(known)
    return problem.margins.of_metrics(metrics, (trial.feasible is not False for trial in done))


def _bounded(curves: Curves) -> Curves:
    sems = within_range(np.sqrt(curves.variances))
    return replace(curves, values=within_range(curves.values), variances=sems**2)


def _losses(vectors: Vectors) -> tuple[Array, Array]:
    """Return the loss of each evaluation and its standard error, each (n,)."""
    full = vectors.variances + (vectors.factors**2).sum(axis=2)
    pairs = [vectors.loss.told(outputs, errors) for outputs, errors in zip(vectors.values, full)]
    return np.array([value for value, _ in pairs]), np.array([sem for _, sem in pairs])


def within_range(numbers: Array) -> Array:
    """Return numbers (NaN among them) whose squares and ratios are floats, same shape."""
    clipped = within(numbers, -LARGEST, LARGEST)
    return np.where(np.abs(clipped) < SMALLEST, 0.0, clipped)


def _value(trial: Trial) -> float:
    assert trial.value is not None
    return trial.value
