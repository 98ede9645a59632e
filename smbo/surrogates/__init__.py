"""Surrogates: Gaussian processes, forests, other regression models; a name loads its module on first use."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smbo.surrogates.base import (
        DifferentiablePosterior as DifferentiablePosterior,
        ExtendablePosterior as ExtendablePosterior,
        Memory as Memory,
        Posterior as Posterior,
        Selective as Selective,
        Surrogate as Surrogate,
        Trainable as Trainable,
        WarpedPosterior as WarpedPosterior,
    )
    from smbo.surrogates.gp.axis_selection import AxisSelection as AxisSelection
    from smbo.surrogates.gp.gp import GP as GP
    from smbo.surrogates.gp.kernel_selection import KernelSelection as KernelSelection
    from smbo.surrogates.gp.kernels import (
        Kernel as Kernel,
        Matern32 as Matern32,
        Matern52 as Matern52,
        SquaredExponential as SquaredExponential,
    )
    from smbo.surrogates.gp.marginal_likelihood import Priors as Priors
    from smbo.surrogates.gp.multi_fidelity import MultiFidelityGP as MultiFidelityGP
    from smbo.surrogates.gp.torch_gp import TorchGP as TorchGP
    from smbo.surrogates.multi_output.composite import CompositeGP as CompositeGP
    from smbo.surrogates.multi_output.level_set import LevelGP as LevelGP, LevelPosterior as LevelPosterior
    from smbo.surrogates.multi_output.model_list import (
        ModelListGP as ModelListGP,
        ModelListPosterior as ModelListPosterior,
    )
    from smbo.surrogates.noiseless import Noiseless as Noiseless
    from smbo.surrogates.sklearn.boosting import Boosting as Boosting
    from smbo.surrogates.sklearn.forest import ExtraTrees as ExtraTrees, Forest as Forest
    from smbo.surrogates.sklearn.regressor import Regressor as Regressor
    from smbo.surrogates.subset import Subset as Subset

# where each name is defined
_MODULES = {
    "smbo.surrogates.base": (
        "DifferentiablePosterior ExtendablePosterior Memory Posterior Selective Surrogate Trainable "
        "WarpedPosterior"
    ),
    "smbo.surrogates.gp.gp": "GP",
    "smbo.surrogates.gp.axis_selection": "AxisSelection",
    "smbo.surrogates.gp.kernel_selection": "KernelSelection",
    "smbo.surrogates.gp.kernels": "Kernel Matern32 Matern52 SquaredExponential",
    "smbo.surrogates.gp.marginal_likelihood": "Priors",
    "smbo.surrogates.gp.multi_fidelity": "MultiFidelityGP",
    "smbo.surrogates.gp.torch_gp": "TorchGP",
    "smbo.surrogates.multi_output.composite": "CompositeGP",
    "smbo.surrogates.multi_output.level_set": "LevelGP LevelPosterior",
    "smbo.surrogates.multi_output.model_list": "ModelListGP ModelListPosterior",
    "smbo.surrogates.noiseless": "Noiseless",
    "smbo.surrogates.sklearn.boosting": "Boosting",
    "smbo.surrogates.sklearn.forest": "ExtraTrees Forest",
    "smbo.surrogates.sklearn.regressor": "Regressor",
    "smbo.surrogates.subset": "Subset",
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names.split()}

__all__ = [*_HOMES]  # in the order of messages that list them


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
