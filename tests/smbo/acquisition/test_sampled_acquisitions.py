"""What acquisitions that draw have in common: gradients, seeds, and settings that are refused."""

import numpy as np
import pytest
from bowl_data import CONTINUOUS, MIXED, evidence_on, process

from smbo.acquisition import (
    GPHedge,
    MaxValueEntropySearch,
    NoisyLogExpectedImprovement,
    ProbabilityOfImprovement,
    ThompsonSampling,
)
from smbo.errors import RecipeError

DRAWING = [
    ThompsonSampling(seed=3, n_frequencies=64),
    MaxValueEntropySearch(seed=3),
    NoisyLogExpectedImprovement(seed=3),
]


@pytest.mark.parametrize("acquisition", DRAWING, ids=lambda a: type(a).__name__)
@pytest.mark.parametrize("axes", [CONTINUOUS, MIXED], ids=["continuous", "mixed"])
@pytest.mark.parametrize("n_failed", [0, 3])
@pytest.mark.parametrize("bend", [0.0, 0.4], ids=["plain", "bent axes"])
def test_gradients_agree_with_finite_differences(acquisition, axes, n_failed, bend):
    data = evidence_on(axes, n_failed=n_failed, noise=0.05)
    bends = (bend,) * (2 * len(axes)) if bend else ()
    criterion = acquisition.build(process(len(axes), 0.01, bends=bends).fit(data), data)
    points = evidence_on(axes, n=7, seed=5).points
    worth, slope = criterion.with_gradient(points)
    np.testing.assert_allclose(worth, criterion(points), rtol=1e-9)
    step = 1e-5
    for column, axis in enumerate(axes):
        if axis.kind == "categorical":
            assert (slope[:, column] == 0.0).all()
            continue
        move = np.zeros(len(axes))
        move[column] = step
        numeric = (criterion(points + move) - criterion(points - move)) / (2 * step)
        # central differences err by step², and lose digits where the criterion is flat
        np.testing.assert_allclose(slope[:, column], numeric, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("acquisition", [*DRAWING, GPHedge()], ids=lambda a: type(a).__name__)
def test_the_same_seed_gives_the_same_criterion_and_another_seed_another(acquisition):
    data = evidence_on(CONTINUOUS, noise=0.1)
    posterior = process(2, noise=0.01).fit(data)
    points = evidence_on(CONTINUOUS, n=50, seed=9).points
    one, same = (acquisition.seeded(7).build(posterior, data)(points) for _ in range(2))
    np.testing.assert_array_equal(one, same)
    others = [acquisition.seeded(seed).build(posterior, data)(points) for seed in range(8, 14)]
    assert any((one != other).any() for other in others)


@pytest.mark.parametrize(
    "make",
    [
        lambda: GPHedge((ProbabilityOfImprovement(),)),
        lambda: GPHedge(rate=0.0),
        lambda: NoisyLogExpectedImprovement(n_draws=3),
        lambda: MaxValueEntropySearch(n_minima=0),
        lambda: ThompsonSampling(n_frequencies=0),
    ],
)
def test_settings_that_make_no_sense_are_refused(make):
    with pytest.raises(RecipeError):
        make()
