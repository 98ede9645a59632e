"""Surrogate of all bins of a vector output: PCA with Gaussian processes, and a linear regression in each bin.

The same model as ``multi_output.composite`` in the search, with three differences.  It is fitted to all bins,
also those of zero weight, so that weights can be changed and observables outside the tune be predicted.  It
predicts the bins themselves, not only the distance to the data.  And the residuals of the principal
components are not assumed to be noise alone: a parameter with a small effect on a few bins, below the noise
of all others, has no component, although those bins were measured for it.  So the residuals of each bin are
regressed on the parameters.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from smbo.errors import ProblemError
from smbo.problem.losses import ChiSquare
from smbo.surrogates import linalg
from smbo.surrogates.multi_output.composite import CompositeGP
from smbo.surrogates.multi_output.composite_posterior import CompositePosterior
from smbo.surrogates.multi_output.quadratic_trend import QuadraticTrendPosterior, covariance
from smbo.training_data import Array, TrainingData, VectorOutputs
from smbo.tuning.bin_regressions import BinRegressions
from smbo.tuning.jacobian import Jacobian

# Below this many evaluations a linear regression is not determined in most spaces.
MIN_EVALUATIONS = 4
_STEP = 1e-4  # of the central differences in unit coordinates: errors of 1e-8 of the curvature
_MAX_COMPONENTS = 40


@dataclass(frozen=True, eq=False)
class BinModel:
    """Means and errors of k bins at any point.

    bins = origin + directions · coordinates: the coordinates are the means of c Gaussian processes followed
    by the D features of a point, on which the residuals are regressed.

    Attributes:
        posterior: of the processes.
        regressions: of the residuals of the processes.
        origin: shape (k,).
        directions: shape (k, c + D).
        n_evaluations: number of evaluations that the model was fitted to.
    """

    posterior: CompositePosterior
    regressions: BinRegressions
    origin: Array
    directions: Array
    n_evaluations: int

    @classmethod
    def of(cls, data: TrainingData) -> BinModel:
        """Return the model of vector training data under a ``ChiSquare``.

        Raises:
            ProblemError: the training data has no bins to compare with data, or too few rows.
            NumericalError: see ``CompositeGP.fit``.
        """
        vectors = data.outputs
        if vectors is None or not isinstance(vectors.loss, ChiSquare):
            raise ProblemError(
                "a tune needs bins and data: Problem(..., loss=ChiSquare(data, errors)), or an objective "
                "that has one"
            )
        if len(data) < MIN_EVALUATIONS:
            raise ProblemError(
                f"a tune needs {MIN_EVALUATIONS} complete evaluations or more; there are {len(data)}"
            )
        known = replace(vectors, loss=_of_all_bins(vectors))
        n_components = min(_MAX_COMPONENTS, 12 + len(data.axes))
        posterior = CompositeGP(n_components).fit(replace(data, outputs=known))
        centre, directions = posterior.basis.centre, posterior.basis.loadings
        components, _ = posterior.basis.components(known)
        losses = known.loss.of(known.values)
        regressions = BinRegressions.of(
            posterior.encoder.encode(data.points),
            known.values - centre - components @ directions.T,
            known.variances,
            # far from the data a bin may be nonlinear without an effect on the tune
            1.0 / np.maximum(losses, np.median(losses)),
        )
        return cls(
            posterior,
            regressions,
            centre + regressions.heights,
            np.hstack([directions, regressions.slopes]),
            len(data),
        )

    @property
    def n_bins(self) -> int:
        return len(self.origin)

    @property
    def n_processes(self) -> int:
        return len(self.posterior.components)

    def coordinates(self, points: Array) -> tuple[Array, Array]:
        """Return the coordinates (m, c + D) of unit points (m, d), and the variances of the first c."""
        features = self.posterior.encoder.encode(points)
        pairs = [each.moments(features) for each in self.posterior.components]
        shape = (len(points), len(pairs))
        means = np.array([mean for mean, _ in pairs]).T.reshape(shape)
        variances = np.array([variance for _, variance in pairs]).T.reshape(shape)
        return np.hstack([means, features - self.regressions.centre]), variances

    def moments(self, points: Array) -> tuple[Array, Array]:
        """Return mean and variance of the bins, without an evaluation's noise, each (m, k)."""
        coordinates, variances = self.coordinates(points)
        mean = self.origin + coordinates @ self.directions.T
        own = self.directions[:, : self.n_processes]
        return mean, variances @ (own**2).T + self.regressions.spread(self.posterior.encoder.encode(points))

    def errors(self, point: Array) -> Array:
        """Return F (k, n): the bins at a unit point (d,) err by F Fᵀ.

        Components and regressions are fitted to the same n evaluations, so that their errors are correlated
        as the residuals are.
        """
        _, variances = self.coordinates(point[None])
        own = self.directions[:, : self.n_processes] * np.sqrt(variances[0])
        shared = np.array([_residuals(each) for each in self.posterior.components])
        regressions = self.regressions.errors(self.posterior.encoder.encode(point[None])[0])
        return np.asarray(own @ shared.reshape(self.n_processes, self.n_evaluations) + regressions)

    def summed_spread(self, points: Array, variances: Array, metric: Array) -> Array:
        """Return Σ metric variance of the bins at unit points (m, d), given ``coordinates``', (m,)."""
        strength = metric @ self.directions[:, : self.n_processes] ** 2
        own = self.regressions.summed_spread(self.posterior.encoder.encode(points), metric)
        return np.asarray(variances @ strength + own)

    def jacobian(self, point: Array, columns: Array) -> Jacobian:
        """Return the Jacobian of the bins by p unit coordinates at a point (d,), and its noise."""
        steps = np.zeros((len(columns), len(point)))
        steps[np.arange(len(columns)), columns] = _STEP
        up, down = (self.posterior.encoder.encode(points) for points in (point + steps, point - steps))
        turned = (up - down) / (2.0 * _STEP)
        c = self.n_processes
        upper, lower = self.coordinates(point + steps)[0], self.coordinates(point - steps)[0]
        slopes = (upper - lower).T / (2.0 * _STEP)
        jacobian = self.directions @ slopes
        slope_covariances = [_slope_covariance(each, up, down) for each in self.posterior.components]
        return Jacobian(
            jacobian,
            jacobian + (self.regressions.least_squares - self.regressions.slopes) @ turned.T,
            self.directions[:, :c],
            np.array(slope_covariances).reshape(c, len(columns), len(columns)),
            self.regressions.noise_root,
            self.regressions.degrees_of_freedom,
            self.regressions.least_squares_covariance(turned),
        )

    def draws(self, point: Array, n: int, rng: np.random.Generator) -> Array:
        """Return n draws of the bins at a unit point (d,), shape (n, k)."""
        mean, _ = self.moments(point[None])
        factor = self.errors(point)
        return np.asarray(mean + rng.standard_normal((n, factor.shape[1])) @ factor.T)


def _residuals(process: QuadraticTrendPosterior) -> Array:
    """Return the residuals of a process over the evaluations' errors, as a unit vector (n,)."""
    off = np.sqrt(process.noises) * process.alpha
    return np.asarray(off / max(float(np.sqrt(off @ off)), 1e-300))


def _slope_covariance(process: QuadraticTrendPosterior, up: Array, down: Array) -> Array:
    """Return the covariance of a process' slopes from features ``down`` to ``up``, (p, D) each, (p, p)."""

    def between(left: Array, right: Array) -> Array:
        return covariance(process.theta, left, right)

    prior = between(up, up) + between(down, down) - between(up, down) - between(down, up)
    cross = between(up, process.features) - between(down, process.features)
    half = linalg.solve_lower(process.factor, cross.T)
    found = (prior - half.T @ half) / (2.0 * _STEP) ** 2
    # rounding leaves eigenvalues below zero, a hundred-millionth of the largest
    values, axes = np.linalg.eigh(0.5 * (found + found.T))
    return np.asarray((axes * np.maximum(values, 0.0)) @ axes.T)


def _of_all_bins(vectors: VectorOutputs) -> ChiSquare:
    """Return the χ² with equal weights of all bins, also those of zero weight in the study.

    Its errors are those of the data and of a typical evaluation: else bins in which the simulation's noise
    is many times the data's error would dominate the principal components.
    """
    loss = vectors.loss
    assert isinstance(loss, ChiSquare)
    variances = loss.floor + np.median(vectors.variances, axis=0)
    variances = np.where(variances > 0.0, variances, vectors.values.var(axis=0))
    moves = variances > 0.0
    return ChiSquare(
        loss.data, np.sqrt(np.where(moves, variances, 1.0)), np.where(moves, 1.0, 0.0), counts=loss.counts
    )
