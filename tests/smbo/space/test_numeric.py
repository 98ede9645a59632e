"""Numeric dimensions: bounds, steps and logarithmic grids."""

import numpy as np

from smbo.space import Integer, Real, Space


def test_rounding_at_a_bound_is_forgiven_and_nothing_more():
    space = Space({"x": Real(0.1, 0.3), "y": Real(1e-10, 1.0, log=True)})
    assert space.check({"x": 0.1 + 0.2, "y": 1e-10 * (1 - 1e-14)}) == {"x": 0.3, "y": 1e-10}
    assert not space.contains({"x": 0.3 + 1e-9, "y": 0.1})
    assert not space.contains({"x": 0.2, "y": 0.999e-10})


def test_a_step_gives_the_decimals_that_were_written():
    space = Space({"x": Real(0.0, 1.0, step=0.1)})
    assert [point["x"] for point in space.from_unit(space.grid())] == [
        0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0,
    ]  # fmt: skip
    assert space.check({"x": 0.1 + 0.2}) == {"x": 0.3}


def test_a_logarithmic_integer_is_drawn_evenly_by_logarithm():
    values = [
        point["n"]
        for point in Space({"n": Integer(1, 10_000, log=True)}).sample(4000, np.random.default_rng(0))
    ]
    shares = np.histogram(np.log10(values), bins=4, range=(0, 4))[0] / 4000
    # a share of 1/4 has a standard error of 0.007 here
    np.testing.assert_allclose(shares, 0.25, atol=0.04)
