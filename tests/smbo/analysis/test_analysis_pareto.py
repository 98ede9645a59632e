"""Several objectives in ask/tell: what may be posed and told, Pareto sets, what is recommended."""

from __future__ import annotations

import math

import numpy as np
import pytest

from smbo import Optimizer, Problem, Real, Recipe, Study
from smbo.acquisition import LogExpectedImprovement
from smbo.errors import ProblemError, RecipeError, TellError
from smbo.problem import ChiSquare
from smbo.space.priors import Normal
from smbo.surrogates import GP
from smbo.trial import TrialState

SPACE = {"x": Real(0.0, 1.0), "y": Real(0.0, 1.0)}
PROBLEM = Problem(SPACE, objectives={"cost": "min", "gain": "max"})


def measured(params, noise=0.0):
    x, y = params["x"], params["y"]
    return {"cost": x**2 + y + noise, "gain": 3.0 - (1.0 - x) ** 2 - y + noise}


def told(problem=PROBLEM, n=12, seed=1, recipe="auto", of=measured):
    optimizer = Optimizer(problem, seed=seed, recipe=recipe)
    for _ in range(n):
        trial = optimizer.ask()
        optimizer.tell(trial, of(trial.params))
    return optimizer


def test_the_search_finds_the_front_and_says_how_far_it_is():
    optimizer = told(n=25)
    found = optimizer.pareto()
    # the front is y = 0; its whole area over the corner by hand
    assert len(found.observed) >= 10
    assert all(trial.params["y"] < 0.02 for trial in found.observed)
    assert str(found).startswith(
        f"{len(found.observed)} trials by the observed values, {len(found.predicted)} by the"
    )
    assert f"recommended is trial {found.recommended.number}" in str(found)
    assert found.history[-1] == found.hypervolume > 0.0
    assert np.all(np.diff(found.history) >= 0.0)
    assert len(found.history) == len(found.numbers) == 25
    x = np.linspace(0.0, 1.0, 2001)
    low, high = found.reference["cost"], found.reference["gain"]
    y = np.minimum.accumulate(-(3.0 - (1.0 - x) ** 2))
    whole = float(np.trapezoid(np.maximum(-high - y, 0.0), x**2) + (low - 1.0) * (-high + 3.0))
    assert found.hypervolume > 0.93 * whole


def test_the_recommendation_is_the_knee_with_a_mean_of_each_objective():
    optimizer = told(n=25)
    said = optimizer.recommend()
    # of x² against (1 - x)² the bulge is in the middle
    assert said.params["x"] == pytest.approx(0.5, abs=0.15)
    assert said.means["cost"] == pytest.approx(measured(said.params)["cost"], abs=0.05)
    assert said.means["gain"] == pytest.approx(measured(said.params)["gain"], abs=0.05)
    assert said.mean == said.means["cost"]
    assert said.std == said.stds["cost"] >= 0.0
    assert optimizer.best in optimizer.pareto().observed
    assert "hypervolume" in str(optimizer.explain())


def test_weights_move_the_recommendation_and_a_reference_bounds_it():
    weighted = told(Problem(SPACE, PROBLEM.objectives, weights={"cost": 8.0}), n=20)
    assert weighted.recommend().params["x"] < 0.4
    bounded = told(Problem(SPACE, PROBLEM.objectives, reference={"cost": 0.09}), n=20)
    assert bounded.recommend().means["cost"] < 0.09
    assert bounded.pareto().reference["cost"] == 0.09
    # so are most of the evaluations after the design
    assert np.median([trial.metrics["cost"] for trial in bounded.trials[8:]]) < 0.15


def test_directions_are_the_users():
    problem = Problem(SPACE, {"cost": "max", "gain": "min"})
    turned = told(problem, of=lambda params: {k: -v for k, v in measured(params).items()}, n=14)
    plain = told(n=14)
    assert [t.params for t in turned.trials] == [t.params for t in plain.trials]
    assert turned.pareto().hypervolume == plain.pareto().hypervolume
    assert turned.pareto().reference["cost"] == -plain.pareto().reference["cost"]


def test_errors_of_each_objective_are_told_by_name_or_as_pairs():
    optimizer = Optimizer(PROBLEM, seed=1)
    one = optimizer.tell({"x": 0.1, "y": 0.2}, {"cost": 1.0, "gain": 2.0}, sem={"cost": 0.1, "gain": 0.2})
    two = optimizer.tell({"x": 0.2, "y": 0.2}, {"cost": (1.0, 0.1), "gain": (2.0, 0.2)})
    assert one.metrics == two.metrics == {"cost": 1.0, "gain": 2.0, "cost_sem": 0.1, "gain_sem": 0.2}
    assert one.sem == two.sem == 0.1
    with pytest.raises(TellError, match="negative"):
        optimizer.tell({"x": 0.3, "y": 0.2}, {"cost": (1.0, 0.1), "gain": (2.0, -0.2)})
    with pytest.raises(TellError, match="lacks"):
        optimizer.tell({"x": 0.3, "y": 0.2}, {"cost": 1.0, "gain": 2.0}, sem={"other": 0.1})
    with pytest.raises(TellError, match="name: standard error"):
        optimizer.tell({"x": 0.3, "y": 0.2}, {"cost": 1.0, "gain": 2.0}, sem=0.1)
    single = Optimizer(Problem(SPACE, {"cost": "min"}), seed=1)
    assert single.tell({"x": 0.2, "y": 0.2}, {"cost": (1.0, 0.1)}).sem == 0.1


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (1.0, "no 'cost'"),
        ({"cost": 1.0}, "no 'gain'"),
        ({"cost": 1.0, "gain": (1.0, 2.0, 3.0)}, "standard error"),
        ({"cost": 1.0, "gain": "much"}, "a number is needed"),
    ],
)
def test_a_result_that_lacks_an_objective_is_refused(result, said):
    optimizer = Optimizer(PROBLEM, seed=1)
    trial = optimizer.ask()
    with pytest.raises(TellError, match=said):
        optimizer.tell(trial, result)


def test_one_objective_that_is_not_finite_makes_a_failure():
    optimizer = Optimizer(PROBLEM, seed=1)
    trial = optimizer.tell(optimizer.ask(), {"cost": 1.0, "gain": math.nan})
    assert trial.state is TrialState.FAILED
    assert trial.reason == "non-finite"
    with pytest.raises(TellError, match="no Pareto set yet"):
        optimizer.pareto()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"objectives": {}}, "at least one"),
        ({"objectives": {"a": "min", "b": "up"}}, "'min' or 'max'"),
        ({"objectives": {f"f{i}": "min" for i in range(21)}}, "up to 20"),
        ({"objectives": {"a": "min"}, "weights": {"a": 1.0}}, "several objectives"),
        ({"objectives": {"a": "min", "b": "min"}, "reference": {"c": 1.0}}, "'c' is no objective"),
        ({"objectives": {"a": "min", "b": "min"}, "reference": {"a": math.nan}}, "finite"),
        ({"objectives": {"a": "min", "b": "min"}, "weights": {"a": 0.0}}, "above 0"),
        ({"objectives": {"a": "min", "b": "min"}, "loss": ChiSquare([1.0], [1.0])}, "a, b"),
        ({"objectives": {"a": "min", "b": "min"}, "early_stopping": "median"}, "a, b"),
    ],
)
def test_what_does_not_go_together_is_refused_when_it_is_posed(settings, said):
    with pytest.raises(ProblemError, match=said):
        Problem(SPACE, **settings)


def test_recipes_for_another_number_of_objectives_are_refused(tmp_path):
    for recipe in ("gp", "forest", "trust", Recipe(GP(), LogExpectedImprovement())):
        with pytest.raises(RecipeError, match="for one objective"):
            Optimizer(PROBLEM, recipe=recipe)
    with pytest.raises(RecipeError, match="for several objectives"):
        Optimizer(SPACE, recipe="pareto")
    with pytest.raises(RecipeError, match="for one objective"):
        Study.open(f"sqlite:///{tmp_path}/s.db", "s", PROBLEM, recipe="gp")
    with pytest.raises(ProblemError, match="has one"):
        Optimizer(SPACE).pareto()
    assert len(told(recipe="random").pareto().predicted) >= 1


def test_a_problem_survives_json():
    problem = Problem(SPACE, PROBLEM.objectives, reference={"cost": 2.0}, weights={"gain": 3.0})
    again = Problem.from_json(problem.to_json())
    assert again.to_json() == problem.to_json()
    assert again.multi_objective == problem.multi_objective
    assert "weights" not in PROBLEM.to_json()


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_the_order_of_tell_changes_nothing_and_the_log_replays(noise):
    runs = []
    for backwards in (False, True):
        optimizer = Optimizer(PROBLEM, seed=3)
        for _ in range(3):
            batch = optimizer.ask(5)
            for trial in reversed(batch[:-1]) if backwards else batch[:-1]:
                if trial.number == 7:
                    optimizer.tell(trial, status="failed")
                else:
                    rng = np.random.default_rng(trial.number)
                    optimizer.tell(trial, measured(trial.params, noise * rng.standard_normal()))
        runs.append(optimizer)
    again = Optimizer.replay(PROBLEM, runs[0].log, seed=3)
    batches = [[trial.params for trial in optimizer.ask(3)] for optimizer in (*runs, again)]
    assert batches[0] == batches[1] == batches[2]


def test_a_stored_study_goes_on_with_the_same_points(tmp_path):
    url = f"sqlite:///{tmp_path}/s.db"
    problem = Problem(SPACE, PROBLEM.objectives, reference={"cost": 2.0})
    optimizer = told(problem, n=11, seed=5)
    for n in (4, 7):
        with Study.open(url, "s", problem, seed=5) as study:
            for _ in range(n):
                trial = study.ask()
                study.tell(trial, measured(trial.params))
    with Study.load(url, "s") as study:
        assert [t.params for t in study.trials] == [t.params for t in optimizer.trials]
        assert study.ask().params == optimizer.ask().params
        assert study.pareto().hypervolume == optimizer.pareto().hypervolume
        assert study.recommend().number == optimizer.recommend().number
        assert study.replay().difference is None


def test_infeasible_evaluations_are_in_no_pareto_set_and_become_rare():
    problem = Problem(SPACE, PROBLEM.objectives, constraints=["limit <= 0.6"])
    optimizer = told(problem, n=30, of=lambda params: {**measured(params), "limit": params["x"]})
    assert all(trial.params["x"] <= 0.6 for trial in optimizer.pareto().observed)
    late = [trial.feasible for trial in optimizer.trials[15:]]
    assert np.mean(late) > 0.7


def test_failures_are_kept_away_from():
    optimizer = Optimizer(PROBLEM, seed=2)
    n_failed = 0
    for number in range(30):
        trial = optimizer.ask()
        if trial.params["x"] > 0.6:
            optimizer.tell(trial, status="failed")
            n_failed += number >= 15
        else:
            optimizer.tell(trial, measured(trial.params))
    assert n_failed <= 4
    assert max(trial.params["x"] for trial in optimizer.pareto().observed) > 0.45


def test_with_noise_the_set_by_the_posterior_is_nearer_to_the_truth_than_that_of_the_observed_values():
    def error(pairs):
        return np.mean([abs(mean - measured(params)["cost"]) for params, mean in pairs])

    predicted, observed = [], []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        optimizer = Optimizer(PROBLEM, seed=seed)
        for _ in range(25):
            trial = optimizer.ask()
            values = measured(trial.params)
            optimizer.tell(
                trial, {name: (v + 0.2 * rng.standard_normal(), 0.2) for name, v in values.items()}
            )
        found = optimizer.pareto()
        predicted.append(error([(each.params, each.means["cost"]) for each in found.predicted]))
        # some trials are on the observed front by luck
        observed.append(error([(trial.params, trial.metrics["cost"]) for trial in found.observed]))
    assert "uncertain" in optimizer.explain().reason
    assert np.mean(predicted) < 0.8 * np.mean(observed)


def test_points_of_a_batch_are_spread_over_the_front():
    optimizer = told(n=15)
    batch = optimizer.ask(6)
    places = np.array([[trial.params["x"], trial.params["y"]] for trial in batch])
    gaps = np.abs(places[:, None] - places[None]).max(axis=2)[np.triu_indices(6, 1)]
    assert gaps.min() > 0.01


def test_many_objectives_are_searched_by_weights_drawn_at_random():
    names = [f"f{i}" for i in range(6)]
    corners = np.random.default_rng(0).random((6, 2))

    def of(params):
        at = np.array([params["x"], params["y"]])
        return dict(zip(names, ((at - corners) ** 2).sum(axis=1).tolist()))

    optimizer = told(Problem(SPACE, dict.fromkeys(names, "min")), n=24, of=of)
    assert "scalarised" in str(optimizer.explain())
    late = [trial.params for trial in optimizer.trials[8:]]
    # what is optimal for some weights lies within the corners
    low, high = corners.min(axis=0), corners.max(axis=0)
    inside = [
        low[0] - 0.05 <= p["x"] <= high[0] + 0.05 and low[1] - 0.05 <= p["y"] <= high[1] + 0.05 for p in late
    ]
    assert np.mean(inside) > 0.85
    assert len(optimizer.pareto().history) == 24


def test_mixed_and_conditional_spaces_are_searched_for_a_front():
    space = {
        "kind": ["plain", "curved"],
        "n": (1, 6),
        "x": Real(0.0, 1.0),
        "bend": {"real": [0.0, 1.0], "active_when": "kind == 'curved'"},
    }

    def of(params):
        y = 0.2 + (params["n"] - 3) ** 2 / 9.0
        y += abs(params["bend"] - 0.7) - 0.2 if params["kind"] == "curved" else 0.0
        return {"a": params["x"] ** 2 + y, "b": (1.0 - params["x"]) ** 2 + y}

    optimizer = told(Problem(space, {"a": "min", "b": "min"}), n=40, of=of)
    best = list(optimizer.pareto().observed)
    assert np.mean([trial.params["n"] == 3 for trial in best]) > 0.7
    assert np.mean([trial.params["kind"] == "curved" for trial in best]) > 0.5


def test_the_history_is_the_hypervolume_of_each_prefix():
    from smbo.problem.hypervolume import history, hypervolume

    values = np.random.default_rng(2).random((20, 3))
    expected = [hypervolume(values[: n + 1], np.full(3, 0.8)) for n in range(20)]
    np.testing.assert_allclose(history(values, np.full(3, 0.8)), expected, rtol=1e-12)


def test_a_belief_about_the_optimum_and_several_objectives_go_together():
    space = {"x": Real(0.0, 1.0, prior=Normal(0.2, 0.05)), "y": Real(0.0, 1.0)}
    optimizer = told(Problem(space, PROBLEM.objectives), n=14)
    assert np.median([trial.params["x"] for trial in optimizer.trials[5:]]) < 0.4
