"""Improvement per cost: what is learned of costs, how much it counts, and that it spends less."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from smbo import Optimizer, Real, Study
from smbo.acquisition import ExpectedImprovementPerCost, LogExpectedImprovement
from smbo.acquisition.cost_aware import CostModel
from smbo.errors import RecipeError
from smbo.history.encode import encode
from smbo.proposal.presets import preset, recipe_from_json, recipe_to_json
from smbo.surrogates import GP

SPACE = {"x": Real(0, 1), "y": Real(0, 1)}


def value(point):
    return (point["x"] - 0.3) ** 2 + (point["y"] - 0.6) ** 2


def cost(point):
    return 100.0 ** point["y"]


def told(recipe, n, seed=1):
    opt = Optimizer(SPACE, recipe, seed=seed)
    for _ in range(n):
        trial = opt.ask()
        opt.tell(trial, value(trial.params), cost=cost(trial.params))
    return opt


@pytest.fixture(scope="module")
def data():
    opt = told("sobol", 12)
    return encode(opt.problem, opt.trials)


def test_the_process_knows_how_costs_vary(data):
    points = np.random.default_rng(0).random((50, 2))
    assert CostModel.of(data).log_expected(points) == pytest.approx(np.log(100.0) * points[:, 1], abs=0.3)


def test_the_exponent_cools_as_the_budget_is_used_up(data):
    spent = data.costs.spent
    assert ExpectedImprovementPerCost().exponent(data) == 1.0
    assert ExpectedImprovementPerCost(budget=4 * spent).exponent(data) == pytest.approx(0.75)
    assert ExpectedImprovementPerCost(budget=0.5 * spent).exponent(data) == 0.0


def test_it_is_the_other_criterion_less_the_log_cost_with_slopes(data):
    posterior = GP().fit(data)
    plain = LogExpectedImprovement().build(posterior, data)
    acquisition = ExpectedImprovementPerCost(budget=2 * data.costs.spent, refine_every=None)
    criterion = acquisition.build(posterior, data)
    point = np.array([0.7, 0.2])
    costs = CostModel.of(data)
    mean, std = costs.posterior.moments(point[None])
    assert costs.log_expected(point[None]) == pytest.approx(mean + std**2 / 2, rel=1e-12)
    expected = plain(point[None]) - 0.5 * (mean + std**2 / 2)
    # far in the tail of an improvement moments with gradients and without differ by rounding
    assert criterion(point[None]) == pytest.approx(expected, rel=1e-6)
    worth, slope = criterion.with_gradient(point[None])
    assert worth == pytest.approx(expected, rel=1e-6)
    found = approx_fprime(point, lambda x: float(criterion(x[None])[0]), 1e-7)
    assert slope[0] == pytest.approx(found, rel=1e-4, abs=1e-4)


def test_without_costs_it_is_the_other_criterion(data):
    opt = Optimizer(SPACE, "sobol", seed=1)
    for _ in range(8):
        trial = opt.ask()
        opt.tell(trial, value(trial.params))
    data = encode(opt.problem, opt.trials)
    posterior = GP().fit(data)
    points = np.random.default_rng(0).random((5, 2))
    plain = LogExpectedImprovement().build(posterior, data)(points)
    assert ExpectedImprovementPerCost().build(posterior, data)(points) == pytest.approx(plain, rel=0)


def test_it_spends_less_for_the_same_value():
    plain, thrifty = told("gp", 20), told("cost", 20)
    aim = min(trial.value for trial in plain.trials[:15])
    spent = {}
    for name, opt in (("plain", plain), ("thrifty", thrifty)):
        best = np.minimum.accumulate([trial.value for trial in opt.trials])
        n = int(np.argmax(best <= max(aim, 1e-3))) + 1
        assert best[n - 1] <= max(aim, 1e-3)
        spent[name] = sum(trial.cost for trial in opt.trials[:n])
    assert spent["thrifty"] < spent["plain"]


def test_a_study_resumed_proposes_the_same(tmp_path):
    url, recipe = f"sqlite:///{tmp_path}/runs.db", {"cost": {"budget": 200.0}}
    fleeting = Optimizer(SPACE, recipe, seed=3)
    for _ in range(9):
        with Study.open(url, "thrifty", SPACE, recipe=recipe, seed=3) as study:
            durable, other = study.ask(), fleeting.ask()
            assert durable.params == other.params
            study.tell(durable, value(durable.params), cost=cost(durable.params))
            fleeting.tell(other, value(other.params), cost=cost(other.params))


def test_settings_are_stored_and_checked():
    recipe = preset({"cost": {"budget": 50}})
    assert recipe.acquisition == ExpectedImprovementPerCost(budget=50)
    assert recipe_from_json(recipe_to_json(recipe)) == recipe
    with pytest.raises(RecipeError, match="does not take"):
        preset({"gp": {"budget": 50}})
    with pytest.raises(RecipeError, match="budget=0"):
        preset({"cost": {"budget": 0}})
    with pytest.raises(RecipeError, match="refine_every=0"):
        ExpectedImprovementPerCost(refine_every=0)
