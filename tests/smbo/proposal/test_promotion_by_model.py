"""Promotions and first fidelities that a model weighs: in memory, in a study, resumed, replayed."""

from dataclasses import replace

import numpy as np
import pytest

from smbo import Budget, Optimizer, Outcome, Problem, Real, Study, TrialState
from smbo.errors import ProblemError
from smbo.fidelity import ByModel, Fidelity
from smbo.history.encode import encode
from smbo.problem.losses import ChiSquare
from smbo.proposal.promotion_by_model import ModelOfFidelities
from smbo.study.replay import replay

SPACE = {"x": Real(0, 1), "y": Real(0, 1)}
PROBLEM = Problem(SPACE, fidelity=Fidelity(1, 27, name="epochs"), early_stopping="model")


def loss(trial):
    point = trial.params
    way_off = (point["x"] - 0.3) ** 2 + (point["y"] - 0.6) ** 2
    return way_off + (0.4 + 0.3 * point["x"]) / trial.fidelity


def climb(opt, n):
    for _ in range(n):
        trial = opt.ask()
        opt.tell(trial, loss(trial))
    return opt


@pytest.fixture(scope="module")
def climbed():
    return climb(Optimizer(PROBLEM, seed=1), 30)


def test_it_finds_the_optimum_at_a_fraction_of_the_cost(climbed):
    reached = [t for t in climbed.trials if t.fidelity == 27 and loss(t) - 0.49 / 27 < 0.003]
    first = min(trial.number for trial in reached)
    # nine evaluations in full: the design of a plain search, before its model chooses a point
    assert sum(trial.fidelity for trial in climbed.trials if trial.number <= first) < 9 * 27


def test_trials_begin_at_several_fidelities_and_not_all_get_to_the_highest(climbed):
    first = {(trial.rungs[0].fidelity if trial.rungs else trial.fidelity) for trial in climbed.trials}
    assert len(first) > 1
    n_full = sum(trial.state is TrialState.COMPLETE for trial in climbed.trials)
    assert 1 <= n_full < len(climbed.trials)


def test_a_log_replays_to_the_same_trials(climbed):
    again = Optimizer.replay(PROBLEM, climbed.log, seed=1)
    found = [(trial.params, trial.fidelity, trial.state) for trial in again.trials]
    assert found == [(trial.params, trial.fidelity, trial.state) for trial in climbed.trials]


def test_a_study_killed_between_asks_goes_on_as_if_it_had_not_been(tmp_path):
    url = f"sqlite:///{tmp_path}/runs.db"
    fleeting = Optimizer(PROBLEM, seed=3)
    for _ in range(16):
        with Study.open(url, "weighed", PROBLEM, seed=3) as study:  # a process of its own each time
            durable, other = study.ask(), fleeting.ask()
            assert (durable.number, durable.fidelity, durable.params) == (
                other.number,
                other.fidelity,
                other.params,
            )
            study.tell(durable, loss(durable))
            fleeting.tell(other, loss(other))
    with Study.open(url, "weighed", PROBLEM, seed=3) as study:
        assert any(trial.rungs and len(trial.rungs) > 1 for trial in study.trials)
        found = replay(study._driver.store, "weighed", study.problem, study.recipe)
        assert found.difference is None
        assert found.n_trials == len(study.trials)


def test_a_run_ends_with_a_trial_in_full_and_none_left_to_promote(tmp_path):
    with Study.open(
        f"sqlite:///{tmp_path}/runs.db", "end", PROBLEM, seed=1, budget=Budget(trials=8)
    ) as study:
        study.run(lambda params, context: (params["x"] - 0.3) ** 2 + 1.0 / context.fidelity)
        assert len(study.trials) == 8
        assert study.best.fidelity == 27
        assert study.promote() is None


def test_a_batch_has_a_fidelity_for_each_of_its_points(climbed):
    opt = climb(Optimizer(PROBLEM, seed=2), 12)
    batch = opt.ask(4)
    levels = PROBLEM.multi_fidelity.rungs
    assert len({trial.number for trial in batch}) == 4
    assert all(trial.fidelity in levels for trial in batch)


def test_dearer_is_worth_less_for_the_same_gain(climbed):
    data = encode(PROBLEM, climbed.trials)
    balance = ModelOfFidelities.of(PROBLEM, data, climbed._memory)
    points = np.random.default_rng(0).random((5, 2))
    # going on from 9 to 27 tells as much as starting at 27, for less
    assert (balance.gain_per_cost(points, 9, 27) > balance.gain_per_cost(points, 0, 27)).all()


def test_an_evaluation_that_begins_anew_is_worth_less_the_more_of_it_is_done_again(climbed):
    model = ModelOfFidelities.of(PROBLEM, encode(PROBLEM, climbed.trials), climbed._memory)
    anew = replace(model, fidelity=replace(model.fidelity, resumes=False))
    points = np.random.default_rng(0).random((5, 2))
    for below, level in ((0, 9), (5, 9), (16, 27)):
        lost = model.gain_per_cost(points, below, level) - anew.gain_per_cost(points, below, level)
        assert lost == pytest.approx(np.log(level / (level - below)))


def test_where_fidelity_averages_a_low_one_is_noisier():
    averaging = Problem(SPACE, fidelity=Fidelity(10, 1000, averages=True), early_stopping="model")
    opt = Optimizer(averaging, seed=1)
    for _ in range(6):
        trial = opt.ask()
        opt.tell(trial, loss(trial))
    growth = encode(averaging, opt.trials).fidelities.noise_growth
    assert set(growth) <= {1000 / level for level in averaging.multi_fidelity.rungs}
    assert Problem.from_json(averaging.to_json()).fidelity == averaging.fidelity


def test_outputs_that_are_biased_at_low_fidelities_are_promoted_by_a_model_of_their_loss():
    """Where the fidelity is no number of events, its noise tells nothing of it."""
    loss = ChiSquare([0.3, 0.6], [0.1, 0.1])
    problem = Problem(SPACE, loss=loss, fidelity=Fidelity(1, 9), early_stopping="model")
    opt, spent = Optimizer(problem, seed=1), 0.0
    while spent < 90:
        trial = opt.ask()
        spent += trial.fidelity - max((rung.fidelity for rung in trial.rungs), default=0)
        outputs = np.array([trial.params["x"], trial.params["y"]]) + 0.1 * (1 - trial.fidelity / 9)
        opt.tell(trial, Outcome.of_outputs(outputs, np.full(2, 1e-6)))
    assert opt.best.value < 0.05
    assert {trial.state for trial in opt.trials} == {TrialState.PAUSED, TrialState.COMPLETE}


def test_a_model_needs_a_step_between_rungs():
    with pytest.raises(ProblemError, match="eta"):
        ByModel(eta=1)
