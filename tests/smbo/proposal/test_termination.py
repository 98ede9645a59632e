"""When a search is over by its own rule."""

from __future__ import annotations

import json

import numpy as np
import pytest

from smbo import Optimizer, Problem, Real, Study, Termination
from smbo.errors import ProblemError
from smbo.problem.hypervolume import hypervolume
from smbo.proposal.termination import regret_bound


def searched(rule: Termination, noise: float = 0.0, most: int = 40) -> Optimizer:
    opt = Optimizer(Problem({"x": Real(0, 1)}, termination=rule), seed=1)
    rng = np.random.default_rng(3)
    while opt.termination() is None and len(opt.trials) < most:
        trial = opt.ask()
        value = float(np.sin(6.0 * trial.params["x"]) + noise * rng.standard_normal())
        opt.tell(trial, (value, noise) if noise else value)
    return opt


def test_a_plateau_ends_a_search_and_a_gain_begins_it_anew():
    opt = Optimizer(Problem({"x": Real(0, 1)}, termination={"plateau": 3, "gain": 0.1}), "sobol", seed=1)
    said = []
    for value in (5.0, 4.0, 3.95, 3.97, 3.0, 2.95, 3.0, 2.96):
        opt.tell(opt.ask(), value)
        said.append(opt.termination())
    assert said[:7] == [None] * 7
    assert said[7] == "3 evaluations in a row gained nothing, and the limit is 3"


def test_the_search_for_a_first_feasible_point_is_no_plateau():
    problem = Problem({"x": Real(0, 1)}, constraints=["c >= 0"], termination=Termination(plateau=2))
    opt = Optimizer(problem, "sobol", seed=1)
    said = []
    for c in (-1.0, -1.0, -1.0, 1.0, -1.0, 1.0):
        opt.tell(opt.ask(), {"value": 1.0, "c": c})
        said.append(opt.termination() is None)
    assert said == [True] * 5 + [False]


def test_several_objectives_are_on_a_plateau_where_no_hypervolume_is_gained():
    problem = Problem(
        {"x": Real(0, 1)},
        objectives={"a": "min", "b": "max"},
        reference={"a": 2.0},
        termination={"plateau": 2},
    )
    opt = Optimizer(problem, "sobol", seed=1)
    said = []
    for a, b in ((3.0, 9.0), (3.0, 9.0), (3.0, 9.0), (1.0, 1.0), (0.5, 0.5), (1.0, 0.9), (0.5, 0.4)):
        opt.tell(opt.ask(), {"a": a, "b": b})
        said.append(opt.termination())
    assert said[:6] == [None] * 6  # nothing is within the reference at first, and then there are gains
    assert said[6] == "2 evaluations in a row gained no hypervolume, and the limit is 2"


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_a_search_ends_when_little_is_left_and_not_before_the_optimum_is_found(noise):
    opt = searched(Termination(left=3.0), noise)
    assert opt.termination() is not None
    assert "left to gain" in str(opt.termination())
    assert 13 <= len(opt.trials) < 40
    assert opt.recommend().params["x"] == pytest.approx(np.pi / 4, abs=0.05)


def test_a_search_goes_on_while_more_is_left_than_the_rule_allows():
    opt = searched(Termination(left=1e-9), 0.05, most=20)
    assert opt.termination() is None
    assert len(opt.trials) == 20


def test_the_bound_is_one():
    opt = Optimizer(Problem({"x": Real(0, 1)}), "gp", seed=1)
    for _ in range(6):
        trial = opt.ask()
        opt.tell(trial, float(np.sin(6.0 * trial.params["x"])))
    left, _ = regret_bound(opt.problem, opt.recipe, opt.trials, {})
    assert opt.best is not None
    assert left >= opt.best.value + 1.0  # the minimum is -1


def test_a_run_ends_by_its_rule_and_the_reason_is_known_wherever_the_study_is(tmp_path):
    url = f"sqlite:///{tmp_path / 'a.db'}"
    problem = Problem({"x": Real(0, 1)}, termination=Termination(plateau=4, gain=10.0))
    with Study.open(url, "a", problem, "sobol", seed=1) as study:
        study.run(lambda params: params["x"], n_trials=30)
        assert len(study.trials) == 5
    with Study.load(url, "a") as again:
        assert again.termination() == "4 evaluations in a row gained nothing, and the limit is 4"


def test_a_rule_is_stored_with_its_problem():
    problem = Problem({"x": Real(0, 1)}, termination=Termination(plateau=4, left=0.5))
    assert Problem.from_json(json.loads(json.dumps(problem.to_json()))).termination == problem.termination


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"plateau": 0}, "plateau=0"),
        ({"left": -1}, "left=-1"),
        ({}, "give plateau=20"),
        ({"plato": 3}, "a mapping of plateau, gain, left"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(given, message):
    with pytest.raises(ProblemError, match=message):
        Problem({"x": Real(0, 1)}, termination=given)


@pytest.mark.parametrize("has_objectives", [True, False])
def test_what_is_left_with_constraints_and_several_objectives_is_bounded(has_objectives):
    """The bound holds, and falls to little; of x in [0, 1], f = x² is best at the bound of the constraint."""
    objectives = {"f": "min", "g": "max"} if has_objectives else {"f": "min"}
    reference = {"f": 1.0, "g": -1.0} if has_objectives else None
    problem = Problem(
        {"x": Real(0, 1), "y": Real(0, 1)},
        objectives=objectives,
        reference=reference,
        constraints=["c >= 0.1"],
        termination=Termination(left=1.0),
    )
    opt, bounds = Optimizer(problem, seed=1), []
    while opt.termination() is None and len(opt.trials) < 60:
        trial = opt.ask()
        x, y = trial.params["x"], trial.params["y"]
        excess = (y - 0.4) ** 2
        opt.tell(trial, {"f": x**2 + excess, "g": -((1.0 - x) ** 2) - excess, "c": x - 0.1})
        if len(opt.trials) in (12, 18, 24):
            bound, _ = regret_bound(problem, opt.recipe, opt.trials, opt._memory)
            bounds.append((bound, left_of(opt)))
    assert all(bound >= left - 1e-3 for bound, left in bounds)
    assert bounds[-1][0] < bounds[0][0]
    if not has_objectives:
        assert "is left to gain (95 %)" in opt.termination()


def left_of(opt):
    """Return what is left to gain in truth, with x >= 0.2."""
    x = np.linspace(0.2, 1.0, 400)
    if opt.problem.multi_objective is None:
        return opt.best.value - 0.2**2
    told = [t.metrics for t in opt.trials if t.feasible]
    values = np.array([[metrics["f"], -metrics["g"]] for metrics in told])
    whole = np.column_stack([x**2, (1.0 - x) ** 2])
    return hypervolume(whole, np.ones(2)) - hypervolume(values, np.ones(2))
