"""What to evaluate next: a pure function from what is known to unit points.

    propose(problem, recipe, evidence, memory, n, rng) -> Proposal(points, memory)

The first points come from a space-filling design, the rest from a surrogate.  What a recipe carries
on is in ``memory``, plain JSON values: the design's seed and index, and what the surrogate learned.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smbo.acquisition import (
    LogExpectedImprovement,
    Misclassification,
    NoisyLogExpectedImprovement,
    Straddle,
    constraints,
)
from smbo.acquisition.constraints import SlackBelief
from smbo.acquisition.feasibility import FeasibilityFirst, went_well
from smbo.acquisition.guided import Guided
from smbo.acquisition.hypervolume import (
    LogExpectedHypervolumeImprovement,
    NoisyLogExpectedHypervolumeImprovement,
)
from smbo.acquisition.scalarised import RandomScalarisation
from smbo.designs import design_rows
from smbo.errors import RecipeError, SpaceExhausted, TellError
from smbo.evidence import Array, Evidence
from smbo.guidance import Guidance
from smbo.informed import best_of_earlier, refuse_uninformed
from smbo.problem import Problem
from smbo.recipe import Choice, Recipe, chosen
from smbo.selection import lowest_mean, select_points
from smbo.space import Space
from smbo.surrogates import Memory, Posterior, Selective, SeveralGP, Surrogate, Trainable
from smbo.surrogates.outlook import VectorPosterior
from smbo.surrogates.transfer import Transfer
from smbo.trust_region import RegionState, TrustRegion, advance, evidence_of, length_within

__all__ = [
    "Model",
    "Proposal",
    "Recipe",
    "model_of",
    "posterior_of",
    "propose",
    "recommend",
    "with_penalties",
]

Rows = NDArray[np.intp]

_ROWS_AT_ONCE = 64  # of a design; most are used where there are no constraints
_MOST_ROWS = 2**14  # of a design to look through before random points take over
_MOST_DRAWS = 64  # rounds of random points before a space counts as used up
_MOST_INITIAL = 10  # points of a design: with more axes too, a model soon does better than chance
_N_STARTS = 5  # evaluated points from which a lower mean is looked for
_SURE = 0.9  # probability of feasibility that a recommendation is to have where feasibility is uncertain
_OF_SEVERAL = (
    LogExpectedHypervolumeImprovement,
    NoisyLogExpectedHypervolumeImprovement,
    RandomScalarisation,
)
_STRENGTH = (
    10.0  # of the user's belief: as much as ten evaluations (Hvarfner et al. 2022: a tenth of the budget)
)
_DECIMALS = 9  # two snapped rows that agree to so many are the same point
_NEAR = 1e-8  # farther apart than what is rounded to the same


@dataclass(frozen=True, eq=False)
class Proposal:
    """Points to evaluate and what the recipe carries to the next call.

    Attributes:
        points: unit points, snapped and allowed, shape (n, d).
        memory: plain JSON values.
    """

    points: Array
    memory: dict[str, Any]


def propose(
    problem: Problem,
    recipe: Recipe,
    evidence: Evidence,
    memory: Memory,
    n: int,
    rng: np.random.Generator,
) -> Proposal:
    """Return n unit points and the memory that the recipe carries to the next call.

    Deterministic in its arguments.  In a finite space no point comes twice.

    Args:
        memory: of the previous proposal, {} at first.

    Raises:
        SpaceExhausted: a finite space has fewer than n points left.
        SpaceError: no point that meets the known constraints was found.
        RecipeError: the recipe seeks something else than the problem.
        NumericalError: the surrogate found no posterior.
    """
    check_recipe(problem, recipe)
    carried: dict[str, Any] = dict(memory)
    if problem.try_first or problem.earlier:
        first, carried["n_tried_first"] = _first_points(problem, evidence, memory, n)
        if len(first):
            if len(first) == n:
                return Proposal(first, carried)
            evidence = replace(evidence, pending=np.concatenate([evidence.pending, first]))
            others = propose(problem, recipe, evidence, carried, n - len(first), rng)
            return Proposal(np.concatenate([first, others.points]), others.memory)
    choice = chosen(recipe, evidence, memory)
    if recipe.rule is not None:
        carried["choice"] = {"name": choice.name, "reason": choice.reason}
    recipe, here, state = choice.recipe, evidence, None
    _refuse_misfit(problem, recipe)
    if recipe.region is not None:
        state = _region_state(problem.space, recipe, recipe.region, evidence, memory)
        carried["region"] = state.to_json()
        here = evidence_of(recipe.region, state, evidence)
        state = replace(state, length=length_within(recipe.region, state, here))
    n_design = _n_from_design(problem.space, recipe, here, n)
    points, carried["design"] = _design_points(
        problem.space, recipe, evidence, memory.get("design"), n_design, rng
    )
    if n_design == n or recipe.surrogate is None:
        return Proposal(points, carried)
    here = replace(here, pending=np.concatenate([evidence.pending, points]))
    known = with_penalties(here)
    surrogate, learned = _trained(recipe.surrogate, known, memory)
    known = with_constraints(_relevant(recipe.surrogate, known), memory)
    if known.slacks is not None:
        carried["constraints"] = [dict(each) for each in known.slacks.learned]
    taken = np.concatenate([evidence.points, evidence.failed, here.pending])
    more, beside = _selected(problem.space, recipe, surrogate, state, known, n - n_design, rng, memory, taken)
    return Proposal(np.concatenate([points, more]), {**carried, **learned, **beside})


def _first_points(problem: Problem, evidence: Evidence, memory: Memory, n: int) -> tuple[Array, int]:
    """Return up to n of the points to try first that are left, (k, d), and how many were gone through."""
    start = int(memory.get("n_tried_first", 0))
    rows = np.concatenate([problem.space.to_unit(problem.try_first), best_of_earlier(problem)])
    rows = problem.space.snap(rows[start:])
    taken = _Taken(problem.space, [evidence.points, evidence.failed, evidence.pending])
    found: list[Array] = []
    for row in rows:
        if len(found) == n:
            break
        start += 1
        if row not in taken:
            taken.add(row)
            found.append(row)
    return np.array(found).reshape(len(found), len(problem.space.axes)), start


def _refuse_misfit(problem: Problem, recipe: Recipe) -> None:
    """Let recipes through that seek what the problem asks for.

    Raises:
        RecipeError: it would go for the best where a level is sought.
    """
    if problem.level_set is None or recipe.surrogate is None:
        return
    if not isinstance(recipe.acquisition, Misclassification | Straddle):
        raise RecipeError(
            f"a level is sought, and {type(recipe.acquisition).__name__} looks for the best; use "
            "recipe 'auto', or Recipe(LevelGP(), Misclassification())"
        )


def check_recipe(problem: Problem, recipe: Recipe) -> None:
    """Refuse a recipe that cannot work on several objectives, or on one alone.

    Raises:
        RecipeError: saying which would do.
    """
    surrogate, acquisition = recipe.surrogate, recipe.acquisition
    if problem.earlier and recipe.rule is None:
        refuse_uninformed(recipe)
    if recipe.rule is not None or surrogate is None:
        return
    is_of_several = isinstance(surrogate, SeveralGP) and isinstance(acquisition, _OF_SEVERAL)
    if problem.goals is not None and (not is_of_several or recipe.region is not None):
        raise RecipeError(
            f"{type(surrogate).__name__} with {type(acquisition).__name__} is for one objective, and there "
            f"are {len(problem.goals)}; use recipe='auto' or 'pareto', or 'random' or 'sobol'"
        )
    if problem.goals is None and (isinstance(surrogate, SeveralGP) or isinstance(acquisition, _OF_SEVERAL)):
        raise RecipeError("recipe 'pareto' is for several objectives, and there is one; use 'auto' or 'gp'")


def _region_state(
    space: Space, recipe: Recipe, region: TrustRegion, evidence: Evidence, memory: Memory
) -> RegionState:
    """Return where a recipe's trust region stands."""
    stored = memory.get("region")
    if stored is None:
        # what another recipe found before counts for the model, not for the region's successes
        known = len(evidence) > _n_initial(space, recipe)
        before = RegionState(since=int(evidence.numbers[-1]) + 1 if known else 0, length=region.first_length)
    else:
        before = RegionState.from_json(stored)
    return advance(region, evidence, before, _n_initial(space, recipe))


def recommend(
    problem: Problem, recipe: Recipe, evidence: Evidence, memory: Memory
) -> tuple[Array, float, float, int | None]:
    """Return the feasible point that the posterior takes for the best.

    Not the luckiest evaluation: where they are noisy, the posterior weighs each against its
    neighbours.  Without a surrogate, or with a single value, the lowest value decides.  A value alone
    says little of where nothing was evaluated, so the point is one of the evaluated; vector outputs
    say much, and the point is the lowest of the whole space.

    Returns:
        unit point (d,); posterior mean and standard deviation there, minimised (without a posterior
        the value and its given standard error, or NaN); row of the evidence, None for a point that
        was not evaluated.

    Raises:
        TellError: no feasible evaluation is complete.
    """
    rows = recommendable(with_constraints(evidence, memory))
    if len(rows) == 0:
        raise TellError("nothing to recommend: no evaluation is complete and feasible yet")
    posterior = posterior_of(recipe, evidence, memory)
    rows = _looked_at(recipe, evidence, memory, rows)
    if posterior is None:
        row = int(rows[np.argmin(evidence.values[rows])])
        return evidence.points[row], float(evidence.values[row]), float(evidence.variances[row] ** 0.5), row
    mean, std = posterior.moments(evidence.points[rows])
    best = int(np.argmin(mean))
    if isinstance(posterior, VectorPosterior) and not problem.constraints:
        starts = evidence.points[rows[np.argsort(mean, kind="stable")[:_N_STARTS]]]
        point = lowest_mean(posterior, evidence, problem.space, starts)
        below, spread = posterior.moments(point[None])
        if below[0] < mean[best]:
            return point, float(below[0]), float(spread[0]), None
    return evidence.points[rows[best]], float(mean[best]), float(std[best]), int(rows[best])


def with_penalties(evidence: Evidence) -> Evidence:
    """Return the evidence with infeasible points no better than the worst feasible one.

    The surrogate learns to stay away, at a price that the user's own values set.  A failed point has no
    value, good or bad: it counts for the probability of success alone.  Where a slack says why a point
    is infeasible its value is told as it is: the best points lie on the boundary, between such neighbours.
    """
    if evidence.several is not None:  # what an infeasible point measured is true of each objective
        return evidence
    feasible = went_well(evidence)
    if feasible.all() or not feasible.any():
        return evidence
    worst = float(evidence.values[feasible].max())
    return replace(evidence, values=np.where(feasible, evidence.values, np.maximum(evidence.values, worst)))


def with_constraints(evidence: Evidence, memory: Memory) -> Evidence:
    """Return the evidence with what is learned of its slacks, feasible where that is believed."""
    if evidence.slacks is None:
        return evidence
    known = constraints.learned(evidence, memory.get("constraints", ()))
    return replace(known, feasible=constraints.believed_feasible(known))


def recommendable(evidence: Evidence) -> Rows:
    """Return the rows that may be recommended: feasible ones, surely so where what is told may be luck."""
    rows = np.flatnonzero(evidence.feasible)
    if len(rows) == 0 or not constraints.noisy_columns(evidence):
        return rows
    chances = probability_feasible(evidence, evidence.points[rows])
    return rows[chances >= min(_SURE, float(chances.max()))]


def probability_feasible(evidence: Evidence, points: Array) -> Array:
    """Return how likely the outcome constraints hold at feasible evaluated unit points (m, d), (m,).

    One that is measured without noise holds as it was told.
    """
    chances = np.ones(len(points))
    here = replace(evidence, pending=evidence.pending[:0])
    for column in constraints.noisy_columns(evidence):
        belief = SlackBelief.of(here, column)
        assert belief is not None, "noise is learned from slacks that are known"
        chances *= np.exp(belief.log_probability(points))
    return chances


def _selected(
    space: Space,
    recipe: Recipe,
    surrogate: Surrogate,
    state: RegionState | None,
    evidence: Evidence,
    n: int,
    rng: np.random.Generator,
    memory: Memory,
    taken: Array,
) -> tuple[Array, dict[str, Any]]:
    """Return n unit points that the acquisition chose, (n, d), and what to carry beside them."""
    acquisition = recipe.acquisition
    if evidence.slacks is not None and not evidence.feasible.any():
        acquisition, state = FeasibilityFirst(), None  # a region would be around something that is no good
    if isinstance(acquisition, NoisyLogExpectedImprovement) and _is_trended(surrogate):
        acquisition = LogExpectedImprovement()  # draws need a bare process
    guidance = Guidance.of(space)
    if guidance is not None:
        acquisition = Guided(acquisition, guidance, _STRENGTH)
    try:
        return select_points(acquisition, surrogate, state, evidence, space, n, rng, memory, taken)
    except SpaceExhausted:
        # the search may have missed the last few points of a large finite space: look them up
        known = _Taken(space, [taken])
        return np.array(_left_on_grid(space, known, n, rng)).reshape(n, len(space.axes)), {}


def _is_trended(surrogate: Surrogate) -> bool:
    return isinstance(surrogate, Transfer) and surrogate.is_in_use


def _trained(surrogate: Surrogate, evidence: Evidence, memory: Memory) -> tuple[Surrogate, Mapping[str, Any]]:
    if not isinstance(surrogate, Trainable):
        return surrogate, {}
    trained, learned = surrogate.train(evidence, memory.get("surrogate", {}))
    return trained, {"surrogate": dict(learned)}


def _relevant(surrogate: Surrogate, evidence: Evidence) -> Evidence:
    return surrogate.relevant(evidence) if isinstance(surrogate, Selective) else evidence


def _looked_at(recipe: Recipe, evidence: Evidence, memory: Memory, rows: Rows) -> Rows:
    """Return those of the feasible rows of which the surrogate knows, or all if it knows none."""
    surrogate = chosen(recipe, evidence, memory).recipe.surrogate
    if not isinstance(surrogate, Selective):
        return rows
    known = rows[np.isin(evidence.numbers[rows], surrogate.relevant(evidence).numbers)]
    return known if len(known) else rows


@dataclass(frozen=True, eq=False)
class Model:
    """What a recipe believes, for people: recommendations, figures, explanations.

    Attributes:
        choice: the recipe that was followed, and why.
        evidence: that the surrogate was given.
        posterior: None where too little is known for one.
    """

    choice: Choice
    evidence: Evidence
    posterior: Posterior | None


def model_of(recipe: Recipe, evidence: Evidence, memory: Memory) -> Model:
    """Return what a recipe believes."""
    choice = chosen(recipe, evidence, memory)
    recipe = choice.recipe
    if recipe.region is not None and "region" in memory:
        evidence = evidence_of(recipe.region, RegionState.from_json(memory["region"]), evidence)
    if recipe.surrogate is None or len(evidence) < 2 or not evidence.axes:
        return Model(choice, evidence, None)
    # no penalties here: what was measured is reported, feasible or not
    surrogate, _ = _trained(recipe.surrogate, evidence, memory)
    return Model(choice, _relevant(recipe.surrogate, evidence), surrogate.fit(evidence))


def posterior_of(recipe: Recipe, evidence: Evidence, memory: Memory) -> Posterior | None:
    """Return the posterior that a recommendation rests on, None where too little is known for one."""
    return model_of(recipe, evidence, memory).posterior


def _n_from_design(space: Space, recipe: Recipe, evidence: Evidence, n: int) -> int:
    """Return how many of the next n points come from the design."""
    if recipe.surrogate is None or not space.axes:  # constants alone leave nothing to learn
        return n
    # asked for and told by hand alike: what is known need not be asked again
    n_known = len(evidence) + len(evidence.failed) + len(evidence.pending)
    if len(evidence) == 0:
        return n  # there is nothing to learn from yet, whatever failed or is under way
    return min(n, max(0, _n_initial(space, recipe) - n_known))


def _n_initial(space: Space, recipe: Recipe) -> int:
    """Return how many points come before the surrogate."""
    if recipe.n_initial is not None:
        return recipe.n_initial
    n_initial = max(5, min(2 * len(space.axes), _MOST_INITIAL))
    return n_initial if space.size is None else max(1, min(n_initial, space.size // 2))


def _design_points(
    space: Space,
    recipe: Recipe,
    evidence: Evidence,
    carried: Mapping[str, Any] | None,
    n: int,
    rng: np.random.Generator,
) -> tuple[Array, dict[str, int]]:
    """Return the next n allowed and new points of the design, (n, d), and where it stands then."""
    start = carried or {"seed": int(rng.integers(2**32)), "index": 0}
    seed, index = int(start["seed"]), int(start["index"])
    if n == 0:  # and no need to look through all that is known
        return np.zeros((0, len(space.axes))), {"seed": seed, "index": index}
    taken = _Taken(space, [evidence.points, evidence.failed, evidence.pending])
    if space.size is not None and len(taken) + n > space.size:
        raise SpaceExhausted(
            f"the space has {space.size} points, {len(taken)} of them evaluated or under way: "
            f"{n} more cannot be proposed"
        )
    chosen: list[Array] = []
    for row, next_index in _design_stream(space, recipe.design, seed, index):
        if len(chosen) == n:
            break
        index = next_index
        if row is not None and row not in taken:
            taken.add(row)
            chosen.append(row)
    chosen += _random_points(space, taken, n - len(chosen), rng)
    return np.array(chosen).reshape(n, len(space.axes)), {"seed": seed, "index": index}


def _design_stream(space: Space, design: str, seed: int, index: int) -> Iterator[tuple[Array | None, int]]:
    """Yield each snapped row of the design (None where it is not allowed) and the index after it."""
    guidance = Guidance.of(space)
    for start in range(index, index + _MOST_ROWS, _ROWS_AT_ONCE):
        rows = design_rows(design, len(space.axes), seed, start, _ROWS_AT_ONCE)
        rows = space.snap(rows if guidance is None else guidance.design(rows, start))
        for offset, (row, is_allowed) in enumerate(zip(rows, space.allowed(rows))):
            yield (row if is_allowed else None), start + offset + 1


def _random_points(space: Space, taken: _Taken, n: int, rng: np.random.Generator) -> list[Array]:
    """Return n points that are not taken, where the design had no more of them."""
    chosen: list[Array] = []
    draws = 0
    while len(chosen) < n and draws < _MOST_DRAWS:
        draws += 1
        for row in space.sample_unit(_ROWS_AT_ONCE, rng):
            if len(chosen) < n and row not in taken:
                taken.add(row)
                chosen.append(row)
    if len(chosen) < n:
        left = _left_on_grid(space, taken, n - len(chosen), rng)
        chosen += left
    return chosen


def _left_on_grid(space: Space, taken: _Taken, n: int, rng: np.random.Generator) -> list[Array]:
    grid = space.grid()
    left = [] if grid is None else [row for row in grid if row not in taken]
    if len(left) < n:
        raise SpaceExhausted(
            f"no new point was found beside the {len(taken)} evaluated or under way; "
            "the space and its known constraints seem to be used up"
        )
    return [left[row] for row in rng.permutation(len(left))[:n]]


class _Taken:
    """The points that are evaluated or under way, to nine decimals.

    A set of all keys takes longer to make than a proposal that takes no thought; in a space without end
    a few points are looked up, so they are compared by one coordinate first.

    Args:
        space: of the points.
        known: unit points, each (k, d).
    """

    def __init__(self, space: Space, known: Sequence[Array]) -> None:
        # the first column without end tells nearly all points apart
        columns = [column for column, axis in enumerate(space.axes) if axis.levels is None]
        self._column = columns[0] if space.size is None and columns else None
        self._known = known
        self._keys = {_key(row) for rows in known for row in rows} if self._column is None else set()

    def __contains__(self, row: Array) -> bool:
        key = _key(row)
        if key in self._keys:
            return True
        column = self._column
        if column is None:
            return False
        near = (rows[np.abs(rows[:, column] - row[column]) < _NEAR] for rows in self._known)
        return any(_key(other) == key for rows in near for other in rows)

    def __len__(self) -> int:
        """Return how many there are; in a space without end those that coincide count each."""
        return len(self._keys) + (0 if self._column is None else sum(map(len, self._known)))

    def add(self, row: Array) -> None:
        self._keys.add(_key(row))


def _key(row: Array) -> bytes:
    # adding 0.0 turns -0.0 into 0.0, which has other bytes
    return (np.round(row, _DECIMALS) + 0.0).tobytes()
