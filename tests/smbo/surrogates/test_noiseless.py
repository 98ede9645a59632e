"""Values whose errors nobody gave are exact; given errors are kept."""

import numpy as np

from smbo.surrogates import GP, Forest, Noiseless, Subset
from smbo.training_data import Axis, TrainingData


def rough(n=40, variances=None):
    points = np.random.default_rng(0).random((n, 1))
    values = points[:, 0] + np.sin(400.0 * points[:, 0])
    return TrainingData.of_values((Axis("x", "continuous"),), points, values, variances)


def test_a_process_without_noise_passes_through_its_values():
    data = rough()
    assert np.abs(GP().fit(data).moments(data.points)[0] - data.values).max() > 0.3
    assert np.abs(Noiseless(GP()).fit(data).moments(data.points)[0] - data.values).max() < 1e-3


def test_given_errors_are_kept():
    data = rough(variances=np.full(40, 0.25))
    np.testing.assert_array_equal(Noiseless(GP()).fit(data).factor, GP().fit(data).factor)


def test_the_wrapper_says_what_its_part_says():
    wrapper = Noiseless(Subset(GP(), most=30, n_rows=20, n_learned=10))
    assert (wrapper.serves, wrapper.takes_replicates) == (GP().serves, True)
    assert len(wrapper.relevant(rough())) == 20
    assert Noiseless(Forest()).relevant(rough()) is not None


def test_trained_again_from_its_memory_it_is_the_same():
    data = rough()
    trained, memory = Noiseless(GP()).train(data, {})
    again, kept = Noiseless(GP()).train(data, memory)
    assert kept == memory
    point = np.array([[0.4]])
    np.testing.assert_array_equal(again.fit(data).moments(point), trained.fit(data).moments(point))
