"""smbo as a sampler of Optuna: Optuna's own conformance cases, and what its users do."""

from __future__ import annotations

import math
import pickle

import pytest

optuna = pytest.importorskip("optuna")
pytest_samplers = pytest.importorskip("optuna.testing.pytest_samplers")

from smbo import Optimizer, Problem, Real  # noqa: E402
from smbo.integrations.optuna import SmboSampler  # noqa: E402
from smbo.integrations.optuna_trials import results_of, space_seen  # noqa: E402
from smbo.trial import TrialState  # noqa: E402

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


def with_branches(trial):
    x = trial.suggest_float("x", 0, 1)
    if trial.suggest_categorical("model.kind", ["linear", "deep", None]) == "deep":
        layers = trial.suggest_int("n layers", 1, 3)
        widths = [trial.suggest_float(f"width{index}", 0, 1) for index in range(layers)]
        return (x - 0.3) ** 2 + sum((each - 0.7) ** 2 for each in widths) / layers
    return 0.2 + (x - 0.3) ** 2


def test_parameters_of_branches_are_proposed_with_the_choice_that_they_depend_on():
    study = optuna.create_study(sampler=SmboSampler(seed=2))
    study.optimize(with_branches, n_trials=40)
    seen = space_seen(study.trials)
    assert seen.conditions == {
        "n layers": "`model.kind` in ['deep']",
        "width0": "`model.kind` in ['deep']",
        "width1": "`n layers` in [2, 3]",
        "width2": "`n layers` in [3]",
    }
    assert study.best_value < 0.01


def test_a_parameter_without_a_rule_is_left_to_chance():
    def now_and_then(trial):
        x = trial.suggest_float("x", 0, 1)
        return x + (trial.suggest_float("y", 0, 1) if trial.number % 3 == 0 else 0.0)

    study = optuna.create_study(sampler=SmboSampler(seed=1))
    study.optimize(now_and_then, n_trials=12)
    assert list(space_seen(study.trials).distributions) == ["x"]


def beyond_the_line(trial):
    x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
    return x + y, 0.8 - x - y / 2


def test_constraints_of_a_function_and_of_trials_are_kept():
    def with_function(trial):
        value, slack = beyond_the_line(trial)
        trial.set_user_attr("slack", slack)
        return value

    sampler = SmboSampler(seed=1, constraints_func=lambda trial: [trial.user_attrs["slack"]])
    study = optuna.create_study(sampler=sampler)
    study.optimize(with_function, n_trials=20)
    assert study.best_trial.constraints["0"] <= 0.0
    assert study.best_value == pytest.approx(0.8, abs=0.02)

    def with_name(trial):
        value, slack = beyond_the_line(trial)
        trial.set_constraint("line", slack)
        return value

    named = optuna.create_study(sampler=SmboSampler(seed=1))
    named.optimize(with_name, n_trials=20)
    assert [each.params for each in named.trials] == [each.params for each in study.trials]


def test_a_trial_without_the_constraint_that_others_have_is_said():
    study = optuna.create_study(sampler=SmboSampler(seed=1))
    for number in range(2):
        trial = study.ask()
        trial.suggest_float("x", 0, 1)
        if number:
            trial.set_constraint("line", -1.0)
        study.tell(trial, 0.5)  # the second one's proposal knows of no constraint yet
    with pytest.warns(UserWarning, match=r"trial 0 has no constraint 'line'"):
        study.ask().suggest_float("x", 0, 1)


def test_a_standard_error_of_the_value_is_known_noise():
    study = optuna.create_study(sampler=SmboSampler(seed=1))
    for x, value, sem in [(0.1, 1.0, 0.2), (0.5, 0.5, 0.1), (0.9, 0.7, 0.3)]:
        trial = optuna.trial.create_trial(
            params={"x": x}, distributions={"x": UNIT}, value=value, user_attrs={"sem": sem}
        )
        study.add_trial(trial)
    assert [each.sem for each in results_of(study)[1]] == [0.2, 0.1, 0.3]
    study.add_trial(
        optuna.trial.create_trial(
            params={"x": 0.2}, distributions={"x": UNIT}, value=1.0, user_attrs={"sem": "much"}
        )
    )
    with pytest.warns(UserWarning, match=r"sem='much' is not used; give a number from 0 up"):
        study.ask().suggest_float("x", 0, 1)


UNIT = optuna.distributions.FloatDistribution(0, 1)


def curve(trial):
    """Return the last value of a learning curve, reported at 27 steps."""
    x = trial.suggest_float("x", 0, 1)
    value = math.inf
    for step in range(27):
        value = (x - 0.3) ** 2 + 0.5 / (step + 1)
        trial.report(value, step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return value


def test_reports_of_pruned_trials_are_results_at_fidelities():
    pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3)
    study = optuna.create_study(sampler=SmboSampler(seed=1), pruner=pruner)
    study.optimize(curve, n_trials=25)
    problem, trials = results_of(study)
    assert problem.fidelity.high == 27
    pruned = [each for each in trials if each.state is TrialState.PAUSED]
    assert len(pruned) == sum(each.state is optuna.trial.TrialState.PRUNED for each in study.trials) > 5
    for each in pruned:
        last = each.rungs[-1]
        assert last.value == pytest.approx((each.params["x"] - 0.3) ** 2 + 0.5 / last.fidelity)
    # without the results at low fidelities there is hardly a trial to go by
    late = [each.params["x"] for each in study.trials[15:]]
    assert sum(abs(x - 0.3) < 0.1 for x in late) >= 7


@pytest.mark.parametrize("kind", ["rdb", "journal"])
def test_a_stored_study_goes_on_in_another_process_with_the_same_trials(tmp_path, kind):
    def storage(name):
        if kind == "rdb":
            return optuna.storages.RDBStorage(f"sqlite:///{tmp_path / name}.db")
        backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / name))
        return optuna.storages.JournalStorage(backend)

    whole = optuna.create_study(study_name="s", storage=storage("whole"), sampler=SmboSampler(seed=4))
    whole.optimize(bowl, n_trials=12)
    first = optuna.create_study(study_name="s", storage=storage("parts"), sampler=SmboSampler(seed=4))
    first.optimize(bowl, n_trials=7)
    rest = optuna.load_study(study_name="s", storage=storage("parts"), sampler=SmboSampler(seed=4))
    rest.optimize(bowl, n_trials=5)
    assert [each.params for each in rest.trials] == [each.params for each in whole.trials]


def test_a_sampler_is_pickled_with_what_it_has_learned():
    study = optuna.create_study(sampler=SmboSampler(seed=1))
    study.optimize(bowl, n_trials=12)
    study.sampler = pickle.loads(pickle.dumps(study.sampler))
    study.optimize(bowl, n_trials=4)
    assert study.best_value < 1.0


def test_threads_share_a_sampler():
    study = optuna.create_study(sampler=SmboSampler(seed=1))
    study.optimize(bowl, n_trials=16, n_jobs=4)
    points = {tuple(each.params.values()) for each in study.trials}
    assert len(points) == 16


def test_the_search_comes_as_near_as_the_optimizer_itself():
    study = optuna.create_study(sampler=SmboSampler(seed=5))
    study.optimize(bowl, n_trials=25)
    optimizer = Optimizer(Problem({"x": Real(-5.0, 10.0), "y": Real(0.0, 15.0)}), seed=5)
    for _ in range(25):
        trial = optimizer.ask()
        optimizer.tell(trial, (trial.params["x"] - 3.0) ** 2 + (trial.params["y"] - 2.0) ** 2)
    assert study.best_value < 10 * optimizer.best.value + 0.01
