"""Choose the axes that a Gaussian process varies along: backward elimination by length scale.

Of many axes mostly a few matter.  A process with a length scale for each spreads what few values say over
all of them, and is slow to learn where the function varies.  From all axes those with the longest length
scales are left out step by step, and of the processes on what is left the one with the highest marginal
likelihood is chosen, at a price for each axis (Bayesian information criterion).  It replaces the process of
all axes where its leave-one-out predictions are better.

Sources: Linkletter et al. (2006), "Variable Selection for Gaussian Process Models in Computer Experiments"
    (selection by length scale); Schwarz (1978), "Estimating the Dimension of a Model" (the price).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from smbo.surrogates.base import Memory, is_learning_due
from smbo.surrogates.gp.gp import GP, GPPosterior
from smbo.surrogates.gp.kernel_selection import log_density
from smbo.surrogates.gp.marginal_likelihood import BOUNDS_LENGTH, Hyperparameters
from smbo.training_data import ONE_VALUE, Array, Target, TrainingData

# Growth of the number of values after which axes are selected again.
_GROWTH = 0.05
# Log length scales of the others: the longest that are learned; along choices and grids longer ones, or a
# search among a hundred choices climbs for gains of 1e-5, 40 steps over all neighbours.
_CONTINUOUS, _LEVELS = BOUNDS_LENGTH[1], float(np.log(1e9))


@dataclass(frozen=True)
class AxisSelection:
    """A Gaussian process that is constant along the axes which it was not selected to vary along.

    Attributes:
        process: of all axes; its hyperparameters are learned.
        sizes: numbers of axes to choose from, descending.

    Example:
        >>> import numpy as np
        >>> from smbo.surrogates import AxisSelection
        >>> from smbo.training_data import Axis, TrainingData
        >>> points = np.random.default_rng(0).random((40, 30))
        >>> axes = tuple(Axis(f"x{k}", "continuous") for k in range(30))
        >>> data = TrainingData.of_values(axes, points, np.sin(6.0 * points[:, 3]) + points[:, 7])
        >>> np.flatnonzero(AxisSelection().fit(data).axis_lengths < 100.0).tolist()
        [3, 7]
    """

    process: GP = field(default_factory=GP)
    sizes: tuple[int, ...] = (12, 8, 6, 5, 4, 3, 2, 1)
    serves: ClassVar[frozenset[Target]] = ONE_VALUE
    takes_replicates: ClassVar[bool] = True

    @property
    def transfer_base(self) -> GP:
        """The process of all axes."""
        return self.process

    def fit(self, data: TrainingData) -> GPPosterior:
        """Return the posterior; axes and hyperparameters are learned first.

        Raises:
            NumericalError: no jitter makes a covariance positive definite.
        """
        return self.train(data, {})[0].fit(data)

    def train(self, data: TrainingData, memory: Memory) -> tuple[GP, Memory]:
        """Return the process with its hyperparameters fixed, and the memory that restores it."""
        whole, learned = self.process.train(data, memory)
        kept: dict[str, Any] = {name: memory[name] for name in ("selected", "n_selected") if name in memory}
        if not kept or is_learning_due(data.n_told, kept["n_selected"], 0, _GROWTH):
            kept = {"selected": self._selected(data, whole), "n_selected": data.n_told}
        process = whole if kept["selected"] is None else self.process.restored(kept["selected"])
        return process, {**learned, **kept}

    def _selected(self, data: TrainingData, whole: GP) -> dict[str, Any] | None:
        """Return the memory of the process of the selected axes; None where that of all predicts better."""
        found: list[tuple[float, NDArray[np.intp], Memory]] = []
        left = np.arange(len(data.axes))
        lengths = np.array(_lengths(whole))
        for size in (size for size in self.sizes if size < len(data.axes)):
            left = np.sort(left[np.argsort(lengths, kind="stable")[:size]])
            part = replace(
                data, axes=tuple(data.axes[column] for column in left), points=data.points[:, left]
            )
            process, learned = self.process.train(part, {})
            lengths = np.array(_lengths(process))
            score = log_density(process.fit(part), data.values) - 0.5 * size * np.log(max(data.n_told, 1))
            found.append((float(score), left, learned))
        if not found:
            return None
        _, columns, learned = max(found, key=lambda item: item[0])
        log_lengths = np.array([_CONTINUOUS if axis.levels is None else _LEVELS for axis in data.axes])
        log_lengths[columns] = learned["hyperparameters"]["log_lengths"]
        theta = {**learned["hyperparameters"], "log_lengths": log_lengths.tolist()}
        selected = {**learned, "hyperparameters": theta}
        few = self.process.restored(selected)
        is_better = _left_out_density(few.fit(data), data.values) > _left_out_density(
            whole.fit(data), data.values
        )
        return selected if is_better else None


def _lengths(process: GP) -> tuple[float, ...]:
    assert isinstance(process.hyperparameters, Hyperparameters), "train first"
    return process.hyperparameters.log_lengths


def _left_out_density(posterior: GPPosterior, values: Array) -> float:
    """Return the log density of each value (n,) given all others, in the values' units, summed."""
    means, variances = posterior.left_out_moments()
    latent = (posterior.values - means) ** 2 / variances + np.log(variances)
    return float(np.log(posterior.scale.slopes(values)).sum() - 0.5 * latent.sum())
