"""The torch back end: kernels, jitter and errors; moments are in numerics/test_torch_gp_against_numpy.py."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from smbo.errors import NumericalError, RecipeError
from smbo.surrogates import GP, TorchGP
from smbo.surrogates.gp import torch_gp as module
from smbo.surrogates.gp.marginal_likelihood import Hyperparameters
from smbo.training_data import Axis, TrainingData


def test_without_torch_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)  # an import of it fails
    data = TrainingData.of_values((Axis("x", "continuous"),), np.array([[0.2], [0.7]]), np.array([0.0, 1.0]))
    surrogate = TorchGP(GP(hyperparameters=Hyperparameters((0.0,), 0.0, -3.0)))
    with pytest.raises(RecipeError, match=r"install smbo\[torch\]"):
        surrogate.fit(data)


@pytest.mark.parametrize("kind", list(module._PROFILES), ids=lambda kind: kind.__name__)
def test_profiles_and_slopes_are_those_of_the_kernels_on_numpy(kind):
    torch = pytest.importorskip("torch")
    squared = np.linspace(0.0, 9.0, 50)
    found = module._PROFILES[kind](torch.as_tensor(squared))
    for tensor, expected in zip(found, kind().profile_and_slope(squared), strict=True):
        np.testing.assert_allclose(tensor.numpy(), expected, rtol=1e-13)


def test_a_singular_covariance_gets_little_jitter_and_one_past_help_is_an_error():
    torch = pytest.importorskip("torch")
    ones = torch.ones(5, 5, dtype=torch.float64)
    factor = module._cholesky(ones)
    np.testing.assert_allclose((factor @ factor.T).numpy(), ones.numpy(), atol=1e-9)
    assert (ones == 1.0).all(), "the matrix itself is left as it is"
    with pytest.raises(NumericalError, match="not positive definite"):
        module._cholesky(torch.diag(torch.tensor([1.0, -1.0, 1.0], dtype=torch.float64)))
