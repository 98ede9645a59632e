"""Choose the polynomial of universal kriging (none, or of degree two to four) by marginal likelihood.

If the function is a polynomial, or nearly, the log marginal likelihood increases by tens or hundreds, and a
contour needs a fraction of the evaluations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from smbo.surrogates.base import Memory
from smbo.surrogates.gp.gp import GP
from smbo.surrogates.gp.kernel_selection import KernelSelection, density_of
from smbo.surrogates.gp.kernels import SquaredExponential
from smbo.surrogates.gp.multi_fidelity import MultiFidelityGP
from smbo.surrogates.gp.polynomial_basis import Polynomials
from smbo.surrogates.gp.ridge_function import train_with_ridge
from smbo.surrogates.gp.universal_kriging import TrendFunction, UniversalKriging
from smbo.training_data import TrainingData

# A process of one quantity, for which hyperparameters are learned.
Process: TypeAlias = GP | UniversalKriging | MultiFidelityGP


@dataclass(frozen=True)
class Candidate:
    """A surrogate with its hyperparameters fixed.

    Attributes:
        surrogate: a process, with a trend or without; or one around source studies.
        score: log density of the values, minus the price of a trend.
    """

    surrogate: Any
    score: float


@dataclass(frozen=True)
class TrendSelection:
    """A Gaussian process, or universal kriging with a squared exponential kernel, whichever is likelier.

    Attributes:
        plain: the process without a polynomial, and the choice of its kernel.
        degrees: of polynomials to choose from; a degree is tried once there are more values than it has
            coefficients.
        price: log density by which a polynomial has to exceed no polynomial: with more models to choose from
            up to five are due to chance, and standard deviations are then too small.  Measured by
            tests/benchmarks/bench_levels.py.
        ridges: whether to try a ridge function with each kernel, at the same price; at one fidelity.
    """

    plain: KernelSelection = field(default_factory=KernelSelection)
    degrees: tuple[int, ...] = (2, 3, 4)
    price: float = 5.0
    ridges: bool = True

    @property
    def process(self) -> GP | MultiFidelityGP:
        """The Gaussian process that all candidate models share, except for kernel and polynomial."""
        return self.plain.process

    @property
    def transfer_base(self) -> GP | MultiFidelityGP:
        """The process without a polynomial: a source study takes the place of one."""
        return self.process

    def unbent(self) -> TrendSelection:
        """Return the same selection without a power transform of the values."""
        return replace(self, plain=self.plain.unbent())

    def train(self, data: TrainingData, memory: Memory) -> tuple[Process, dict[str, Any]]:
        """Return the chosen surrogate with its hyperparameters fixed, and the memory that restores it."""
        candidates, kept = self.candidates(data, memory)
        return candidates[0].surrogate, kept

    def candidates(self, data: TrainingData, memory: Memory) -> tuple[list[Candidate], dict[str, Any]]:
        """Return all surrogates with their hyperparameters fixed, the likeliest first, and the memory."""
        before: Mapping[str, Any] = memory.get("trends", {})
        found: dict[str, Process] = {}
        kept: dict[str, Any] = {}
        found["none"], kept["none"] = self.plain.train(data, before.get("none", {}))
        for degree in self._affordable(data):
            surrogate = _around(Polynomials(degree), replace(self.process, kernel=SquaredExponential()))
            found[str(degree)], learned = surrogate.train(data, before.get(str(degree), {}))
            kept[str(degree)] = dict(learned)
        for name, plain in self._trained_kernels(kept["none"]) if self.ridges else ():
            trained = train_with_ridge(plain, data, before.get(name, {}))
            if trained is not None:
                found[name], kept[name] = trained
        scores: Mapping[str, float] = memory.get("scores", {})
        if scores.keys() != found.keys() or kept != dict(before):  # learned again: compare
            scores = {
                name: density_of(process, data) - self.price * (name != "none")
                for name, process in found.items()
            }
        order = sorted(found, key=lambda name: -scores[name])  # a stable sort: the plainer one where equal
        candidates = [Candidate(found[name], scores[name]) for name in order]
        return candidates, {"trend": order[0], "trends": kept, "scores": dict(scores)}

    def _trained_kernels(self, memory: Memory) -> list[tuple[str, GP]]:
        """Return the process of each kernel as it was trained, by the name of that with a ridge function."""
        learned, process = memory["kernels"], self.process
        assert isinstance(process, GP), "ridge functions are of one fidelity"
        return [
            (f"ridge {name}", replace(process, kernel=kernel).restored(learned[name]))
            for kernel in self.plain.kernels
            if "hyperparameters" in learned.get(name := type(kernel).__name__, {})
        ]

    def _affordable(self, data: TrainingData) -> list[int]:
        """Return the degrees with fewer coefficients than there are values."""
        d = sum(axis.kind != "categorical" for axis in data.axes)
        return [degree for degree in self.degrees if d and Polynomials(degree).count(d) + 1 < len(data)]


def _around(trend: TrendFunction, process: GP | MultiFidelityGP) -> UniversalKriging | MultiFidelityGP:
    """Return universal kriging with the trend around a process."""
    return (
        replace(process, trend=trend)
        if isinstance(process, MultiFidelityGP)
        else UniversalKriging(trend, process)
    )
