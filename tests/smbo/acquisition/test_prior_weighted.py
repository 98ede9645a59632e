"""πBO: an acquisition weighted by the user's prior."""

from __future__ import annotations

import numpy as np
import pytest

from smbo import Normal, Optimizer, Real, Space
from smbo.acquisition import LogExpectedImprovement
from smbo.acquisition.prior_weighted import PriorWeighted
from smbo.history.encode import encode
from smbo.space.prior_density import PriorDensity
from smbo.surrogates import GP


def guidance(space) -> PriorDensity:
    found = PriorDensity.of(Space(space))
    assert found is not None
    return found


def test_the_acquisition_is_weighed_by_a_belief_that_fades():
    found = guidance({"x": Real(0, 1, prior=Normal(0.3, 0.1))})
    points, told = np.array([[0.1], [0.3], [0.8]]), Optimizer({"x": Real(0, 1)}, seed=1)
    for n, x in enumerate(np.linspace(0, 1, 8), start=1):
        told.tell({"x": float(x)}, float((x - 0.6) ** 2))
        if n not in (4, 8):
            continue
        data = encode(told.problem, told.trials)
        posterior, plain = GP().fit(data), LogExpectedImprovement()
        weighed = PriorWeighted(plain, found, 10.0).build(posterior, data)
        said, _ = found.log_density(points)
        assert weighed(points) == pytest.approx(plain.build(posterior, data)(points) + 10.0 / n * said)
