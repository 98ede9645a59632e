"""What to evaluate next: a pure function from what is known to unit points.

    propose(problem, recipe, evidence, memory, n, rng) -> Proposal(points, memory)

The first points come from a space-filling design, the rest from a surrogate.  What a recipe carries
on is in ``memory``, plain JSON values: the design's seed and index, and what the surrogate learned.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from smbo.acquisition import (
    LogExpectedImprovement,
    Misclassification,
    NoisyLogExpectedImprovement,
    Straddle,
    Surveying,
)
from smbo.acquisition.feasibility import FeasibilityFirst
from smbo.acquisition.hypervolume_improvement import (
    LogExpectedHypervolumeImprovement,
    NoisyLogExpectedHypervolumeImprovement,
)
from smbo.acquisition.prior_weighted import Guided
from smbo.acquisition.scalarization import RandomScalarisation
from smbo.errors import RecipeError, SpaceExhausted
from smbo.problem import Problem
from smbo.proposal.initial_design import Taken, design_points, left_on_grid
from smbo.proposal.recipe import Recipe, chosen
from smbo.proposal.recommend import as_told, relevant, trained, with_constraints, with_penalties
from smbo.proposal.replication import repeats_alone, takes_repeats, with_repeats
from smbo.proposal.strategies import select_points
from smbo.proposal.transfer import Informed, best_of_earlier, refuse_uninformed
from smbo.proposal.trust_region import RegionState, TrustRegion, advance, evidence_of, length_within
from smbo.space import Point, Space
from smbo.space.fixed import part_of, rows_in
from smbo.space.prior_density import Guidance
from smbo.surrogates import Memory, SeveralGP, Surrogate, VectorGP
from smbo.surrogates.transfer import Transfer
from smbo.training_data import Array, Evidence

__all__ = ["Proposal", "check_recipe", "propose"]

_MOST_INITIAL = 10  # of a design for one value: with more axes too, a model soon does better than chance
_OF_SEVERAL = (
    LogExpectedHypervolumeImprovement,
    NoisyLogExpectedHypervolumeImprovement,
    RandomScalarisation,
)
# of the user's belief: as much as ten evaluations (Hvarfner et al. 2022: a tenth of the budget)
_STRENGTH = 10.0
# Points before the first model where beliefs are borne out: the fewest that show a slope.  Two of them are
# the beliefs'; where those are worse than the third, the search begins as if there were none.
_N_GUIDED = 3


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
    fixed: Point | None = None,
) -> Proposal:
    """Return n unit points and the memory that the recipe carries to the next call.

    Deterministic in its arguments.  In a finite space no point comes twice, unless ``fixed`` leaves one
    alone.

    Args:
        memory: of the previous proposal, {} at first.
        fixed: values that all of the points are to have, as of ``fixing.checked``.

    Raises:
        SpaceExhausted: a finite space has fewer than n points left.
        SpaceError: no point that meets the known constraints was found.
        RecipeError: the recipe seeks something else than the problem.
        NumericalError: the surrogate found no posterior.
    """
    check_recipe(problem, recipe)
    carried: dict[str, Any] = dict(memory)
    space = part_of(problem.space, fixed or {})
    if fixed and space.size == 1:  # what is asked for in so many words may be known
        return Proposal(np.repeat(space.sample_unit(1, rng), n, axis=0), carried)
    if problem.try_first or problem.earlier:
        first, tried = _first_points(problem, space, evidence, memory, n)
        carried |= tried
        if len(first):
            if len(first) == n:
                return Proposal(first, carried)
            evidence = replace(evidence, pending=np.concatenate([evidence.pending, first]))
            others = propose(problem, recipe, evidence, carried, n - len(first), rng, fixed)
            return Proposal(np.concatenate([first, others.points]), others.memory)
    choice = chosen(recipe, evidence, memory)
    if recipe.rule is not None:
        carried["choice"] = {"name": choice.name, "reason": choice.reason}
    replication = recipe.replication
    recipe, here, state = choice.recipe, evidence, None
    _refuse_misfit(problem, recipe)
    if recipe.region is not None:
        state = _region_state(problem.space, recipe, recipe.region, evidence, memory)
        carried["region"] = state.to_json()
        here = evidence_of(recipe.region, state, evidence)
        state = replace(state, length=length_within(recipe.region, state, here))
    n_design = _n_from_design(problem.space, recipe, here, n)
    design = memory.get("design")
    points, carried["design"] = design_points(space, recipe.design, evidence, design, n_design, rng)
    if n_design == n or recipe.surrogate is None:
        return Proposal(points, carried)
    here = replace(here, pending=np.concatenate([evidence.pending, points]))
    known = as_told(recipe.surrogate, with_penalties(here))
    surrogate, learned = trained(recipe.surrogate, known, memory)
    known = with_constraints(relevant(recipe.surrogate, known), memory)
    if known.slacks is not None:
        carried["constraints"] = [dict(each) for each in known.slacks.learned]
    taken = np.concatenate([evidence.points, evidence.failed, here.pending])
    if isinstance(recipe.acquisition, Surveying):  # what is fixed for this ask counts elsewhere too
        recipe = replace(recipe, acquisition=recipe.acquisition.over(problem.space, rng))
    n -= n_design
    try:
        more, beside = _selected(space, recipe, surrogate, state, known, n, rng, memory, taken)
    except SpaceExhausted:
        again = None if replication is None else repeats_alone(surrogate, known, space, n)
        if again is None:
            raise
        more, beside = again, {}
    else:
        if replication is not None:
            more = with_repeats(replication, surrogate, known, space, more, rng)
    return Proposal(np.concatenate([points, more]), {**carried, **learned, **beside})


def _first_points(
    problem: Problem, part: Space, evidence: Evidence, memory: Memory, n: int
) -> tuple[Array, dict[str, Any]]:
    """Return up to n of the points to try first that are left, (k, d), and the memory of what is through.

    Args:
        part: of the problem's space; points outside it keep for later.
    """
    start = int(memory.get("n_tried_first", 0))
    through = set(memory.get("tried_beyond", ()))  # of those from ``start`` on
    rows = np.concatenate([problem.space.to_unit(problem.try_first), best_of_earlier(problem)])
    rows = problem.space.snap(rows)
    taken = Taken(problem.space, [evidence.points, evidence.failed, evidence.pending])
    found: list[Array] = []
    for place in range(start, len(rows)):
        if len(found) == n:
            break
        if place in through or len(rows_in(part, rows[place : place + 1])) == 0:
            continue
        through.add(place)
        if rows[place] not in taken:
            taken.add(rows[place])
            found.append(rows[place])
    while start in through:
        through.remove(start)
        start += 1
    beyond = {"tried_beyond": sorted(through)} if through or "tried_beyond" in memory else {}
    return np.array(found).reshape(len(found), len(problem.space.axes)), {"n_tried_first": start, **beyond}


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
    """Refuse a recipe that cannot find what the problem asks for: the best of one, of several, or a level.

    Raises:
        RecipeError: saying which would do.
    """
    surrogate, acquisition = recipe.surrogate, recipe.acquisition
    if recipe.replication is not None:
        _refuse_replication(problem, recipe)
    if problem.earlier and recipe.rule is None:
        refuse_uninformed(recipe)
    own_rule = recipe.rule.recipe.rule if isinstance(recipe.rule, Informed) else recipe.rule
    if problem.earlier and own_rule is not None and problem.ladder is not None:
        raise RecipeError(
            "the process over points and fidelities that 'auto' takes does not know of earlier studies; use "
            "recipe 'gp', which does, or leave out the fidelity or the earlier studies"
        )
    if recipe.rule is not None or surrogate is None:
        return
    _refuse_misfit(problem, recipe)
    is_of_several = isinstance(surrogate, SeveralGP) and isinstance(acquisition, _OF_SEVERAL)
    if problem.goals is not None and (not is_of_several or recipe.region is not None):
        raise RecipeError(
            f"{type(surrogate).__name__} with {type(acquisition).__name__} is for one objective, and there "
            f"are {len(problem.goals)}; use recipe='auto' or 'pareto', or 'random' or 'sobol'"
        )
    if problem.goals is None and (isinstance(surrogate, SeveralGP) or isinstance(acquisition, _OF_SEVERAL)):
        raise RecipeError("recipe 'pareto' is for several objectives, and there is one; use 'auto' or 'gp'")


def _refuse_replication(problem: Problem, recipe: Recipe) -> None:
    """Let repeats through where they are weighed: for one value, by a Gaussian process.

    Raises:
        RecipeError: saying what is in the way.
    """
    others = {
        "several objectives": problem.goals,
        "a level set": problem.level_set,
        "vector outputs": problem.measure,
        "a fidelity": problem.fidelity,
        "earlier studies": problem.earlier or None,
    }
    for name, given in others.items():
        if given is not None:
            raise RecipeError(
                f"replication is weighed for one value, and the problem has {name}; leave replication out"
            )
    if recipe.rule is None and (recipe.surrogate is None or not takes_repeats(recipe.surrogate)):
        raise RecipeError(
            f"replication is weighed by a Gaussian process, and the surrogate is {recipe.surrogate!r}; use "
            "recipe 'auto', 'gp' or 'noisy', or leave it out"
        )


def _region_state(
    space: Space, recipe: Recipe, region: TrustRegion, evidence: Evidence, memory: Memory
) -> RegionState:
    """Return where a recipe's trust region stands."""
    stored = memory.get("region")
    if stored is None:
        # what another recipe found before counts for the model, not for the region's successes
        known = len(evidence) > _n_initial(space, recipe, evidence)
        before = RegionState(since=int(evidence.numbers[-1]) + 1 if known else 0, length=region.first_length)
    else:
        before = RegionState.from_json(stored)
    return advance(region, evidence, before, _n_initial(space, recipe, evidence))


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
        known = Taken(space, [taken])
        return np.array(left_on_grid(space, known, n, rng)).reshape(n, len(space.axes)), {}


def _is_trended(surrogate: Surrogate) -> bool:
    return isinstance(surrogate, Transfer) and surrogate.is_in_use


def _n_from_design(space: Space, recipe: Recipe, evidence: Evidence, n: int) -> int:
    """Return how many of the next n points come from the design."""
    if recipe.surrogate is None or not space.axes:  # constants alone leave nothing to learn
        return n
    # asked for and told by hand alike: what is known need not be asked again
    n_known = len(evidence) + len(evidence.failed) + len(evidence.pending)
    if len(evidence) == 0:
        return n  # there is nothing to learn from yet, whatever failed or is under way
    return min(n, max(0, _n_initial(space, recipe, evidence) - n_known))


def _n_initial(space: Space, recipe: Recipe, evidence: Evidence) -> int:
    """Return how many points come before the surrogate; a few where the user's beliefs are borne out."""
    if recipe.n_initial is not None:
        return recipe.n_initial
    n_initial, guidance = _n_without_belief(space, recipe), Guidance.of(space)
    is_of_one_value = evidence.vectors is None and evidence.several is None
    if guidance is not None and is_of_one_value and guidance.is_borne_out(evidence, _N_GUIDED):
        return min(n_initial, _N_GUIDED)
    return n_initial


def _n_without_belief(space: Space, recipe: Recipe) -> int:
    """Return how many points of a design come before the surrogate, but for a user's beliefs."""
    d = len(space.axes)
    # d + 1 points give each of many outputs a plane; of one value, which says less, it takes more
    n_wanted = d + 1 if isinstance(recipe.surrogate, VectorGP) else min(2 * d, _MOST_INITIAL)
    n_initial = max(5, n_wanted)
    return n_initial if space.size is None else max(1, min(n_initial, space.size // 2))
