"""smbo as a sampler of Optuna: Optuna's own conformance cases, and what its users do."""

from __future__ import annotations

import pytest

optuna = pytest.importorskip("optuna")
pytest_samplers = pytest.importorskip("optuna.testing.pytest_samplers")

from smbo import Optimizer, Problem, Real  # noqa: E402
from smbo.integrations.optuna import SmboSampler  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


@pytest.fixture(autouse=True)
def quiet():
    optuna.logging.set_verbosity(optuna.logging.WARNING)


class SmboSamplerCase:
    @pytest.fixture
    def sampler(self):
        return lambda: SmboSampler(seed=0)


class TestBasic(SmboSamplerCase, pytest_samplers.BasicSamplerTestCase):
    pass


class TestRelative(SmboSamplerCase, pytest_samplers.RelativeSamplerTestCase):
    pass


class TestSeveralObjectives(SmboSamplerCase, pytest_samplers.MultiObjectiveSamplerTestCase):
    pass


def bowl(trial):
    x, y = trial.suggest_float("x", -5, 10), trial.suggest_float("y", 0, 15)
    return (x - 3.0) ** 2 + (y - 2.0) ** 2


def test_the_minimum_of_a_bowl_is_found_in_twenty_trials():
    study = optuna.create_study(sampler=SmboSampler(seed=1))
    study.optimize(bowl, n_trials=20)
    assert study.best_value < 0.05


def test_higher_is_better_where_the_study_says_so():
    study = optuna.create_study(direction="maximize", sampler=SmboSampler(seed=1))
    study.optimize(lambda trial: -bowl(trial), n_trials=20)
    assert study.best_value > -0.05


def test_the_same_seed_gives_the_same_trials():
    def run():
        study = optuna.create_study(sampler=SmboSampler(seed=3))
        study.optimize(bowl, n_trials=12)
        return [trial.params for trial in study.trials]

    assert run() == run()


def test_failed_trials_do_not_stop_the_search_and_are_kept_away_from():
    def cliff(trial):
        value = bowl(trial)
        if trial.params["x"] > 5:
            raise ValueError("no solution")
        return value

    study = optuna.create_study(sampler=SmboSampler(seed=1))
    study.optimize(cliff, n_trials=25, catch=(ValueError,))
    late = study.trials[12:]
    assert sum(trial.state is optuna.trial.TrialState.FAIL for trial in late) <= 4
    assert study.best_value < 0.5


def test_running_trials_of_others_are_pending():
    study = optuna.create_study(sampler=SmboSampler(seed=1))
    study.optimize(bowl, n_trials=12)
    asked = []
    for _ in range(3):
        trial = study.ask()
        bowl(trial)
        asked.append(trial.params)
    assert len({(each["x"], each["y"]) for each in asked}) == 3


def test_two_objectives_give_a_front():
    study = optuna.create_study(directions=["minimize", "maximize"], sampler=SmboSampler(seed=1))

    def both(trial):
        x = trial.suggest_float("x", 0, 1)
        return x**2, -((x - 1.0) ** 2)

    study.optimize(both, n_trials=15)
    assert len(study.best_trials) >= 8


def test_a_finite_space_that_is_used_up_goes_on():
    study = optuna.create_study(sampler=SmboSampler(seed=1))
    study.optimize(lambda trial: trial.suggest_categorical("kind", ["a", "b"]) == "a", n_trials=6)
    assert len(study.trials) == 6


def test_the_search_comes_as_near_as_the_optimizer_itself():
    study = optuna.create_study(sampler=SmboSampler(seed=5))
    study.optimize(bowl, n_trials=25)
    optimizer = Optimizer(Problem({"x": Real(-5.0, 10.0), "y": Real(0.0, 15.0)}), seed=5)
    for _ in range(25):
        trial = optimizer.ask()
        optimizer.tell(trial, (trial.params["x"] - 3.0) ** 2 + (trial.params["y"] - 2.0) ** 2)
    assert study.best_value < 10 * optimizer.best.value + 0.01
