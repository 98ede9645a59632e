"""Proposals: pure, in the space, and aware of what is known."""

import copy
import json

import numpy as np
import pytest

from smbo.acquisition import LowerConfidenceBound
from smbo.errors import RecipeError, SpaceExhausted
from smbo.history.encode import encode
from smbo.optimizer import Optimizer
from smbo.problem import Problem
from smbo.proposal.presets import preset, recipe_from_json, recipe_to_json
from smbo.proposal.propose import propose
from smbo.proposal.recipe import Recipe
from smbo.proposal.request import ProposalRequest
from smbo.space import Integer, Real, Space
from smbo.surrogates import GP, Forest, Matern32
from smbo.trial import Trial, TrialState

PROBLEM = Problem(Space({"x": (0.0, 1.0), "n": (1, 3)}, ["x * n < 2"]))


def trials(n, problem=PROBLEM, seed=0):
    points = problem.space.sample(n, np.random.default_rng(seed))
    return [
        Trial(number, point, 0, TrialState.COMPLETE, value=sum(point.values()), feasible=True)
        for number, point in enumerate(points)
    ]


def rng():
    return np.random.default_rng(3)


RECIPES = {
    "gp": Recipe(GP()),
    "forest": Recipe(Forest(n_trees=8)),
    **{design: Recipe(design=design) for design in ("random", "sobol", "halton", "lhs")},
}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize("n_known", [0, 3, 12])
def test_a_proposal_is_pure(recipe, n_known):
    data = encode(PROBLEM, trials(n_known))
    first = propose(ProposalRequest(PROBLEM, recipe, data, 2, rng(), {}))
    memory = copy.deepcopy(first.memory)
    second = propose(ProposalRequest(PROBLEM, recipe, data, 2, rng(), memory))
    again = propose(ProposalRequest(PROBLEM, recipe, data, 2, rng(), json.loads(json.dumps(memory))))
    assert memory == first.memory
    assert second.memory == again.memory
    np.testing.assert_array_equal(second.points, again.points)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize("n_known", [0, 3, 12])
def test_proposed_points_are_snapped_allowed_and_new(recipe, n_known):
    data = encode(PROBLEM, trials(n_known))
    points = propose(ProposalRequest(PROBLEM, recipe, data, 6, rng(), {})).points
    np.testing.assert_array_equal(PROBLEM.space.snap(points), points)
    assert PROBLEM.space.allowed(points).all()
    everything = np.concatenate([data.points, points])
    assert len(np.unique(everything, axis=0)) == n_known + 6


@pytest.mark.parametrize("recipe", [Recipe(GP()), Recipe(Forest(n_trees=8))], ids=["gp", "forest"])
def test_the_last_points_of_a_finite_space_are_found(recipe):
    problem = Problem(Space({"n": Integer(1, 300, log=True)}))
    known = [Trial(k, {"n": k + 1}, 0, TrialState.COMPLETE, value=1.0 * k, feasible=True) for k in range(298)]
    points = propose(ProposalRequest(problem, recipe, encode(problem, known), 2, rng(), {})).points
    assert {point["n"] for point in problem.space.from_unit(points)} == {299, 300}


def test_evidence_does_not_depend_on_the_order_of_trials():
    known = [*trials(5), Trial(5, {"x": 0.5, "n": 1}, 0), Trial(6, {"x": 0.6, "n": 1}, 0, TrialState.FAILED)]
    forth, back = encode(PROBLEM, known), encode(PROBLEM, known[::-1])
    for name in ("numbers", "points", "values", "variances", "costs", "feasible", "failed", "pending"):
        np.testing.assert_array_equal(getattr(forth, name), getattr(back, name))
    assert (len(forth), len(forth.failed), len(forth.pending)) == (5, 1, 1)


def test_cancelled_trials_say_nothing():
    data = encode(PROBLEM, [Trial(0, {"x": 0.5, "n": 1}, 0, TrialState.CANCELLED)])
    assert (len(data), len(data.failed), len(data.pending)) == (0, 0, 0)


@pytest.mark.parametrize("name", ["auto", "gp", "forest", "random", "sobol"])
def test_a_named_recipe_survives_json(name):
    stored = json.loads(json.dumps(recipe_to_json(preset(name))))
    assert recipe_from_json(stored) == preset(name)


def test_a_recipe_of_ones_own_settings_survives_json():
    recipe = Recipe(GP(kernel=Matern32()), LowerConfidenceBound(), design="lhs", n_initial=7)
    assert recipe_from_json(json.loads(json.dumps(recipe_to_json(recipe)))) == recipe


class Strange:
    def fit(self, data):
        raise NotImplementedError


def test_a_foreign_part_is_stored_by_name_and_not_loaded():
    stored = recipe_to_json(Recipe(Strange()))
    assert "Strange" in json.dumps(stored)
    assert stored == recipe_to_json(Recipe(Strange()))
    with pytest.raises(RecipeError, match="Strange"):
        recipe_from_json(stored)


@pytest.mark.parametrize(
    "stored", [{}, {"class": "Popen", "settings": {}}, {"class": "GP", "settings": {"k": 1}}]
)
def test_a_stored_recipe_that_makes_no_sense_is_refused(stored):
    with pytest.raises(RecipeError):
        recipe_from_json(stored)


def test_an_optimum_on_a_grid_and_a_logarithm_is_found():
    problem = Problem(Space({"a": Real(0, 1, step=0.05), "b": Integer(1, 1000, log=True)}))
    known, memory = [], {}
    for number in range(30):
        proposal = propose(
            ProposalRequest(
                problem, preset("gp"), encode(problem, known), 1, np.random.default_rng(number), memory
            )
        )
        memory = proposal.memory
        (point,) = problem.space.from_unit(proposal.points)
        value = (point["a"] - 0.35) ** 2 + np.log10(point["b"] / 30) ** 2
        known.append(Trial(number, point, 0, TrialState.COMPLETE, value=float(value), feasible=True))
    assert min(trial.value for trial in known) < 1e-3


@pytest.mark.parametrize("name", ["gp", "forest", "boosting"])
def test_a_space_of_constants_has_one_point(name):
    optimizer = Optimizer({"x": 3}, name, seed=1)
    optimizer.tell(optimizer.ask(), 1.0)
    optimizer.tell({"x": 3}, 2.0)  # told by hand, again
    assert optimizer.recommend().params == {"x": 3}
    with pytest.raises(SpaceExhausted, match="1 points"):
        optimizer.ask()
