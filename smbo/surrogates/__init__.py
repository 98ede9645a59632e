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
from smbo.surrogates.gp.gp import GP
from smbo.surrogates.gp.kernel_selection import OfKernels
from smbo.surrogates.gp.kernels import Kernel, Matern32, Matern52, SquaredExponential
from smbo.surrogates.gp.marginal_likelihood import Priors
from smbo.surrogates.gp.multi_fidelity import CurveGP
from smbo.surrogates.gp.torch_gp import TorchGP
from smbo.surrogates.multi_output.composite import VectorGP
from smbo.surrogates.multi_output.level_set import LevelGP, LevelPosterior
from smbo.surrogates.multi_output.model_list import SeveralGP, SeveralPosterior
from smbo.surrogates.sklearn.boosting import Boosting
from smbo.surrogates.sklearn.forest import ExtraTrees, Forest
from smbo.surrogates.sklearn.regressor import Regressor
from smbo.surrogates.subset import Subset

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
