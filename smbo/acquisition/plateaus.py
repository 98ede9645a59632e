"""Weigh an acquisition by the probability that a point is not on the plateau of an evaluated one.

A process of continuous values sees a chance to improve beside the best point, also where values come in
plateaus (cuts on a sample, trees, nearest rows of a table), and a search spends its evaluations on points
whose value is known already.  Values that are equal to the last digit at different points tell how far
plateaus reach: with r the distance to the nearest evaluated point, in length scales of the process, the value
at a new point is that of the evaluated one with probability

    p(r) = exp(-r / ρ)

as in a mosaic of random cells, and nothing can be gained there.  ρ is the likeliest one given which pairs of
evaluated points are equal; without plateaus the acquisition stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from smbo.acquisition.base import Acquisition, Criterion, DifferentiableCriterion, PosteriorAware, Seeded
from smbo.acquisition.expected_improvement import LogExpectedImprovement, normal
from smbo.acquisition.noisy_expected_improvement import NoisyLogExpectedImprovement
from smbo.surrogates.base import ExactProcess, Posterior
from smbo.surrogates.gp.kernels import squared_distances
from smbo.training_data import Array, Target, TrainingData, served_by

# Reaches that are tried, in length scales.
_REACHES = np.geomspace(1e-3, 3.0, 36)
# Pairs of equal values from which plateaus are believed in.
_FEWEST_PAIRS = 2
# Log likelihood by which distances must explain better than chance which pairs are equal.
_MIN_GAIN = 3.0
# Points nearer than this are one point, evaluated again.
_SAME = 1e-9
# Rows of which pairs are looked at: the lowest values.
_MOST_ROWS = 150


@dataclass(frozen=True)
class OffPlateaus:
    """An acquisition (the logarithm of an improvement) plus log(1 - p), see the module.

    Example: ``Recipe(GP(), OffPlateaus(LogExpectedImprovement()))``

    Attributes:
        acquisition: that is weighted.
        margin: of the expected improvement that replaces it once the best value has been found at
            ``repeats`` points, and as much more for each further one: beyond a plateau values differ by a
            step, and smaller gains are the process's own idea.
        repeats: see ``margin``.

    >>> recipe = Recipe(GP(), OffPlateaus())
    """

    acquisition: Acquisition = field(default_factory=NoisyLogExpectedImprovement)
    margin: float = 0.1
    repeats: int = 4

    @property
    def serves(self) -> frozenset[Target]:
        """The targets of the weighted acquisition."""
        return served_by(self.acquisition)

    def seeded(self, seed: int) -> OffPlateaus:
        """Return the acquisition with the draws of a seed."""
        if not isinstance(self.acquisition, Seeded):
            return self
        return replace(self, acquisition=self.acquisition.seeded(seed))

    def for_posterior(self, posterior: Posterior) -> Acquisition:
        """Return the acquisition to use with a posterior."""
        if not isinstance(self.acquisition, PosteriorAware):
            return self
        return replace(self, acquisition=self.acquisition.for_posterior(posterior))

    def build(self, posterior: Posterior, data: TrainingData) -> Criterion:
        """Return the criterion, to be maximised."""
        latent = normal(posterior)
        if not isinstance(latent, ExactProcess):
            return self.acquisition.build(posterior, data)
        rows = latent.encode(data.points)
        reach = plateau_reach(rows, data)
        if reach is None:
            return self.acquisition.build(posterior, data)
        acquisition, values = self.acquisition, data.values[data.feasible]
        n_best = int((values == values.min()).sum())
        if n_best >= self.repeats:
            acquisition = LogExpectedImprovement(margin=self.margin * (n_best - self.repeats + 1))
        criterion = acquisition.build(posterior, data)
        if not isinstance(criterion, DifferentiableCriterion):
            return criterion
        return _OffPlateaus(criterion, latent, rows, reach)


def plateau_reach(rows: Array, data: TrainingData) -> float | None:
    """Return ρ, the length over which values are likely to be equal; None where no plateaus are seen.

    Of the lower half of the values, since the plateaus that matter are those around the best points, and
    those far from them are often larger.  Values that are rounded are equal by chance, far apart as often as
    beside each other: that is no plateau.

    Args:
        rows: the points of the data in units in which distances count, (n, D).
    """
    values = np.where(data.feasible, data.values, np.inf)
    if not data.feasible.any():
        return None
    # as many others as there are of the best value: where a plateau ends is seen from what is off it
    n = max((len(values) + 1) // 2, 2 * int((values == values.min()).sum()))
    lower = np.argsort(values, kind="stable")[: min(n, _MOST_ROWS)]
    lower = lower[np.isfinite(values[lower])]
    i, j = np.triu_indices(len(lower), 1)
    i, j = lower[i], lower[j]
    gaps = np.sqrt(((rows[i] - rows[j]) ** 2).sum(axis=1))
    is_other = gaps > _SAME
    gaps, equal = gaps[is_other], (values[i] == values[j])[is_other]
    if equal.sum() < _FEWEST_PAIRS or equal.all():
        return None
    # between points far apart
    chance = float(equal[gaps >= np.median(gaps)].mean())
    same = chance + (1.0 - chance) * np.clip(np.exp(-gaps[:, None] / _REACHES), 1e-12, 1.0 - 1e-9)
    logs = np.log(same[equal]).sum(axis=0) + np.log1p(-same[~equal]).sum(axis=0)
    share = float(equal.mean())
    by_chance = equal.sum() * np.log(share) + (~equal).sum() * np.log1p(-share)
    return float(_REACHES[np.argmax(logs)]) if logs.max() - by_chance >= _MIN_GAIN else None


@dataclass(frozen=True, eq=False)
class _OffPlateaus:
    """The weighted criterion.

    Attributes:
        criterion: without the weight.
        posterior: whose length scales are the unit of distances.
        rows: the evaluated points, encoded, (n, D).
        reach: ρ.
    """

    criterion: DifferentiableCriterion
    posterior: ExactProcess
    rows: Array
    reach: float

    def __call__(self, points: Array) -> Array:
        _, _, ratios = self._nearest(self.posterior.encode(points))
        return self.criterion(points) + np.log(-np.expm1(-ratios))

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        """Return the criterion (m,) and its gradient (m, d)."""
        worth, slope = self.criterion.with_gradient(points)
        encoded = self.posterior.encode(points)
        nearest, gaps, ratios = self._nearest(encoded)
        # d log(1 - e^-u) / du = 1 / (e^u - 1)
        to_gap = 1.0 / (np.expm1(np.minimum(ratios, 500.0)) * self.reach)
        to_encoded = (to_gap / gaps)[:, None] * (encoded - self.rows[nearest])
        return worth + np.log(-np.expm1(-ratios)), slope + self.posterior.pulled_back(points, to_encoded)

    def _nearest(self, encoded: Array) -> tuple[NDArray[np.intp], Array, Array]:
        """Return the row on whose plateau each point (m, D) is most likely, its distance and that over ρ."""
        gaps = np.sqrt(np.maximum(squared_distances(encoded, self.rows), 1e-20))
        ratios = gaps / self.reach
        nearest = ratios.argmin(axis=1)
        each = np.arange(len(encoded))
        return nearest, gaps[each, nearest], ratios[each, nearest]
