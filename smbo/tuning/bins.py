"""What the evaluations of a study say of every bin, wherever a generator's settings are put.

The same model as ``smbo.surrogates.vector`` makes for the search, with two differences: it knows all
bins, those of no weight too, so that weights may be changed and observables be predicted that were
not tuned to; and it gives the bins themselves, not only the distance to the data.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from smbo.errors import ProblemError
from smbo.evidence import Array, Evidence, Vectors
from smbo.losses import ChiSquare
from smbo.surrogates.outlook import VectorPosterior
from smbo.surrogates.vector import VectorGP

# Below this many evaluations a plane through them is not determined in most spaces.
LEAST_EVALUATIONS = 4
_STEP = 1e-4  # of the central differences in unit coordinates: errors of 1e-8 of the curvature
_WIDE_STEP = 0.05  # of differences whose variance is wanted: of closer points it is lost in rounding
_MOST_COMPONENTS = 40


@dataclass(frozen=True, eq=False)
class BinModel:
    """Means and errors of k bins at any point, from c processes.

    bins = origin + directions z + what is left, z ~ N(means, variances) of the processes.

    Attributes:
        posterior: of the processes.
        origin: shape (k,).
        directions: shape (k, c).
        rest_variance: of each bin's mean over what no process moves, shape (k,).
    """

    posterior: VectorPosterior
    origin: Array
    directions: Array
    rest_variance: Array

    @classmethod
    def of(cls, evidence: Evidence) -> BinModel:
        """Return the model of vector evidence under a ``ChiSquare``.

        Raises:
            ProblemError: the evidence has no bins to compare with data, or too few rows.
            NumericalError: see ``VectorGP.fit``.
        """
        vectors = evidence.vectors
        if vectors is None or not isinstance(vectors.loss, ChiSquare):
            raise ProblemError(
                "a tune needs bins and data: Problem(..., loss=ChiSquare(data, errors)), or an objective "
                "that has one"
            )
        if len(evidence) < LEAST_EVALUATIONS:
            raise ProblemError(
                f"a tune needs {LEAST_EVALUATIONS} complete evaluations or more; there are {len(evidence)}"
            )
        known = replace(vectors, loss=_of_all_bins(vectors))
        n_components = min(_MOST_COMPONENTS, 12 + len(evidence.axes))
        posterior = VectorGP(n_components).fit(replace(evidence, vectors=known))
        centre, directions = posterior.basis.centre, posterior.basis.loadings
        rest, rest_variance = _rest(posterior, known, centre, directions)
        return cls(posterior, centre + rest, directions, rest_variance)

    @property
    def n_bins(self) -> int:
        return len(self.origin)

    def processes(self, points: Array) -> tuple[Array, Array]:
        """Return means and variances of the processes at unit points (m, d), each (m, c)."""
        features = self.posterior.encoder.encode(points)
        pairs = [each.moments(features) for each in self.posterior.components]
        shape = (len(points), len(pairs))
        means = np.array([mean for mean, _ in pairs]).T.reshape(shape)
        return means, np.array([variance for _, variance in pairs]).T.reshape(shape)

    def moments(self, points: Array) -> tuple[Array, Array]:
        """Return mean and variance of the bins, without an evaluation's noise, each (m, k)."""
        means, variances = self.processes(points)
        return self.origin + means @ self.directions.T, variances @ (
            self.directions**2
        ).T + self.rest_variance

    def error_factor(self, point: Array) -> Array:
        """Return F (k, c) such that the bins at a unit point (d,) err by F Fᵀ + diag(rest_variance)."""
        _, variances = self.processes(point[None])
        return np.asarray(self.directions * np.sqrt(variances[0]))

    def jacobian(self, point: Array, columns: Array) -> Array:
        """Return the slopes of the bins by some unit coordinates at a point (d,), shape (k, p)."""
        return self.directions @ self.process_slopes(point, columns)

    def process_slopes(self, point: Array, columns: Array) -> Array:
        """Return the slopes of the processes' means by some unit coordinates, shape (c, p)."""
        steps = np.zeros((len(columns), len(point)))
        steps[np.arange(len(columns)), columns] = _STEP
        means, _ = self.processes(np.concatenate([point + steps, point - steps]))
        up, down = np.split(means, 2)
        return np.asarray((up - down).T / (2.0 * _STEP))

    def slope_variances(self, point: Array, columns: Array) -> Array:
        """Return how well the slopes of the processes are known: their variances, shape (c, p)."""
        found = np.zeros((self.directions.shape[1], len(columns)))
        for p, column in enumerate(columns):
            ends = np.tile(point, (2, 1))
            ends[:, column] = np.clip([point[column] - _WIDE_STEP, point[column] + _WIDE_STEP], 0.0, 1.0)
            features = self.posterior.encoder.encode(ends)
            for c, process in enumerate(self.posterior.components):
                _, covariance = process.joint(features)
                spread = covariance[0, 0] + covariance[1, 1] - 2.0 * covariance[0, 1]
                found[c, p] = max(spread, 0.0) / (ends[1, column] - ends[0, column]) ** 2
        return found

    def draws(self, point: Array, n: int, rng: np.random.Generator) -> Array:
        """Return n draws of the bins at a unit point (d,), shape (n, k)."""
        means, variances = self.processes(point[None])
        z = means + np.sqrt(variances) * rng.standard_normal((n, means.shape[1]))
        rest = np.sqrt(self.rest_variance) * rng.standard_normal((n, self.n_bins))
        return np.asarray(self.origin + z @ self.directions.T + rest)


def _of_all_bins(vectors: Vectors) -> ChiSquare:
    """Return the χ² in which every bin counts alike, also those that the study gives no weight."""
    loss = vectors.loss
    assert isinstance(loss, ChiSquare)
    # a bin of no weight may have no error; then the simulation's own is the scale that it is known on
    typical = np.median(vectors.variances, axis=0)
    typical = np.where(typical > 0.0, typical, vectors.values.var(axis=0))
    variances = np.where(loss.floor > 0.0, loss.floor, typical)
    moves = variances > 0.0
    return ChiSquare(
        loss.data, np.sqrt(np.where(moves, variances, 1.0)), np.where(moves, 1.0, 0.0), counts=loss.counts
    )


def _rest(
    posterior: VectorPosterior, vectors: Vectors, centre: Array, directions: Array
) -> tuple[Array, Array]:
    """Return the mean of what no process moves, and the variance of that mean, each (k,)."""
    components, _ = posterior.basis.components(vectors)
    off = vectors.values - centre - components @ directions.T
    losses = vectors.loss.of(vectors.values)
    # far from the data a bin may bend in ways that do not matter here
    near = 1.0 / np.maximum(losses, np.median(losses))
    scale = np.median(vectors.variances, axis=0) + off.var(axis=0)
    noise = vectors.variances + np.where(scale > 0.0, scale, 1.0)
    shares = near[:, None] / noise
    shares /= shares.sum(axis=0)
    mean = (shares * off).sum(axis=0)
    # what scatters is noise and what the processes miss; the mean errs by its share of both
    variance = (shares**2 * (off - mean) ** 2).sum(axis=0)
    return mean, variance
