"""Failed trials are evaluated again; a run whose objective is broken ends, and counts nothing."""

from __future__ import annotations

import logging

import pytest

from smbo.errors import EvaluationFailed, TellError, UnknownTrial
from smbo.fidelity import Fidelity
from smbo.problem import Problem
from smbo.space import Real
from smbo.store.budget import Budget
from smbo.study import Study
from smbo.study.protocol import StopReason


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/runs.db"


def opened(url, budget=None, **more):
    return Study.open(
        url, "s", {"x": (0.0, 1.0)}, recipe="random", seed=1, budget=budget or Budget(trials=8), **more
    )


def failing(params):
    raise EvaluationFailed("out of licences", reason="licence")


def good(params):
    return params["x"]


def test_failed_trials_are_evaluated_again_at_their_points_and_are_charged_once(url):
    with opened(url) as study:
        study.run(failing)
        points = [trial.params for trial in study.trials]
        assert (study.spent.trials, study.spent.failures) == (8, 8)
        waiting = study.retry([1, study.trial(2)])
        assert [(trial.number, trial.state) for trial in waiting] == [(1, "waiting"), (2, "waiting")]
        assert (study.spent.trials, study.spent.failures) == (8, 6)
        study.run(good)
        assert [trial.state for trial in study.trials[1:4]] == ["complete", "complete", "failed"]
        assert [trial.params for trial in study.trials] == points
        assert (study.spent.trials, study.spent.failures) == (8, 6)
        assert study.trial(1).reason is None
        assert study.trial(1).value == points[1]["x"]


def test_the_log_keeps_what_the_earlier_attempt_said(url):
    with opened(url) as study:
        study.run(failing)
        study.retry([0])
        study.run(good)
        (event,) = study._driver.store.events(study._driver.id, kind="retried")
        assert '"reason":"licence"' in event.payload
        assert "out of licences" in event.payload
        outcomes = [str(each.outcome) for each in study._driver.store.attempts(study._driver.id, number=0)]
        assert outcomes == ["error", "complete"]


def test_all_or_those_of_a_reason_are_taken(url):
    with opened(url) as study:
        for number, reason in enumerate(["licence", "diverged", "licence"]):
            trial = study.ask()
            assert trial.number == number
            study.tell(trial, status="failed", reason=reason)
        assert [trial.number for trial in study.retry(reason="licence")] == [0, 2]
        assert [trial.number for trial in study.retry()] == [1]
        assert study.retry() == []


def test_what_has_not_failed_is_not_evaluated_again(url):
    with opened(url) as study:
        study.tell(study.ask(), 1.0)
        told = study.tell({"x": 0.5}, status="failed")
        with pytest.raises(TellError, match="trial 0 is complete; only failed"):
            study.retry([0])
        with pytest.raises(TellError, match="was told, not asked for"):
            study.retry([told])
        with pytest.raises(UnknownTrial, match="trial 7"):
            study.retry([7])
        assert study.retry() == []


def test_several_are_taken_back_together_or_not_at_all(url):
    with opened(url) as study:
        study.tell(study.ask(), status="failed")
        study.tell(study.ask(), 1.0)
        with pytest.raises(TellError):
            study.retry([0, 1])
        assert study.trial(0).state == "failed"


def test_a_trial_that_failed_at_a_higher_rung_waits_with_its_last_value(url):
    problem = Problem({"x": Real(0.0, 1.0)}, fidelity=Fidelity(1, 9), early_stopping={"asha": {"eta": 3}})
    with Study.open(url, "s", problem, recipe="random", seed=1, budget=Budget(trials=9)) as study:
        broken = []

        def evaluate(params, context):
            if context.fidelity > 1 and not broken:
                broken.append(params)
                raise EvaluationFailed("once")
            return params["x"]

        study.run(evaluate)
        (failed,) = [trial for trial in study.trials if trial.state == "failed"]
        assert failed.fidelity > 1
        (waiting,) = study.retry()
        assert waiting.value == waiting.params["x"]
        assert [rung.fidelity for rung in waiting.rungs] == [1]
        study.run(evaluate)
        assert study.trial(failed.number).state in ("complete", "paused")


def test_a_study_with_retried_trials_replays_to_the_last_bit(url):
    with Study.open(url, "s", {"x": (0.0, 1.0)}, recipe="gp", seed=1, budget=Budget(trials=12)) as study:
        study.run(lambda params: failing(params) if params["x"] < 0.4 else params["x"])
        assert study.retry()
        study.run(good, n_trials=1)
        assert study.replay().difference is None


# --- the objective is broken


def broken(params):
    return no_such_name(params)  # noqa: F821


def missing(params):
    import no_such_module_here  # noqa: F401


@pytest.mark.parametrize(
    "objective", [broken, missing, lambda params: params["z"], lambda params: params + 1]
)
def test_a_programming_error_ends_the_run_and_nothing_is_counted(url, objective, caplog):
    with opened(url, Budget(trials=25)) as study:
        report = study.run(objective)
        assert (report.why, len(study.trials)) == (StopReason.BROKEN, 3)
        assert {trial.state for trial in study.trials} == {"waiting"}
        assert study.spent.failures == 0
        assert "Error" in report.error
        (record,) = [each for each in caplog.records if each.levelno >= logging.ERROR]
        assert record.getMessage().count("Traceback") == 1
        # once it is mended, the same study goes on under its name
        assert study.run(good).why is StopReason.BUDGET
        assert [trial.state for trial in study.trials] == ["complete"] * 25
        assert study.replay().difference is None


def test_a_small_budget_is_not_counted_either(url):
    with opened(url, Budget(trials=2)) as study:
        assert study.run(broken).why is StopReason.BROKEN
        assert study.spent.failures == 0


def test_a_limit_of_failures_is_not_reached_by_a_programming_error(url):
    with opened(url, Budget(trials=9, failures=2)) as study:
        assert study.run(broken).why is StopReason.BROKEN
        assert study.run(good).why is StopReason.BUDGET


def test_failures_of_points_are_counted_as_before(url):
    with opened(url) as study:
        assert study.run(failing).why is StopReason.BUDGET
        assert [trial.state for trial in study.trials] == ["failed"] * 8


def test_a_mistake_on_some_points_only_is_a_failure_of_these(url):
    def sometimes(params):
        return broken(params) if params["x"] < 0.5 else params["x"]

    with opened(url, Budget(trials=12)) as study:
        study.run(good, n_trials=1)
        assert study.run(sometimes).why is StopReason.BUDGET or study.spent.failures == 0


def test_a_mistake_made_between_two_runs_costs_the_second_nothing(url):
    with opened(url) as study:
        study.run(good, n_trials=2)
        assert study.run(missing).why is StopReason.BROKEN
        assert study.spent.failures == 0
        study.run(good)
        assert [trial.state for trial in study.trials] == ["complete"] * 8
