"""Trials that climb a ladder of fidelities by ask and tell, in memory."""

import copy
from collections import Counter

import pytest

from smbo import Optimizer, Outcome, Problem, Real, TrialState
from smbo.errors import AlreadyTold
from smbo.fidelity import Fidelity, Hyperband, MedianStopping
from smbo.history.encode import encode
from smbo.history.promotion import as_at_one_fidelity
from smbo.problem import ChiSquare

SPACE = {"x": Real(0, 1), "y": Real(0, 1)}
EPOCHS = Fidelity(1, 9, name="epochs")


def loss(trial):
    point = trial.params
    return (point["x"] - 0.3) ** 2 + (point["y"] - 0.6) ** 2 + 0.1 / trial.fidelity


def optimizer(recipe="random", **more):
    return Optimizer(Problem(SPACE, fidelity=EPOCHS, **more), recipe, seed=1)


def climb(opt, n_asks, sign=1.0):
    for _ in range(n_asks):
        trial = opt.ask()
        opt.tell(trial, sign * loss(trial))


def test_a_new_trial_starts_at_the_lowest_fidelity_and_pauses_there():
    opt = optimizer()
    trial = opt.ask()
    assert trial.fidelity == 1
    told = opt.tell(trial, 0.5, sem=0.1, cost=2.0)
    assert told.state is TrialState.PAUSED
    (rung,) = told.rungs
    assert (rung.fidelity, rung.value, rung.sem, rung.cost) == (1, 0.5, 0.1, 2.0)


def test_the_best_of_three_is_asked_for_again_at_the_next_fidelity():
    opt = optimizer()
    values = [0.3, 0.2, 0.4]
    first = [opt.ask() for _ in values]
    for trial, value in zip(first, values, strict=True):
        opt.tell(trial, value)
    again = opt.ask()
    assert (again.number, again.fidelity, again.state) == (1, 3, TrialState.RUNNING)
    assert (again.params, again.seed) == (first[1].params, first[1].seed)
    assert len(opt.trials) == 3  # a promotion is no new trial


def test_higher_is_promoted_where_higher_is_better():
    opt = optimizer(maximize=True)
    for value in (0.3, 0.2, 0.4):
        opt.tell(opt.ask(), value)
    assert opt.ask().number == 2


def test_a_trial_is_complete_at_the_highest_fidelity_only():
    opt = optimizer()
    climb(opt, 40)
    states = Counter((trial.state, trial.fidelity) for trial in opt.trials)
    assert {fidelity for state, fidelity in states if state is TrialState.COMPLETE} == {9}
    assert {fidelity for state, fidelity in states if state is TrialState.PAUSED} <= {1, 3}
    assert opt.best.value == loss(opt.best)
    assert [rung.fidelity for rung in opt.best.rungs] == [1, 3]
    assert opt.recommend().number in {t.number for t in opt.trials if t.state is TrialState.COMPLETE}


def test_a_batch_takes_promotions_first_and_new_points_after():
    opt = optimizer()
    for value in (0.3, 0.2, 0.4, 0.1, 0.5, 0.6):
        opt.tell(opt.ask() if not opt.trials or len(opt.trials) < 3 else opt._propose(1, {}, None)[0], value)
    batch = opt.ask(4)
    assert [(trial.number, trial.fidelity) for trial in batch[:2]] == [(3, 3), (1, 3)]
    assert [trial.fidelity for trial in batch[2:]] == [1, 1]


def test_the_result_of_a_rung_is_told_once():
    opt = optimizer()
    trials = [opt.ask() for _ in range(3)]
    for number, trial in enumerate(trials):
        opt.tell(trial, float(number))
    with pytest.raises(AlreadyTold, match=r"value 0\.0 at fidelity 1"):
        opt.tell(trials[0], 0.0)
    opt.ask()
    with pytest.raises(AlreadyTold, match="at fidelity 1"):
        opt.tell(trials[0], 0.0)  # the trial of the lower rung, though it runs again
    assert opt.tell(0, 5.0).rungs[-1].fidelity == 3


def test_a_point_of_ones_own_counts_as_evaluated_in_full():
    opt = optimizer()
    assert opt.tell({"x": 0.1, "y": 0.2}, 0.4).state is TrialState.COMPLETE
    assert opt.best.value == 0.4


def test_a_promoted_trial_that_fails_has_no_value_and_keeps_its_rungs():
    opt = optimizer()
    for value in (0.3, 0.2, 0.4):
        opt.tell(opt.ask(), value)
    told = opt.tell(opt.ask(), status="failed", reason="diverged")
    assert (told.state, told.value, len(told.rungs)) == (TrialState.FAILED, None, 1)


def test_an_infeasible_trial_does_not_go_on():
    opt = optimizer(constraints=["m <= 1"])
    for value, m in ((0.1, 2.0), (0.2, 0.5), (0.3, 0.5)):
        opt.tell(opt.ask(), {"value": value, "m": m})
    assert opt.ask().number == 1  # the best of those that are feasible
    nowhere = optimizer(constraints=["m <= 1"])
    for _ in range(3):
        nowhere.tell(nowhere.ask(), {"value": 0.1, "m": 2.0})
    assert nowhere.promote() is None
    assert nowhere.ask().fidelity == 1


def test_a_search_that_ends_can_take_its_best_trial_to_the_top():
    opt = optimizer()
    climb(opt, 2)
    levels = []
    while (trial := opt.promote()) is not None:
        levels.append(trial.fidelity)
        assert opt.promote() is None  # while something is under way nothing is closed
        opt.tell(trial, loss(trial))
    assert levels == [3, 9]
    assert opt.best is not None


def test_a_log_with_promotions_replays_to_the_same_trials():
    opt = optimizer("auto", early_stopping=Hyperband())
    climb(opt, 25)
    while (trial := opt.promote()) is not None:
        opt.tell(trial, loss(trial))
    problem = Problem(SPACE, fidelity=EPOCHS, early_stopping=Hyperband())
    twin = Optimizer.replay(problem, opt.log, seed=1)
    assert [t.rungs for t in twin.trials] == [t.rungs for t in opt.trials]
    assert twin.ask().params == copy.copy(opt).ask().params


def test_a_model_is_told_each_trial_once():
    opt = optimizer()
    climb(opt, 40)
    told = as_at_one_fidelity(opt.problem, opt.trials)
    assert all(trial.state is TrialState.COMPLETE for trial in told)
    assert [trial.number for trial in told] == [trial.number for trial in opt.trials]


def test_a_trial_on_its_way_up_is_known_already_and_not_pending():
    opt = optimizer()
    for value in (0.3, 0.2, 0.4):
        opt.tell(opt.ask(), value)
    opt.ask()
    fresh = opt._propose(1, {}, None)[0]
    told = as_at_one_fidelity(opt.problem, opt.trials)
    assert [t.number for t in told if t.state is TrialState.RUNNING] == [fresh.number]


def test_with_median_stopping_every_trial_is_asked_for_in_full():
    opt = optimizer(early_stopping=MedianStopping())
    trial = opt.ask()
    assert trial.fidelity == 9
    assert opt.tell(trial, 0.4).state is TrialState.COMPLETE


def test_a_pruned_trial_keeps_the_value_it_ended_with():
    opt = optimizer(early_stopping="median")
    told = opt.tell(opt.ask(), 0.7, status="pruned")
    assert (told.state, told.value) == (TrialState.PRUNED, 0.7)
    assert opt.best is None


def test_by_hand_a_report_says_whether_a_trial_may_end_early():
    problem = Problem(SPACE, early_stopping=MedianStopping(n_others=2))
    opt = Optimizer(problem, "random", seed=1)
    for value in (0.1, 0.2):
        trial = opt.ask()
        assert not opt.report(trial, 1, value)
        assert not opt.report(trial, 2, value)
        opt.tell(trial, value)
    bad, good = opt.ask(2)
    assert opt.report(bad, 1, 0.5)
    assert not opt.report(good, 1, 0.12)
    n_events = len(opt.log)
    assert copy.copy(opt).report(bad, 2, 0.4)
    assert not copy.copy(opt).report(good, 2, 9.0)  # its best was 0.12, which the copy knows
    assert not copy.copy(opt).report(bad, 2, 0.01)
    assert not copy.copy(opt).report(bad, 3, 0.4)  # no other has come so far
    assert len(opt.log) == n_events
    assert opt.report(bad, 2, 0.4)  # whatever its copies were told
    twin = Optimizer.replay(problem, opt.log, "random", seed=1)
    assert twin.log == opt.log
    with pytest.raises(AlreadyTold):
        opt.report(0, 2, 0.3)


@pytest.mark.parametrize("has_outputs", [False, True])
def test_a_pruned_trial_is_known_to_be_in_the_worse_half(has_outputs):
    """Beside x = 1 the search does not ask again and again for trials that are pruned there."""
    loss = ChiSquare([0.3], [0.1]) if has_outputs else None
    opt = Optimizer(Problem({"x": Real(0, 1)}, loss=loss, early_stopping=MedianStopping()), "gp", seed=1)
    for x in (0.0, 0.1, 0.5, 0.6, 0.8):
        opt.tell({"x": x}, Outcome.of_outputs([x], [1e-6]) if has_outputs else (x - 0.3) ** 2)
    pruned = opt.tell({"x": 1.0}, 0.01, status="pruned")
    data = encode(opt.problem, opt.trials)
    assert opt.trials[-1] == pruned  # what it reported is kept as it is
    if has_outputs:
        assert data.failed.tolist() == [[1.0]]
    else:
        # of .09, .04, .04, .09 and .25 it has the upper quartile, not the .01 of an early step
        assert data.values[-1] == pytest.approx(0.09)
    assert opt.recommend().number != pruned.number
    assert abs(opt.ask().params["x"] - 1.0) > 0.1


def test_where_nothing_is_feasible_a_pruned_trial_tells_nothing():
    opt = Optimizer(Problem({"x": Real(0, 1)}, constraints=["c >= 0"], early_stopping="median"), seed=1)
    opt.tell({"x": 0.5}, {"value": 1.0, "c": -1.0})
    opt.tell({"x": 0.7}, 2.0, status="pruned")
    assert encode(opt.problem, opt.trials).numbers.tolist() == [0]
