"""The conditional space of a minimum-bias tune."""

from __future__ import annotations

import numpy as np

from smbo_objectives.pythia_pp import PythiaPP


def test_the_space_is_conditional_and_grows_with_a_second_energy():
    one = PythiaPP()
    assert one.problem.space.contains(one.default_point())
    points = one.problem.space.sample(40, np.random.default_rng(0))
    for point in points:
        assert ("expPow" in point) == (point["bProfile"] == 3)
        assert ("coreRadius" in point) == (point["bProfile"] == 2)
    assert "ecmPow" not in one.problem.space.names
    two = PythiaPP(observables=["eta_7tev_pt500_n1", "eta_900gev_pt500_n1"])
    assert two.energies == [900.0, 7000.0]
    assert two.problem.space.contains(two.default_point())
    assert "ecmPow" in two.default_point()
