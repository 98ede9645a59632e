"""Suggestions: a pure function of a study's log, with a seed for each trial."""

from smbo.history.encode import encode
from smbo.problem import Problem
from smbo.proposal.propose import propose
from smbo.proposal.recipe import Recipe
from smbo.proposal.request import ProposalRequest
from smbo.proposal.suggest import proposal_rng, suggest, trial_seed
from smbo.space import Integer, Real


def test_no_two_trials_have_the_same_seed():
    assert len({trial_seed(7, number) for number in range(20_000)}) == 20_000
    assert trial_seed(7, 0) != trial_seed(8, 0)
    assert all(0 <= trial_seed(7, number) < 2**31 for number in range(100))


def test_suggested_points_are_those_of_the_proposal_in_the_user_s_units():
    problem = Problem({"x": Real(1e-3, 1e3, log=True), "n": Integer(1, 9)})

    def request():
        return ProposalRequest(problem, Recipe(), encode(problem, []), 5, proposal_rng(3, 0))

    points, memory = suggest(request())
    proposal = propose(request())
    assert points == problem.space.from_unit(proposal.points)
    assert memory == proposal.memory


def test_each_proposal_of_a_study_has_random_numbers_of_its_own_and_always_the_same():
    drawn = {(seed, first): proposal_rng(seed, first).random() for seed in range(3) for first in range(30)}
    assert len({*drawn.values()}) == len(drawn)
    assert all(proposal_rng(*key).random() == number for key, number in drawn.items())
