"""Several objectives: signs, the reference point and weights as arrays in the objectives' order."""

import numpy as np

from smbo.problem.hypervolume import reference_by_rule
from smbo.problem.multi_objective import MultiObjective

GOALS = MultiObjective({"loss": "min", "speed": "max"}, {"speed": 2.0}, {"loss": 3})
METRICS = [{"loss": 1.0, "speed": 5.0, "speed_sem": 0.5}, {"loss": 2.0, "speed": 9.0}]


def test_what_is_maximised_has_its_sign_turned():
    np.testing.assert_array_equal(GOALS.values(METRICS), [[1.0, 5.0], [2.0, 9.0]])
    np.testing.assert_array_equal(GOALS.minimised(METRICS), [[1.0, -5.0], [2.0, -9.0]])


def test_errors_and_references_that_are_not_given_are_nan():
    np.testing.assert_array_equal(GOALS.sems(METRICS), [[np.nan, 0.5], [np.nan, np.nan]])
    np.testing.assert_array_equal(GOALS.minimised_reference, [np.nan, -2.0])


def test_the_reference_point_takes_what_is_given_and_the_rule_for_the_rest():
    values = GOALS.minimised(METRICS)
    np.testing.assert_array_equal(GOALS.corner(values), [reference_by_rule(values)[0], -2.0])


def test_a_weight_that_is_left_out_is_one():
    np.testing.assert_array_equal(GOALS.weight_vector, [3.0, 1.0])
    assert GOALS.to_json() == {"reference": {"speed": 2.0}, "weights": {"loss": 3}}
