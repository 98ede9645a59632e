"""Propose the next unit points: a pure function of problem, recipe, training data and memory.

    propose(ProposalRequest(problem, recipe, data, n, rng, …)) -> Proposal(points, memory)

The first points are of a space-filling design, the rest of a surrogate.  ``memory`` holds plain JSON values
for the next proposal: the design's seed and index, and the surrogate's hyperparameters.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from smbo.acquisition.base import Search, SpaceAware
from smbo.acquisition.fantasies import search_posterior
from smbo.acquisition.feasibility import without_chance
from smbo.errors import SpaceExhausted
from smbo.proposal.compatibility import check_recipe, refuse_misfit
from smbo.proposal.initial_design import design_points, first_points, n_from_design, n_initial_of
from smbo.proposal.model_data import ModelData
from smbo.proposal.recipe import chosen
from smbo.proposal.replication import repeats_alone, with_repeats
from smbo.proposal.request import ProposalRequest
from smbo.proposal.trust_region import RegionState, TrustRegion, advance, length_within, rows_of_region
from smbo.space.point_set import PointSet
from smbo.training_data import ONE_VALUE, Array, TrainingData, served_by

__all__ = ["Proposal", "propose"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Proposal:
    """Points to evaluate and the memory that the recipe carries to the next call.

    Attributes:
        points: unit points, snapped and allowed, shape (n, d).
        memory: plain JSON values.
    """

    points: Array
    memory: dict[str, Any]


def propose(request: ProposalRequest) -> Proposal:
    """Return n unit points and the memory that the recipe carries to the next call.

    Deterministic in the request.  In a finite space no point is proposed twice, unless the fixed values
    leave only one.

    Raises:
        SpaceExhausted: a finite space has fewer than n points left.
        SpaceError: no point that meets the known constraints was found.
        RecipeError: the recipe does not serve the problem.
        NumericalError: the surrogate found no posterior.
    """
    check_recipe(request.problem, request.recipe)
    carried, n = dict(request.memory), request.n
    if request.fixed and request.space.size == 1:  # a point fixed by the user may be evaluated again
        return Proposal(np.repeat(request.space.sample_unit(1, request.rng), n, axis=0), carried)
    if request.problem.try_first or request.problem.transfer:
        first, tried = first_points(request)
        carried |= tried
        if len(first) == n:
            return Proposal(first, carried)
        if len(first):
            data = request.data.with_pending(first)
            others = propose(replace(request, data=data, memory=carried, n=n - len(first)))
            return Proposal(np.concatenate([first, others.points]), others.memory)
    choice = chosen(request.recipe, request.data, request.memory)
    is_ruled = request.recipe.rule is not None
    if is_ruled:
        carried["choice"] = {"name": choice.name, "reason": choice.reason}
        logger.debug("%s is chosen: %s", choice.name, choice.reason)
        refuse_misfit(request.problem, choice.recipe)
        request = replace(request, recipe=replace(choice.recipe, replication=request.recipe.replication))
    region, data = None, request.data
    if request.recipe.region is not None and not request.present:  # its box may be out of reach
        state = _region_state(request, request.recipe.region)
        carried["region"] = state.to_json()
        data = rows_of_region(request.recipe.region, state, data)
        region = replace(state, length=length_within(request.recipe.region, state, data))
    n_design = n_from_design(request, data)
    points, carried["design"] = design_points(request, n_design)
    logger.debug("%d points of the initial design, %d by the model", n_design, n - n_design)
    if n_design < n:
        request = replace(request, data=request.data.with_pending(points), n=n - n_design)
        more, learned = _by_model(request, data.with_pending(points), region, is_ruled=is_ruled)
        points, carried = np.concatenate([points, more]), {**carried, **learned}
    return Proposal(points, carried)


def _region_state(request: ProposalRequest, rule: TrustRegion) -> RegionState:
    """Return the state of the recipe's trust region."""
    data, n_initial = request.data, n_initial_of(request.problem.space, request.recipe, request.data)
    stored = request.memory.get("region")
    if stored is not None:
        return advance(rule, data, RegionState.from_json(stored), n_initial)
    # evaluations of an earlier recipe are training data, but no successes or failures of the region
    since = int(data.numbers[-1]) + 1 if len(data) > n_initial else 0
    return advance(rule, data, RegionState(since=since, length=rule.first_length), n_initial)


def _by_model(
    request: ProposalRequest, data: TrainingData, region: RegionState | None, *, is_ruled: bool
) -> tuple[Array, dict[str, Any]]:
    """Return ``request.n`` unit points, (n, d), by the surrogate, and entries added to the memory.

    Args:
        request: whose recipe has no rule, and whose data has the points chosen so far as pending.
        data: the subset that the surrogate is fitted to.
        region: the trust region to search, None for the whole space.
        is_ruled: whether a rule chose the recipe, to which the first surrogate's word matters next time.
    """
    recipe, rng = request.recipe, request.rng
    assert recipe.surrogate is not None, "without one all points are of the design"
    # points of the initial design need neither
    from smbo.acquisition.second_surrogate import PROMISE
    from smbo.proposal.promotion_by_model import share_per_cost
    from smbo.proposal.second_surrogate import promise
    from smbo.proposal.strategies import select_points

    model = ModelData.for_search(recipe.surrogate, data, request.memory)
    acquisition = recipe.acquisition
    if isinstance(acquisition, SpaceAware):  # the whole space, not this ask's subspace
        acquisition = acquisition.with_space(request.problem.space, rng)
    known = without_chance(model.data)
    posterior, taken = search_posterior(model.surrogate, known), PointSet(request.taken)
    again = _doubtful_point(model, request)
    if again is not None and request.n == 1:
        return again, dict(model.learned)
    n = request.n if again is None else request.n - 1
    search = Search(model.surrogate, posterior, request.space, known, taken, n, rng, request.memory)
    try:
        points, beside = select_points(search, acquisition, region)
    except SpaceExhausted:
        rule, whole = recipe.replication, replace(search, data=model.data)
        repeats = None if rule is None else repeats_alone(whole, acquisition)
        if repeats is None:
            raise
        return repeats, dict(model.learned)
    if is_ruled and PROMISE not in beside and served_by(recipe.surrogate) == ONE_VALUE:
        beside = {**promise(search, points[0]), **beside}
    if recipe.replication is not None:
        reveals = share_per_cost(request.problem, request.data, model.learned)
        whole = replace(search, data=model.data)
        points = with_repeats(recipe.replication, whole, points, acquisition, reveals)
    if again is not None:
        points = np.concatenate([again, points])
    return points, {**model.learned, **beside}


def _doubtful_point(model: ModelData, request: ProposalRequest) -> Array | None:
    """Return the point of a value that is to be evaluated once more, (1, d); None without one to ask for."""
    if model.doubtful is None:
        return None
    point = request.data.points[request.data.numbers == model.doubtful]
    is_under_way = len(request.data.pending) and (request.data.pending == point).all(axis=1).any()
    return None if is_under_way or not request.holds(point)[0] else point
