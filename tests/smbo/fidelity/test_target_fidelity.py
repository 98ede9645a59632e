"""Results at several fidelities as values at one."""

import numpy as np
import pytest

from smbo.fidelity import at_target_fidelity
from smbo.fidelity.target_fidelity import MIN_RESULTS


def climbed(n_low, n_high, gain=lambda value: value - 1.0):
    """Return trials with values 0, 1, 2, … at fidelity 1, the first few with one at fidelity 3 too."""
    low = [{1: float(n)} for n in range(n_low)]
    return [{**each, 3: gain(each[1])} if n < n_high else each for n, each in enumerate(low)]


def test_the_model_is_of_the_lowest_fidelity_until_a_higher_one_has_enough():
    few = climbed(20, MIN_RESULTS - 1)
    np.testing.assert_array_equal(at_target_fidelity(few), [each[1] for each in few])
    enough = climbed(20, MIN_RESULTS)
    np.testing.assert_array_equal(
        at_target_fidelity(enough)[:MIN_RESULTS], [each[3] for each in enough[:MIN_RESULTS]]
    )


@pytest.mark.parametrize("slope", [1.0, 0.5])
def test_a_trial_that_stayed_behind_is_expected_on_the_line_of_those_that_went_on(slope):
    def gain(value):
        return slope * value - 2.0

    found = at_target_fidelity(climbed(20, MIN_RESULTS, gain))
    np.testing.assert_allclose(found, [gain(float(n)) for n in range(20)])


def test_an_order_that_seems_to_turn_round_is_not_turned_for_those_that_stayed():
    found = at_target_fidelity(climbed(20, MIN_RESULTS, lambda value: -value))
    assert (np.diff(found[MIN_RESULTS:]) > 0).all()


def test_two_rungs_are_climbed_one_after_the_other():
    trials = [{1: float(n), 3: n - 1.0, 9: n - 3.0} for n in range(MIN_RESULTS)]
    trials += [{1: 50.0}, {1: 60.0, 3: 59.0}]
    np.testing.assert_allclose(at_target_fidelity(trials)[-2:], [47.0, 57.0])


def test_what_began_above_the_fidelity_of_the_model_counts_as_it_is():
    assert at_target_fidelity([*climbed(4, 0), {9: 0.25}])[-1] == 0.25
