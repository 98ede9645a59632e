"""A process around that polynomial, if any, that the values speak for.

A function that is a polynomial, or nearly, gains tens or hundreds in log density from one: there is
no doubt then, and a contour of it needs a fraction of the values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from smbo.surrogates.base import Memory
from smbo.surrogates.gp.gp import GP
from smbo.surrogates.gp.kernel_selection import KernelSelection, log_density
from smbo.surrogates.gp.kernels import SquaredExponential
from smbo.surrogates.gp.polynomial_basis import Polynomials
from smbo.surrogates.gp.universal_kriging import UniversalKriging, UniversalKrigingPosterior
from smbo.training_data import TrainingData


@dataclass(frozen=True)
class TrendSelection:
    """A process of some kernel, or a squared exponential around a polynomial where values are likelier so.

    Attributes:
        plain: the process around nothing.
        degrees: of polynomials to choose from; each is tried once there are more values than it has
            coefficients.
        price: in log density, how much likelier a polynomial has to be: up to five are gained by chance
            from more shapes to choose from, and cost the deviations their honesty.
    """

    plain: KernelSelection = field(default_factory=KernelSelection)
    degrees: tuple[int, ...] = (2, 3, 4)
    price: float = 5.0

    @property
    def process(self) -> GP:
        """What all of them share: all but kernel and polynomial."""
        return self.plain.process

    def unbent(self) -> TrendSelection:
        """Return the same choice for values as they are."""
        return replace(self, plain=self.plain.unbent())

    def train(self, data: TrainingData, memory: Memory) -> tuple[GP | UniversalKriging, dict[str, Any]]:
        """Return the process with all fixed, and the memory that restores it."""
        before: Mapping[str, Any] = memory.get("trends", {})
        found: dict[str, GP | UniversalKriging] = {}
        kept: dict[str, Any] = {}
        found["none"], kept["none"] = self.plain.train(data, before.get("none", {}))
        for degree in self._affordable(data):
            surrogate = UniversalKriging(
                Polynomials(degree), replace(self.process, kernel=SquaredExponential())
            )
            found[str(degree)], learned = surrogate.train(data, before.get(str(degree), {}))
            kept[str(degree)] = dict(learned)
        chosen = memory.get("trend")
        if chosen not in found or kept != dict(before):  # learned anew, so looked at anew
            scores = {name: self._score(process, data) for name, process in found.items()}
            chosen = max(scores, key=lambda name: scores[name])
        return found[chosen], {"trend": chosen, "trends": kept}

    def _affordable(self, data: TrainingData) -> list[int]:
        """Return the degrees with fewer coefficients than there are values."""
        d = sum(axis.kind != "categorical" for axis in data.axes)
        return [degree for degree in self.degrees if d and Polynomials(degree).count(d) + 1 < len(data)]

    def _score(self, process: GP | UniversalKriging, data: TrainingData) -> float:
        posterior = process.fit(data)
        if isinstance(posterior, UniversalKrigingPosterior):  # whose process has the factor of both
            return log_density(posterior.process, data.values) - self.price
        return log_density(posterior, data.values)
