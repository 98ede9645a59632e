"""Suggestions: a pure function of a study's log, with a seed for each trial."""

from smbo.proposal.suggest import trial_seed


def test_no_two_trials_have_the_same_seed():
    assert len({trial_seed(7, number) for number in range(20_000)}) == 20_000
    assert trial_seed(7, 0) != trial_seed(8, 0)
    assert all(0 <= trial_seed(7, number) < 2**31 for number in range(100))
