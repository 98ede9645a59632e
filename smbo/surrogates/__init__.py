"""Gaussian processes, forests and whatever else turns evidence into a posterior."""

from smbo.surrogates.base import (
    DifferentiablePosterior,
    ExtendablePosterior,
    Memory,
    Posterior,
    Surrogate,
    Trainable,
    WarpedPosterior,
)
from smbo.surrogates.forest import Forest
from smbo.surrogates.gp import GP
from smbo.surrogates.kernels import Kernel, Matern32, Matern52, SquaredExponential
from smbo.surrogates.marginal import Priors

__all__ = [
    "GP",
    "DifferentiablePosterior",
    "ExtendablePosterior",
    "Forest",
    "Kernel",
    "Matern32",
    "Matern52",
    "Memory",
    "Posterior",
    "Priors",
    "SquaredExponential",
    "Surrogate",
    "Trainable",
    "WarpedPosterior",
]
