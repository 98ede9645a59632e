"""Choose the kernel (Matérn 5/2 or squared exponential) by marginal likelihood.

A squared exponential kernel needs far fewer values than a Matérn kernel if the function is analytic, and is
overconfident if the function has a kink; the marginal likelihood distinguishes the two cases clearly.

Source: Rasmussen & Williams (2006), "Gaussian Processes for Machine Learning", 5.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from smbo.surrogates.base import Memory, Posterior, takes_replicates
from smbo.surrogates.gp.gp import GP, GPPosterior
from smbo.surrogates.gp.kernels import Kernel, Matern52, SquaredExponential
from smbo.surrogates.gp.multi_fidelity import MultiFidelityGP
from smbo.surrogates.gp.universal_kriging import UniversalKriging, UniversalKrigingPosterior
from smbo.training_data import Array, Target, TrainingData, served_by


@dataclass(frozen=True)
class KernelSelection:
    """A Gaussian process with the kernel of the highest marginal likelihood.

    Attributes:
        process: the Gaussian process, of one fidelity or several, whose own kernel is not used.
        kernels: to choose from, in order of preference.
        price: log density by which another kernel has to exceed the first one to be chosen.  With few values
            and many axes the smoothest kernel is overconfident.

    Example:
        >>> import numpy as np
        >>> from smbo.surrogates import KernelSelection
        >>> from smbo.training_data import Axis, TrainingData
        >>> points = np.linspace(0.0, 1.0, 12)[:, None]
        >>> data = TrainingData.of_values((Axis("x", "continuous"),), points, np.sin(6.0 * points[:, 0]))
        >>> KernelSelection().fit(data).kernel
        SquaredExponential()
    """

    process: GP | MultiFidelityGP = field(default_factory=GP)
    kernels: tuple[Kernel, ...] = (Matern52(), SquaredExponential())
    price: float = 0.0

    @property
    def serves(self) -> frozenset[Target]:
        """What the process serves."""
        return served_by(self.process)

    @property
    def takes_replicates(self) -> bool:
        """Whether the process does."""
        return takes_replicates(self.process)

    @property
    def transfer_base(self) -> GP | MultiFidelityGP:
        """The process with its own kernel: the weights of source studies are learned with a single kernel."""
        return self.process

    def unbent(self) -> KernelSelection:
        """Return the same selection without a power transform of the values."""
        return replace(self, process=self.process.unbent())

    def fit(self, data: TrainingData) -> Posterior:
        """Return the posterior; kernel and hyperparameters are learned first.

        Raises:
            NumericalError: no jitter makes a covariance positive definite.
        """
        return self.train(data, {})[0].fit(data)

    def train(self, data: TrainingData, memory: Memory) -> tuple[GP | MultiFidelityGP, dict[str, Any]]:
        """Return the process with its kernel and hyperparameters fixed, and the memory that restores it."""
        before: Mapping[str, Any] = memory.get("kernels", {})
        found: dict[str, GP | MultiFidelityGP] = {}
        kept: dict[str, Any] = {}
        for kernel in self.kernels:
            name = type(kernel).__name__
            found[name], learned = replace(self.process, kernel=kernel).train(data, before.get(name, {}))
            kept[name] = dict(learned)
        chosen = memory.get("kernel")
        if len(found) == 1 or chosen not in found or kept != dict(before):  # learned again: compare
            densities = {
                name: density_of(gp, data) - self.price * (place > 0) if len(found) > 1 else 0.0
                for place, (name, gp) in enumerate(found.items())
            }
            chosen = max(densities, key=lambda name: densities[name])
        return found[chosen], {"kernel": chosen, "kernels": kept}


def learned_noise(memory: Memory) -> float | None:
    """Return the learned variance of an evaluation, as a share of the values' variance; None if not learned.

    Args:
        memory: the memory of a ``GP`` or ``KernelSelection``.
    """
    learned = memory.get("kernels", {}).get(memory.get("kernel"), memory).get("hyperparameters")
    return None if learned is None else float(np.exp(learned["log_noise"]))


def density_of(process: GP | UniversalKriging | MultiFidelityGP, data: TrainingData) -> float:
    """Return the log marginal likelihood of training data by a process with fixed hyperparameters."""
    if isinstance(process, MultiFidelityGP) and data.fidelities is not None:
        return log_density(process.fit_curves(data).process, process.kept(data.fidelities).values)
    posterior = process.fit(data)
    # with a trend, ``process`` has the factor of the sum
    found = posterior.process if isinstance(posterior, UniversalKrigingPosterior) else posterior
    return log_density(found, data.values)


def log_density(posterior: GPPosterior, values: Array) -> float:
    """Return the log marginal likelihood of the values (n,) of a posterior, up to a constant.

    It includes the Jacobian of the outcome transform, so that different transforms can be compared.
    """
    residual = posterior.values - posterior.mean
    latent = 0.5 * residual @ posterior.alpha + np.log(np.diagonal(posterior.factor)).sum()
    return float(np.log(posterior.scale.slopes(values)).sum() - latent - 0.5 * posterior.mean**2)
