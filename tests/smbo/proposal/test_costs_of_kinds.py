"""Costs in the default recipe: what a point is worth is divided by its cost, whatever the kind of problem."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smbo import Fidelity, LevelSet, Optimizer, Outcome, Problem, Real
from smbo.acquisition.cost_aware import CostModel, vary
from smbo.errors import RecipeError
from smbo.history.encode import encode
from smbo.problem import ChiSquare
from smbo.proposal.presets import preset, recipe_from_json, recipe_to_json
from smbo.proposal.promotion_by_model import ModelOfFidelities

SPACE = {"x": Real(0, 1), "y": Real(0, 1)}
KINDS = {
    "one value": {},
    "several objectives": {"objectives": {"f": "min", "g": "min"}},
    "many objectives": {"objectives": dict.fromkeys("fghij", "min")},
    "outcome constraints": {"objectives": {"f": "min"}, "constraints": ["g >= 0.2"]},
    "level set": {"level_set": LevelSet(0.1)},
    "vector outputs": {"loss": ChiSquare(np.array([0.3, 0.6]), np.array([0.1, 0.1]))},
    "asha": {"fidelity": Fidelity(1, 9)},
    "model": {"fidelity": Fidelity(1, 9), "early_stopping": "model"},
}


def measured(problem, trial):
    x, y = trial.params["x"], trial.params["y"]
    value = (x - 0.3) ** 2 + (y - 0.6) ** 2 + (0.0 if trial.fidelity is None else 0.1 / trial.fidelity)
    if problem.loss is not None:
        return Outcome(
            outputs=np.array([np.sin(5 * x) + y**2, x * np.cos(6 * y)]), outputs_variance=np.full(2, 1e-4)
        )
    if problem.objectives:
        return {"f": value, "g": 1 - x * y, "h": x, "i": y, "j": abs(x - y)}
    return value


def searched(kind, n, cost=None, recipe="auto", n_failed=0):
    """Return an optimizer with n trials, and what each would cost at a factor of 100 along y."""
    opt, would_cost = Optimizer(Problem(SPACE, **KINDS[kind]), recipe, seed=1), []
    for k in range(n):
        trial = opt.ask()
        would_cost.append(100.0 ** trial.params["y"])
        told = {} if cost is None else {"cost": cost(trial)}
        if k < n_failed:
            opt.tell(trial, status="failed", **told)
        else:
            opt.tell(trial, measured(opt.problem, trial), **told)
    return opt, would_cost


def rising(trial):
    return 100.0 ** trial.params["y"] * (1.0 if trial.fidelity is None else trial.fidelity)


@pytest.mark.parametrize("kind", KINDS)
def test_told_costs_that_vary_make_evaluations_cheaper(kind):
    blind, told = searched(kind, 10)[1], searched(kind, 10, rising)
    assert "costs vary" in told[0].explain().reason
    if kind != "vector outputs":  # where the optimum is found at once
        assert np.mean(np.log(told[1][2:])) < np.mean(np.log(blind[2:])) - 0.3


@pytest.mark.parametrize("kind", ["one value", "several objectives", "level set", "model"])
def test_equal_costs_change_no_proposal(kind):
    blind, told = searched(kind, 9)[0], searched(kind, 9, lambda trial: 5.0 * (trial.fidelity or 1.0))[0]
    assert [trial.params for trial in told.trials] == [trial.params for trial in blind.trials]


def test_costs_can_be_left_out_of_account():
    blind = searched("one value", 9)[0]
    told = searched("one value", 9, rising, {"auto": {"cost": False}})[0]
    assert [trial.params for trial in told.trials] == [trial.params for trial in blind.trials]


def test_costs_of_failures_and_of_each_fidelity_are_learned():
    opt, would_cost = searched("one value", 5, rising, n_failed=3)
    costs = encode(opt.problem, opt.trials).costs
    assert costs.rates == pytest.approx(would_cost)
    assert costs.spent == pytest.approx(sum(would_cost))
    opt, _ = searched("asha", 12, rising)
    data = encode(opt.problem, opt.trials)
    assert len(data.costs.rates) == 12  # promotions among them
    assert set(data.costs.fidelity_gaps) == {0.0, 0.5, 1.0}
    cheap, dear = CostModel.of(data).log_expected(np.array([[0.5, 0.1], [0.5, 0.9]]), 0.0)
    assert dear - cheap > 1.5


def test_pruned_evaluations_count_as_spent_but_say_nothing_of_the_cost_there():
    opt, _ = searched("one value", 4, rising)
    opt.tell(opt.ask(), status="pruned", cost=1000.0)
    costs = encode(opt.problem, opt.trials).costs
    assert len(costs.rates) == 4
    assert costs.spent == pytest.approx(1000.0 + costs.rates.sum())


def test_a_step_to_a_higher_fidelity_is_worth_less_where_it_is_dear():
    opt, _ = searched("model", 10, rising)
    data = encode(opt.problem, opt.trials)
    model = ModelOfFidelities.of(opt.problem, data, {})
    blind = replace(model, costs=None)
    points = np.array([[0.5, 0.1], [0.5, 0.9]])
    loss = blind.gain_per_cost(points, 1.0, 3.0) - model.gain_per_cost(points, 1.0, 3.0)
    assert loss[1] - loss[0] > 1.5


@pytest.mark.parametrize(
    "costs", [[None] * 6, [0.0] * 6, [0.0, 3.0] * 3, [None, 1.0, None, 90.0, None, 2.0], [1e-300, 1e300] * 3]
)
def test_costs_may_be_zero_unknown_or_of_any_size(costs):
    opt = Optimizer(SPACE, "auto", seed=1)
    for cost in (*costs, *costs):
        trial = opt.ask()
        opt.tell(trial, measured(opt.problem, trial), cost=cost)
    assert vary(encode(opt.problem, opt.trials)) == (len({*costs} - {None}) > 1)
    assert len(opt.ask(3)) == 3


def test_settings_are_stored_and_checked():
    recipe = preset({"auto": {"cost": {"budget": 50}}})
    assert recipe.rule.per_cost.budget == 50
    assert recipe_from_json(recipe_to_json(recipe)) == recipe
    stored = recipe_to_json(preset("auto"))
    del stored["settings"]["rule"]["settings"]["per_cost"]  # as before it existed
    assert recipe_from_json(stored) == preset("auto")
    with pytest.raises(RecipeError, match="cost: 7"):
        preset({"auto": {"cost": 7}})
    with pytest.raises(RecipeError, match="budget=-1"):
        preset({"auto": {"cost": {"budget": -1}}})
