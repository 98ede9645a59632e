"""Surrogates: Gaussian processes, forests and other regression models that give a posterior."""

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
from smbo.surrogates.gp.kernel_selection import KernelSelection
from smbo.surrogates.gp.kernels import Kernel, Matern32, Matern52, SquaredExponential
from smbo.surrogates.gp.marginal_likelihood import Priors
from smbo.surrogates.gp.multi_fidelity import MultiFidelityGP
from smbo.surrogates.gp.torch_gp import TorchGP
from smbo.surrogates.multi_output.composite import CompositeGP
from smbo.surrogates.multi_output.level_set import LevelGP, LevelPosterior
from smbo.surrogates.multi_output.model_list import ModelListGP, ModelListPosterior
from smbo.surrogates.sklearn.boosting import Boosting
from smbo.surrogates.sklearn.forest import ExtraTrees, Forest
from smbo.surrogates.sklearn.regressor import Regressor
from smbo.surrogates.subset import Subset

__all__ = [
    "GP",
    "Boosting",
    "CompositeGP",
    "DifferentiablePosterior",
    "ExtendablePosterior",
    "ExtraTrees",
    "Forest",
    "Kernel",
    "KernelSelection",
    "LevelGP",
    "LevelPosterior",
    "Matern32",
    "Matern52",
    "Memory",
    "ModelListGP",
    "ModelListPosterior",
    "MultiFidelityGP",
    "Posterior",
    "Priors",
    "Regressor",
    "Selective",
    "SquaredExponential",
    "Subset",
    "Surrogate",
    "TorchGP",
    "Trainable",
    "WarpedPosterior",
]
