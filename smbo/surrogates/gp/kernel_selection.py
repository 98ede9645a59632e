"""A process of the smoothness that the values speak for.

How fast a process learns a contour hangs on how smooth it takes the function to be: a squared exponential
is far ahead of a Matérn kernel where the function is analytic, and sure of what is wrong where it has a
kink.  The density of the values tells one from the other by far.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from smbo.surrogates.base import Memory
from smbo.surrogates.gp.gp import GP, GPPosterior
from smbo.surrogates.gp.kernels import Kernel, Matern52, SquaredExponential
from smbo.training_data import ONE_VALUE, Array, Target, TrainingData


@dataclass(frozen=True)
class KernelSelection:
    """A Gaussian process with that of some kernels under which the values are likeliest.

    Attributes:
        process: all but its kernel.
        kernels: to choose from.
        price: in log density, how much likelier than the first another has to be.  From few values
            of many axes the smoothest is sure of too much.
    """

    process: GP = field(default_factory=GP)
    kernels: tuple[Kernel, ...] = (Matern52(), SquaredExponential())
    price: float = 0.0
    serves: ClassVar[frozenset[Target]] = ONE_VALUE
    takes_replicates: ClassVar[bool] = True

    @property
    def transfer_base(self) -> GP:
        """The process with its own kernel: trends of source studies are weighed below one kernel."""
        return self.process

    def unbent(self) -> KernelSelection:
        """Return the same choice for values as they are."""
        return replace(self, process=self.process.unbent())

    def fit(self, data: TrainingData) -> GPPosterior:
        """Return the posterior; kernel and hyperparameters are learned first.

        Raises:
            NumericalError: no jitter makes a covariance positive definite.
        """
        return self.train(data, {})[0].fit(data)

    def train(self, data: TrainingData, memory: Memory) -> tuple[GP, dict[str, Any]]:
        """Return the process with its kernel and hyperparameters fixed, and the memory that restores it."""
        before: Mapping[str, Any] = memory.get("kernels", {})
        found: dict[str, GP] = {}
        kept: dict[str, Any] = {}
        for kernel in self.kernels:
            name = type(kernel).__name__
            found[name], learned = replace(self.process, kernel=kernel).train(data, before.get(name, {}))
            kept[name] = dict(learned)
        chosen = memory.get("kernel")
        if len(found) == 1 or chosen not in found or kept != dict(before):  # learned anew, so looked at anew
            densities = {
                name: log_density(gp.fit(data), data.values) - self.price * (place > 0)
                if len(found) > 1
                else 0.0
                for place, (name, gp) in enumerate(found.items())
            }
            chosen = max(densities, key=lambda name: densities[name])
        return found[chosen], {"kernel": chosen, "kernels": kept}


def learned_noise(memory: Memory) -> float | None:
    """Return the variance of an evaluation's error that a process has learned, None where it has not.

    For standardised values, so that it is a share of theirs.

    Args:
        memory: of a GP or of KernelSelection.
    """
    learned = memory.get("kernels", {}).get(memory.get("kernel"), memory).get("hyperparameters")
    return None if learned is None else float(np.exp(learned["log_noise"]))


def log_density(posterior: GPPosterior, values: Array) -> float:
    """Return the log marginal density of the values (n,) that a posterior was given, up to a constant.

    Of the values themselves: a scale that stretches them makes them no likelier.
    """
    residual = posterior.values - posterior.mean
    latent = 0.5 * residual @ posterior.alpha + np.log(np.diagonal(posterior.factor)).sum()
    return float(np.log(posterior.scale.slopes(values)).sum() - latent - 0.5 * posterior.mean**2)
