"""Who goes on to a higher fidelity: ASHA and Hyperband as functions of what their rungs hold."""

import math
import random
from collections import Counter

import pytest

from smbo.errors import ProblemError
from smbo.fidelity import Asha, ByModel, Fidelity, Hyperband, RungResults, last_promotion, promotion

EPOCHS = Fidelity(1, 27, name="epochs")


def paused(number, **values):
    by_level = {float(name.removeprefix("at")): value for name, value in values.items()}
    return RungResults(number, by_level, is_paused=True)


def test_two_of_three_do_not_make_a_third_that_may_go_on():
    two = [paused(0, at1=0.3), paused(1, at1=0.2)]
    assert promotion(Asha(3), EPOCHS, two) is None
    decision = promotion(Asha(3), EPOCHS, [*two, paused(2, at1=0.4)])
    assert decision is not None
    assert (decision.number, decision.fidelity, decision.next_fidelity) == (1, 1, 3)
    assert (decision.rank, decision.n_rung) == (1, 3)


def test_nobody_waits_for_a_rung_to_fill():
    # more trials may be running at the lowest rung: those that are back are judged without them
    rung = [paused(n, at1=float(n)) for n in range(6)]
    assert promotion(Asha(3), EPOCHS, rung).number == 0


def test_who_has_gone_on_keeps_its_place_in_the_rung():
    rung = [paused(n, at1=float(n)) for n in range(1, 6)]
    gone = RungResults(0, {1.0: 0.0}, is_paused=False)
    assert promotion(Asha(3), EPOCHS, [gone, *rung]).number == 1  # two of six may go on
    assert promotion(Asha(3), EPOCHS, [gone, *rung[:-1]]) is None  # and one of five has


def test_the_highest_rung_decides_first():
    low = [paused(n, at1=float(n)) for n in range(10, 20)]
    high = [paused(n, at1=float(n), at3=float(n)) for n in range(3)]
    decision = promotion(Asha(3), EPOCHS, [*low, *high])
    assert (decision.number, decision.fidelity) == (0, 3)


def test_a_failed_trial_counts_in_its_rung_and_never_goes_on():
    rung = [RungResults(n, {1.0: math.inf}, is_paused=False) for n in range(5)]
    assert promotion(Asha(3), EPOCHS, [*rung, paused(5, at1=7.0)]).number == 5
    assert promotion(Asha(3), EPOCHS, [paused(n, at1=math.inf) for n in range(6)]) is None


def test_equal_values_go_by_number_so_that_a_replay_decides_the_same():
    rung = [paused(n, at1=1.0) for n in range(3)]
    random.Random(1).shuffle(rung)
    assert promotion(Asha(3), EPOCHS, rung).number == 0


def test_a_search_that_ends_takes_its_best_trial_to_the_highest_fidelity():
    two = [paused(0, at1=0.3), paused(1, at1=0.2)]
    decision = last_promotion(Asha(3), EPOCHS, two)
    assert (decision.number, decision.next_fidelity) == (1, 3)
    assert last_promotion(Asha(3), EPOCHS, [paused(0, at1=0.3), paused(1, at1=0.2, at3=0.4)]).number == 1
    done = RungResults(2, {1.0: 0.1, 27.0: 0.1}, is_paused=False)
    assert last_promotion(Asha(3), EPOCHS, [*two[:1], done]) is None


def test_brackets_of_hyperband_start_in_the_proportions_of_the_synchronous_algorithm():
    # rungs 1, 3, 9, 27 and eta 3: brackets of 27, 12, 6 and 4 trials (Li et al. 2018, table 1)
    starts = Counter(Hyperband(3).rungs(EPOCHS, number)[0] for number in range(49))
    assert starts == {1: 27, 3: 12, 9: 6, 27: 4}
    early = [Hyperband(3).rungs(EPOCHS, number)[0] for number in range(12)]
    assert set(early) == {1, 3, 9, 27}  # none waits for another to be full


def test_brackets_of_hyperband_do_not_compete():
    numbers = [n for n in range(49) if Hyperband(3).rungs(EPOCHS, n)[0] == 3][:3]
    own = [paused(n, at3=float(n)) for n in numbers]
    others = [n for n in range(49) if Hyperband(3).rungs(EPOCHS, n)[0] == 1][:2]
    better = [paused(n, at1=-2.0, at3=-1.0) for n in others]
    decision = promotion(Hyperband(3), EPOCHS, [*own, *better])
    assert (decision.number, decision.n_rung) == (numbers[0], 3)


@pytest.mark.parametrize("eta", [2, 3, 4])
@pytest.mark.parametrize("stopping", [Asha, Hyperband])
def test_whoever_goes_on_is_among_the_best_of_its_rung_and_a_few_reach_the_top(eta, stopping):
    """Whatever arrives: the invariant of asynchronous successive halving."""
    rng = random.Random(eta)
    rule, standings, n_trials = stopping(eta), {}, 0
    for _ in range(400):
        decision = promotion(rule, EPOCHS, standings.values())
        if decision is not None:
            number, level = decision.number, decision.next_fidelity
            assert decision.rank <= decision.n_rung / eta
            assert standings[number].is_paused
        else:
            number, level = n_trials, rule.rungs(EPOCHS, n_trials)[0]
            n_trials += 1
        before = standings[number].values if number in standings else {}
        is_top = level == EPOCHS.high
        standings[number] = RungResults(number, {**before, level: rng.random()}, is_paused=not is_top)
    low, *_, high = EPOCHS.rungs(eta)
    sizes = [sum(level in each.values for each in standings.values()) for level in (low, high)]
    assert 0 < sizes[1] < n_trials / eta
    # a trial that has gone on is no more among the best now and then, and another goes on in its place
    assert sizes[1] < 3 * sizes[0] / eta ** (len(EPOCHS.rungs(eta)) - 1) or stopping is Hyperband


@pytest.mark.parametrize("eta", [1, 0.5, math.nan, True, "3"])
def test_a_ratio_that_does_not_halve_is_refused(eta):
    with pytest.raises(ProblemError, match="eta"):
        Asha(eta)


def test_a_model_without_a_ratio_promotes_curves_in_short_steps_and_averages_in_long_ones():
    assert ByModel().rungs(Fidelity(3, 81), 0) == (3, 5, 9, 16, 27, 47, 81)
    assert ByModel().rungs(Fidelity(3, 81, averages=True), 0) == (3, 9, 27, 81)
    assert ByModel().rungs(Fidelity(3, 81, resumes=False), 0) == (3, 9, 27, 81)
    assert ByModel(eta=9).rungs(Fidelity(1, 81), 0) == (1, 9, 81)
