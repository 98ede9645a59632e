"""Scales between the user's units and the unit interval."""

import numpy as np
import pytest

from smbo.space.scaling import Interval, Levels, LogLevels, within


@pytest.mark.parametrize("scale", [Levels(7), LogLevels(1.0, 1.0, 7), LogLevels(0.5, 0.25, 40)], ids=repr)
def test_every_level_comes_back_from_its_position(scale):
    indices = np.arange(scale.count)
    units = scale.to_unit(indices)
    assert ((units > 0.0) & (units < 1.0)).all()
    np.testing.assert_array_equal(scale.from_unit(units), indices)


def test_a_logarithmic_interval_has_the_geometric_mean_in_the_middle():
    scale = Interval(1e-4, 1e-2, log=True)
    np.testing.assert_allclose(scale.from_unit(np.array([0.5])), [1e-3], rtol=1e-12)
    np.testing.assert_allclose(scale.to_unit(np.array([1e-3])), [0.5], rtol=1e-12)


def test_rounding_never_carries_a_value_out_of_its_bounds():
    scale = Interval(0.1, 0.3, log=True)
    values = scale.from_unit(np.array([0.0, 1.0, -1e-9, 1.0 + 1e-9]))
    assert (values >= 0.1).all()
    assert (values <= 0.3).all()


def test_within_is_clip():
    values = np.linspace(-1.0, 2.0, 7)
    np.testing.assert_array_equal(within(values, 0.0, 1.0), np.clip(values, 0.0, 1.0))
