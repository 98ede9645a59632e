"""Gaussian processes, forests and whatever else turns evidence into a posterior."""

from smbo.surrogates.base import (
    DifferentiablePosterior,
    ExtendablePosterior,
    Memory,
    Posterior,
    Selective,
    Surrogate,
    Trainable,
    WarpedPosterior,
)
from smbo.surrogates.boosting import Boosting
from smbo.surrogates.curves import CurveGP
from smbo.surrogates.forest import ExtraTrees, Forest
from smbo.surrogates.gp import GP
from smbo.surrogates.kernels import Kernel, Matern32, Matern52, SquaredExponential
from smbo.surrogates.levels import LevelGP, LevelPosterior
from smbo.surrogates.marginal import Priors
from smbo.surrogates.regressor import Regressor
from smbo.surrogates.several import SeveralGP, SeveralPosterior
from smbo.surrogates.smoothness import OfKernels
from smbo.surrogates.subset import Subset
from smbo.surrogates.torch_gp import TorchGP
from smbo.surrogates.vector import VectorGP

__all__ = [
    "GP",
    "Boosting",
    "CurveGP",
    "DifferentiablePosterior",
    "ExtendablePosterior",
    "ExtraTrees",
    "Forest",
    "Kernel",
    "LevelGP",
    "LevelPosterior",
    "Matern32",
    "Matern52",
    "Memory",
    "OfKernels",
    "Posterior",
    "Priors",
    "Regressor",
    "Selective",
    "SeveralGP",
    "SeveralPosterior",
    "SquaredExponential",
    "Subset",
    "Surrogate",
    "TorchGP",
    "Trainable",
    "VectorGP",
    "WarpedPosterior",
]
