"""The objective pivot-toy: its settings, its problem and a short training."""

import pickle

import pytest
from tiny_training import POINT

from smbo.problem import Confirmable, Context, EvaluationFailed, ObjectiveError
from smbo_objectives.pivot_toy import PivotToy
from smbo_objectives.pivot_toy.objective import PAPER_POINT

pytest.importorskip("torch")


def test_a_training_reports_and_measures(tiny):
    reports = []
    context = Context(seed=5, report=lambda step, value: reports.append((step, value)))
    outcome = tiny.problem.outcome(tiny.evaluate(POINT, context))
    assert [step for step, _ in reports] == [2, 4, 6, 8, 10]
    assert reports[-1][1] == outcome.value == outcome.metrics["loss"]
    assert set(outcome.metrics) == {"L_f", "L_r", "ks", "loss"}


def test_distance_beyond_the_target_is_charged(tiny, monkeypatch):
    metrics = tiny.evaluate(POINT, Context(seed=5)).metrics
    assert metrics["ks"] > tiny.ks_target
    assert metrics["loss"] == pytest.approx(metrics["L_f"] + 5.0 * (metrics["ks"] - tiny.ks_target))


def test_without_a_penalty_the_distance_is_an_outcome_constraint(tiny):
    objective = PivotToy(schedule="quick", device="cpu", penalty=None)
    outcome = objective.problem.outcome(objective.evaluate(POINT, Context(seed=5)))
    assert outcome.value == outcome.metrics["L_f"]
    assert objective.problem.is_feasible(outcome) == (outcome.metrics["ks"] <= 0.05)


def test_a_training_that_diverges_is_a_failed_evaluation(tiny):
    with pytest.raises(EvaluationFailed, match="diverged"):
        tiny.evaluate({**POINT, "lr_f": 1e30}, Context(seed=5))


def test_the_baseline_lies_in_the_space_of_each_schedule():
    for schedule in ("paper", "quick"):
        objective = PivotToy(schedule=schedule)
        assert isinstance(objective, Confirmable)
        assert objective.problem.space.contains(objective.confirmation().baseline)
    assert PivotToy().confirmation().baseline == PAPER_POINT


def test_an_objective_pickles_with_its_settings():
    again = pickle.loads(pickle.dumps(PivotToy(schedule="quick", penalty=None, device="cpu")))
    assert again.problem.value_name == "L_f"
    assert again.schedule_name == "quick"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"schedule": "slow"}, "schedule='slow'"),
        ({"ks_target": 0.0}, r"ks_target=0\.0"),
        ({"penalty": -1}, "penalty=-1"),
        ({"n_threads": 0}, "n_threads=0"),
        ({"confirmation_repeats": 1}, "confirmation_repeats=1"),
        ({"device": 3}, "device=3"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value(settings, words):
    with pytest.raises(ObjectiveError, match=words):
        PivotToy(**settings)


def test_with_climb_the_turns_are_the_fidelity_and_no_parameter():
    toy = PivotToy(schedule="quick", iterations_as_fidelity=True)
    assert toy.problem.fidelity.name == "iterations"
    assert "iterations" not in toy.problem.space.names
    assert toy.confirmation().fidelity == toy.problem.fidelity.high
    with pytest.raises(ObjectiveError, match="iterations_as_fidelity"):
        PivotToy(iterations_as_fidelity=1)
