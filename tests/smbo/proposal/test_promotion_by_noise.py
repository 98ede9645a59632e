"""How many events an evaluation of bins gets, and which run goes on in place of a new one."""

from dataclasses import replace

import numpy as np
import pytest

from smbo import Budget, Optimizer, Problem, Real, Study, TrialState
from smbo.fidelity import Fidelity
from smbo.history.encode import encode
from smbo.problem import Outcome
from smbo.problem.losses import ChiSquare
from smbo.proposal.promotion_by_noise import ModelOfOutputs

SPACE = {"x": Real(0, 1), "y": Real(0, 1)}
AXIS = np.linspace(0, 2, 15)
EVENTS = Fidelity(100, 2700, name="events", averages=True)


def bins(x, y):
    return np.exp(-AXIS * (0.5 + x)) * (1.0 + y * np.sin(AXIS))


LOSS = ChiSquare(bins(0.4, 0.6), np.full(15, 0.004), np.full(15, 1 / 15))
PROBLEM = Problem(SPACE, loss=LOSS, fidelity=EVENTS, early_stopping="model")


def run(params, number, n_events, noise=1.0):
    """Return the bins of the first n events of a run, and their variances: more events go on with these."""
    rng = np.random.default_rng(number)
    parts = rng.standard_normal((27, 15))[: n_events // 100]
    variance = noise**2 * 0.09 / n_events
    return bins(**params) + np.sqrt(variance * len(parts)) * parts.mean(axis=0), np.full(15, variance)


def search(problem, n, seed=1, noise=1.0):
    opt = Optimizer(problem, seed=seed)
    spent = 0
    for _ in range(n):
        trial = opt.ask()
        before = trial.rungs[-1].fidelity if trial.rungs else 0
        events = int(trial.fidelity or problem_events(problem))
        spent += events - int(before)
        outputs, variances = run(trial.params, trial.number, events, noise)
        opt.tell(trial, outputs=outputs, covariance=variances)
    return opt, spent


def problem_events(problem):
    return EVENTS.high if problem.fidelity is None else None


@pytest.fixture(scope="module")
def searched():
    return search(PROBLEM, 19)


def test_runs_begin_with_few_events_and_some_go_on_or_begin_with_more(searched):
    opt, _ = searched
    first = [trial.rungs[0].fidelity if trial.rungs else trial.fidelity for trial in opt.trials]
    assert first[:5] == [100] * 5
    assert max(trial.fidelity for trial in opt.trials) > 100
    assert any(len(trial.rungs) > 1 or (trial.rungs and trial.state.is_final) for trial in opt.trials)
    assert len(opt.trials) < 19  # what went on is no new trial


def test_it_gets_as_near_as_runs_in_full_for_a_fraction_of_the_events(searched):
    def distance(opt):
        point = opt.recommend().params
        return float(LOSS.of(bins(**point)))

    opt, spent = searched
    in_full, spent_in_full = search(Problem(SPACE, loss=LOSS), 12)
    assert spent < 0.6 * spent_in_full
    assert distance(opt) < max(2.0 * distance(in_full), 0.2)  # at random it is about 100


def test_a_noisier_simulator_gets_more_events_and_one_without_noise_the_fewest(searched):
    opt, _ = searched
    doubt = ModelOfOutputs.of(PROBLEM, encode(PROBLEM, opt.trials), {})
    points = np.random.default_rng(0).random((20, 2))
    less, as_is, more = (
        np.array(replace(doubt, noises=factor * doubt.noises).first_fidelities(points))
        for factor in (1e-6, 1.0, 100.0)
    )
    assert (less == 100).all()
    assert (less <= as_is).all()
    assert (as_is <= more).all()
    assert as_is.mean() < more.mean()


def test_the_noise_of_an_evaluation_is_told_apart_by_its_events(searched):
    opt, _ = searched
    doubt = ModelOfOutputs.of(PROBLEM, encode(PROBLEM, opt.trials), {})
    means, _ = doubt.belief.components_at(np.array([[0.4, 0.6]]))
    few, many = doubt._noise(means + 1.0, 100), doubt._noise(means + 1.0, 2700)
    assert 26.9 < float(few[0] / many[0]) < 27.1**2  # the square where noise itself makes the loss


def test_a_point_that_cannot_be_told_from_a_paused_run_is_that_run_and_a_far_one_is_not(searched):
    opt, _ = searched
    doubt = ModelOfOutputs.of(PROBLEM, encode(PROBLEM, opt.trials), {})
    others = np.array([[0.4, 0.6], [0.9, 0.1]])
    assert doubt.indistinguishable(np.array([[0.4001, 0.6001]]), others) == 0
    assert doubt.indistinguishable(np.array([[0.05, 0.95]]), others) is None
    assert doubt.indistinguishable(np.array([[0.4, 0.6]]), others[:0]) is None


def test_a_log_replays_to_the_same_runs(searched):
    opt, _ = searched
    again = Optimizer.replay(PROBLEM, opt.log, seed=1)
    assert [(t.params, t.fidelity, t.state) for t in again.trials] == [
        (t.params, t.fidelity, t.state) for t in opt.trials
    ]


def test_a_study_runs_so_and_ends_with_one_in_full(tmp_path):
    def objective(params, context):
        return Outcome.of_outputs(*run(params, context.seed, int(context.fidelity)))

    with Study.open(
        f"sqlite:///{tmp_path}/runs.db", "bins", PROBLEM, seed=1, budget=Budget(trials=9)
    ) as study:
        study.run(objective)
        assert len(study.trials) == 9
        assert any(trial.state is TrialState.COMPLETE for trial in study.trials)
        assert study.best.fidelity == EVENTS.high
