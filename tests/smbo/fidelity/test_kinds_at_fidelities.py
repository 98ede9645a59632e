"""Several objectives and level sets, evaluated at several fidelities."""

import math
from dataclasses import replace

import numpy as np
import pytest

from smbo import Fidelity, LevelSet, Optimizer, Problem, Study, TrialState
from smbo.errors import ProblemError
from smbo.fidelity import promotion
from smbo.history.encode import encode
from smbo.history.promotion import as_at_one_fidelity, results_by_fidelity, standings
from smbo.trial import Rung, Trial

EPOCHS = Fidelity(1, 9, name="epochs")
SPACE = {"x": (0.0, 1.0), "y": (0.0, 1.0)}


def two_objectives(**more):
    return Problem(
        SPACE, objectives={"cost": "min", "gain": "max"}, reference={"cost": 1.3, "gain": -1.3}, **more
    )


def level_set(**more):
    return Problem(SPACE, level_set=LevelSet(0.6, of=["s"]), **more)


def measured(trial):
    x, y = trial.params["x"], trial.params["y"]
    short = 1.0 - (9 if trial.fidelity is None else trial.fidelity) / 9
    g = 1.0 + (y - 0.4) ** 2 + 0.3 * short * (1.0 + x)
    return {
        "cost": g * math.cos(1.5 * x),
        "gain": -g * math.sin(1.5 * x),
        "s": x**2 + 0.5 * y + 0.1 * short * math.cos(3 * x),
    }


def told(problem, trial):
    names = ("s",) if problem.level_set is not None else problem.multi_objective.names
    return {name: measured(trial)[name] for name in names}


def search(problem, budget, recipe="auto", seed=1):
    optimizer, spent = Optimizer(problem, recipe, seed=seed), 0.0
    while spent < budget:
        trial = optimizer.ask()
        high = 9 if trial.fidelity is None else trial.fidelity
        spent += high - max((rung.fidelity for rung in trial.rungs), default=0)
        optimizer.tell(trial, told(problem, trial))
    return optimizer


def test_of_several_objectives_the_front_of_a_rung_is_promoted_and_then_the_next_front():
    problem = two_objectives(fidelity=EPOCHS, early_stopping="asha")
    first, second, third = (3.0, 0.0), (1.0, 1.0), (2.0, 2.0)  # more gain is better: the first is dominated
    trials = [
        Trial(number, {"x": 0.1, "y": 0.1}, 0, state=TrialState.PAUSED, fidelity=1, rungs=(rung,))
        for number, rung in enumerate(
            Rung(1, cost, metrics={"cost": cost, "gain": gain}) for cost, gain in (first, second, third)
        )
    ]
    places = {each.number: each.values[1] for each in standings(problem, trials)}
    assert sorted(places, key=places.get) == [1, 2, 0]
    found = promotion(problem.early_stopping, EPOCHS, standings(problem, trials))
    assert (found.number, found.next_fidelity, found.rank, found.n_rung) == (1, 3, 1, 3)
    infeasible = [replace(trials[1], rungs=(replace(trials[1].rungs[0], feasible=False),)), *trials[::2]]
    assert promotion(problem.early_stopping, EPOCHS, standings(problem, infeasible)).number == 2


@pytest.mark.parametrize("stopping", ["asha", "hyperband", "model"])
@pytest.mark.parametrize("make", [two_objectives, level_set])
def test_results_of_each_fidelity_are_training_data_of_what_is_measured(make, stopping):
    problem = make(fidelity=EPOCHS, early_stopping=stopping)
    optimizer = search(problem, 45, "random")
    data = encode(problem, optimizer.trials)
    results = data.fidelities
    assert len(results) == sum(len(results_by_fidelity(problem, each)) for each in optimizer.trials)
    several = results.data.objective_values or results.data.outputs
    for row, number in enumerate(results.numbers):
        trial = optimizer.trials[number]
        (at,) = [
            each
            for each in results_by_fidelity(problem, trial)
            if math.isclose(EPOCHS.fidelity_gap(each.fidelity), results.fidelity_gaps[row], abs_tol=1e-12)
        ]
        expected = told(problem, at)
        if "gain" in expected:
            expected["gain"] = -expected["gain"]
        assert several.values[row].tolist() == pytest.approx(list(expected.values()))


def test_each_objective_is_moved_to_one_fidelity_by_itself():
    """Of twelve trials nine were promoted, where the cost is lower by a half and the gain higher by two."""
    problem = two_objectives(fidelity=EPOCHS, early_stopping="asha")
    at_lowest = [{"cost": float(k), "gain": 10.0 - k} for k in range(12)]
    at_next = [{"cost": each["cost"] - 0.5, "gain": each["gain"] + 2.0} for each in at_lowest]
    trials = []
    for number, (low, high) in enumerate(zip(at_lowest, at_next)):
        told = [(1, low), (3, high)][: 2 if number < 9 else 1]
        rungs = tuple(Rung(at, metrics["cost"], metrics=metrics) for at, metrics in told)
        fidelity, metrics = told[-1]
        point = {"x": 0.1, "y": 0.01 * number}
        trials.append(
            Trial(number, point, 0, TrialState.PAUSED, metrics=metrics, fidelity=fidelity, rungs=rungs)
        )
    moved = as_at_one_fidelity(problem, trials)
    assert [each.state for each in moved] == [TrialState.COMPLETE] * 12
    for name in ("cost", "gain"):
        expected = [metrics[name] for metrics in at_next]
        assert [each.metrics[name] for each in moved] == pytest.approx(expected)
    assert [each.value for each in moved] == [each.metrics["cost"] for each in moved]


@pytest.mark.parametrize("stopping", ["asha", "model"])
def test_a_front_is_found_at_less_cost_than_in_full(stopping):
    """At the cost of eight evaluations in full, beside random search."""
    problem = two_objectives(fidelity=EPOCHS, early_stopping=stopping)
    volumes = {
        "at fidelities": [search(problem, 72, seed=seed).pareto().hypervolume for seed in (1, 2)],
        "random": [search(two_objectives(), 72, "random", seed=seed).pareto().hypervolume for seed in (1, 2)],
    }
    assert np.mean(volumes["at fidelities"]) > np.mean(volumes["random"])


@pytest.mark.parametrize("stopping", ["asha", "model"])
def test_a_contour_is_known_from_evaluations_at_all_fidelities(stopping):
    problem = level_set(fidelity=EPOCHS, early_stopping=stopping)
    optimizer = search(problem, 60)
    side = (np.arange(20) + 0.5) / 20
    points = [{"x": x, "y": y} for x in side for y in side]
    truth = np.array([p["x"] ** 2 + 0.5 * p["y"] > 0.6 for p in points])
    claimed = optimizer.predict(points).means["s"] > 0.6
    assert (claimed != truth).mean() <= 0.05
    assert any(trial.state is TrialState.PAUSED for trial in optimizer.trials)


def test_only_what_was_evaluated_in_full_is_recommended():
    optimizer = search(two_objectives(fidelity=EPOCHS, early_stopping="model"), 60)
    recommended = optimizer.recommend()
    assert optimizer.trials[recommended.number].state is TrialState.COMPLETE
    predicted = optimizer.pareto().predicted
    assert all(optimizer.trials[each.number].state is TrialState.COMPLETE for each in predicted)


@pytest.mark.parametrize("stopping", ["asha", "model"])
@pytest.mark.parametrize("make", [two_objectives, level_set])
def test_a_study_reopened_proposes_the_same(tmp_path, make, stopping):
    """What each rung measured comes back from the store."""
    problem = make(fidelity=EPOCHS, early_stopping=stopping)
    in_memory, url, spent = search(problem, 27), f"sqlite:///{tmp_path / 'a.db'}", 0.0
    while spent < 27:
        with Study.open(url, "s", problem, "auto", seed=1) as study:
            trial = study.ask()
            spent += trial.fidelity - max((rung.fidelity for rung in trial.rungs), default=0)
            study.tell(trial, told(problem, trial))
    with Study.load(url, "s") as study:
        assert [each.params for each in study.trials] == [each.params for each in in_memory.trials]
        for stored, kept in zip(study.trials, in_memory.trials, strict=True):
            assert [each.metrics for each in stored.rungs] == [each.metrics for each in kept.rungs]
            for one, other in zip(stored.rungs, kept.rungs, strict=True):
                assert np.array_equal(one.outputs, other.outputs) or one.outputs is other.outputs is None


@pytest.mark.parametrize("make", [two_objectives, level_set])
def test_early_stopping_by_one_reported_value_is_refused(make):
    with pytest.raises(ProblemError, match="early_stopping='median'"):
        make(early_stopping="median")


def test_many_results_at_several_fidelities_leave_a_level_set_those_around_it():
    optimizer = Optimizer(level_set(fidelity=EPOCHS, early_stopping="model"), seed=1)
    rng = np.random.default_rng(0)
    for x, y in rng.random((520, 2)).tolist():
        optimizer.tell({"x": x, "y": y}, {"s": x**2 + 0.5 * y})
    assert optimizer.ask().params
    assert optimizer.contour().misclassified["s"] < 0.01
