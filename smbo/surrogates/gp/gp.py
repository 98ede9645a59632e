"""Gaussian process regression, exact, with a constant mean and one length scale per axis.

Notation (n evaluations, m points to predict, d axes, D features, see ``Features``):

======== ============================ ============== ==================================================
symbol   name in the code             shape          meaning
======== ============================ ============== ==================================================
X        ``points``                   (n, d)         evaluated unit points
y        ``values``                   (n,)           values on the latent scale (``OutcomeTransform``)
σ_f²     ``amplitude``                scalar         prior variance of the function
σ_n²     ``noise``                    scalar         learned variance of an evaluation
ℓ        ``lengths``                  (D,)           length scales
θ        ``Hyperparameters``          (d + 2,)       log ℓ, log σ_f², log σ_n² (and 2 d warps)
k(r²)    ``Kernel.profile``                          kernel of the squared scaled distance, k(0) = 1
K        ``covariance``               (n, n)         σ_f² k(r²(X, X)) + diag(variances of evaluations)
L        ``factor``                   (n, n)         lower Cholesky factor, L Lᵀ = K
m        ``mean``                     scalar         constant mean, the most probable under m ~ N(0, 1)
α        ``alpha``                    (n,)           K⁻¹ (y - m)
k*       ``cross``                    (m, n)         σ_f² k(r²) between points to predict and X
v        ``half``                     (n, m)         L⁻¹ k*ᵀ
β        ``beta``                     (m, n)         k* K⁻¹
======== ============================ ============== ==================================================

Posterior mean m + k* α and variance σ_f² - vᵀv: Rasmussen & Williams (2006), "Gaussian Processes for Machine
Learning", algorithm 2.1.  Hyperparameters maximise the log marginal likelihood plus log priors: see
``marginal_likelihood``.  Fantasies at pending points are posterior means (kriging believer: Ginsbourger, Le
Riche & Carraro 2010, "Kriging is well-suited to parallelize optimization").
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from smbo.surrogates import linalg
from smbo.surrogates.base import LeftOut, Memory, is_learning_due
from smbo.surrogates.gp.input_warping import Warp
from smbo.surrogates.gp.kernels import Features, Kernel, Matern52, squared_distances
from smbo.surrogates.gp.leave_one_out import left_out_moments
from smbo.surrogates.gp.marginal_likelihood import (
    Hyperparameters,
    Likelihood,
    Priors,
    constant_mean,
    default_start,
    most_probable,
    negatives,
    noise_variances,
)
from smbo.surrogates.gp.outcome_transform import OutcomeTransform, PowerTransform, bends_of
from smbo.surrogates.gp.replicated_values import LatentValues, values_told, variances_told
from smbo.training_data import ONE_VALUE, Array, Target, TrainingData

if TYPE_CHECKING:
    from smbo.surrogates.gp.hyperparameter_draws import Proposed
    from smbo.surrogates.gp.pathwise import GPDraw
    from smbo.surrogates.gp.pathwise_draws import GPDraws

# log σ_n² of the second start of the hyperparameter search: half of the values' variance is noise.
_NOISY_START = float(np.log(0.5))
# The second start is used from so many values on: from fewer, noise and signal cannot be distinguished, and
# a model that takes the signal for noise ends the search.
_MIN_VALUES_NOISY_START = 20
# Hyperparameters are learned from so many rows at most, so many of which are the lowest values: the cost of
# the likelihood grows with their cube, and more rows hardly change the estimate of a few hyperparameters.
MAX_ROWS_LEARNED, _N_BEST_LEARNED = 256, 96
# Up to so many values the second start is repeated, once they have grown by the factor: it is cheap, and the
# known optimum may be a local one (of 190 repeats at each new value 6 were likelier, by .1 and more).
_MAX_VALUES_RESTART, _GROWTH_RESTART = 100, 1.3
# Values are transformed and axes warped from so many values on, if the log density increases by this.
# Measured by tests/benchmarks/regret/run.py --problems tuning/smooth.
MIN_TO_TRANSFORM, _MIN_GAIN_TRANSFORM, _MIN_GAIN_WARP = 8, 1.0, 1.0
# Number of outcome transforms that hyperparameters are learned for, the likeliest at the start of the search:
# at first, and once the values have grown by the factor of a restart.  In between only for the likeliest.
_N_TRANSFORMS = 2
# L-BFGS iterations for warps, from the hyperparameters learned without warps.
_N_WARP_ITERATIONS = 20
# Entries of an array of points to predict by evaluated ones that are done at once, and points at least.
_BLOCK, _LEAST_BLOCK = 12_000, 64
# From training data to the covariance (n, n) of a polynomial added to the process (universal kriging).
Trend: TypeAlias = Callable[[TrainingData], Array]


@dataclass(frozen=True, eq=False)
class GPPosterior:
    """The posterior of a Gaussian process.  Moments are in the training data's units.

    Attributes:
        kernel, features: of the model.
        lengths: length scale of each feature, (D,).
        amplitude, noise: prior variance of the function and variance of an evaluation, latent.
        scale: between the training data's units and the latent scale.
        scaled: features of the evaluated points over their length scales, (n, D).
        values: on the latent scale, (n,).
        factor: lower Cholesky factor L of the covariance of the values, (n, n).
        mean: constant mean m, latent.
        alpha: K⁻¹ (values - m), (n,).
        fitted: latent posterior means at the evaluated points, (n,).
        n_axes: number of columns of a unit point, d.
        warp: input warping of the axes; None without.
        shown: factor on the covariance between the function at the highest fidelity and each row, (n,),
            as rows at lower fidelities have it; None for 1 in all rows.
    """

    kernel: Kernel
    features: Features
    lengths: Array
    amplitude: float
    noise: float
    scale: OutcomeTransform
    scaled: Array
    values: Array
    factor: Array
    mean: float
    alpha: Array
    fitted: Array
    n_axes: int
    warp: Warp | None = None
    shown: Array | None = None

    def moments(self, points: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation at unit points (m, d), each (m,)."""
        return self.scale.moments(*self._latent_moments(points))

    def means_only(self, points: Array) -> Array:
        """Return the means at unit points (m, d), shape (m,); means of evaluated points are looked up."""
        if not self.scale.is_affine:
            return self.moments(points)[0]
        scaled = self.encode(points)
        if np.array_equal(scaled, self.scaled[: len(scaled)]):  # the most frequent case, and the fastest
            return np.asarray(self.scale.from_latent(self.fitted[: len(scaled)]))
        known = np.array([self._rows.get(row.tobytes(), -1) for row in scaled], dtype=np.intp)
        new = known < 0
        mean = np.empty(len(points))
        mean[~new] = self.fitted[known[~new]]
        if new.any():
            mean[new] = self.mean + self.cross_covariance(scaled[new]) @ self.alpha
        return np.asarray(self.scale.from_latent(mean))

    @cached_property
    def _norms(self) -> Array:
        return np.vecdot(self.scaled, self.scaled)

    @cached_property
    def _scaled_and_one(self) -> Array:
        """The features of the rows, and 1 as another column, (n, D + 1)."""
        return np.concatenate([self.scaled, np.ones((len(self.scaled), 1))], axis=1)

    @cached_property
    def _rows(self) -> dict[bytes, int]:
        return {row.tobytes(): index for index, row in enumerate(self.scaled)}

    @property
    def latent(self) -> GPPosterior:
        """The same posterior on the increasing scale of the values on which it is normal."""
        return self if self.scale.is_affine else self.standardized

    @cached_property
    def standardized(self) -> GPPosterior:
        """The same posterior in the latent units, in which values are standardized."""
        return replace(self, scale=OutcomeTransform())

    @property
    def n_rows(self) -> int:
        """Number of values and fantasies that the posterior is conditioned on."""
        return len(self.values)

    @property
    def axis_lengths(self) -> Array:
        """Length scale along each axis of the unit cube, (d,); all levels of a category share one."""
        return np.array([self.lengths[self.features.columns == column][0] for column in range(self.n_axes)])

    def function_draw(self, rng: np.random.Generator, n_frequencies: int) -> GPDraw:
        """Return a function drawn from the posterior, standardized, of so many random Fourier features."""
        from smbo.surrogates.gp.pathwise import GPDraw

        return GPDraw.of(self.standardized, rng, n_frequencies)

    def function_draws(
        self, rng: np.random.Generator, n: int, n_frequencies: int, boldness: float = 1.0
    ) -> GPDraws:
        """Return n functions drawn from the posterior, standardized, to be evaluated together.

        Args:
            boldness: factor on the deviations of draws from their mean.
        """
        from smbo.surrogates.gp.pathwise_draws import GPDraws

        return GPDraws.of(self, rng, n, n_frequencies, self.shown, boldness=boldness)

    def left_out_moments(self, first: int = 0) -> tuple[Array, Array]:
        """Return mean and variance of each value given all others, latent, from row ``first`` on."""
        return left_out_moments(self, first)

    def left_out(self) -> LeftOut:
        """Return how each value is predicted from all others, latent."""
        means, variances = self.left_out_moments()
        values = self.values[None]
        return LeftOut(values, values - means, variances[None], np.ones(1))

    def moments_and_gradients(
        self, points: Array, n_known: NDArray[np.intp] | None = None
    ) -> tuple[Array, Array, Array, Array]:
        """Return mean (m,), std (m,) and their gradients, each (m, d).

        The gradient along a categorical column is zero: its coordinate moves in jumps.

        Args:
            n_known: for each point, the number of leading rows that the variance is conditioned on, (m,),
                where the rows after them are fantasies; None for all.  The leading block of a Cholesky
                factor is the factor of the leading rows, and a fantasy does not change the mean.
        """
        scaled = self.encode(points)
        profile, slope = self.kernel.profile_and_slope(squared_distances(scaled, self.scaled, self._norms))
        if self.shown is not None:
            profile, slope = profile * self.shown, slope * self.shown
        cross = self.amplitude * profile
        mean = self.mean + cross @ self.alpha
        half = linalg.solve_lower(self.factor, cross.T)
        if n_known is not None:
            half[np.arange(len(half))[:, None] >= n_known] = 0.0
        variance = self._floored(self.amplitude - np.vecdot(half.T, half.T))
        std = np.sqrt(variance)
        beta = linalg.solve_lower_transposed(self.factor, half).T

        to_mean, to_variance = self.of_kernel(points, scaled, slope, beta)
        to_std = to_variance / (2.0 * std[:, None])
        return self.scale.moments_and_gradients(mean, std, to_mean, to_std)

    def of_kernel(self, points: Array, scaled: Array, slope: Array, beta: Array) -> tuple[Array, Array]:
        """Return the kernel's part of the gradients of mean and variance at unit points, each (m, d).

        Args:
            scaled: the points in units of the length scales.
            slope: dk / d(r²), (m, n).
            beta: k* K⁻¹, (m, n).
        """
        # d cross / d scaled = 2 amplitude slope * (scaled - self.scaled); both at once: for few points the
        # calls cost more than the sums
        weights = np.empty((2, *slope.shape))
        np.multiply(slope, self.alpha, out=weights[0])
        np.multiply(slope, beta, out=weights[1])
        to_mean, to_variance = self._weighted_differences(weights, scaled)
        to_mean *= 2.0 * self.amplitude
        to_variance *= -4.0 * self.amplitude
        if self.warp is None:
            return to_mean, to_variance
        bends = self.warp.slopes(points)
        return to_mean * bends, to_variance * bends

    def joint(self, points: Array) -> tuple[Array, Array]:
        """Return mean (m,) and covariance (m, m) at unit points (m, d), on the latent scale."""
        scaled = self.encode(points)
        cross = self.cross_covariance(scaled)
        half = linalg.solve_lower(self.factor, cross.T)
        prior = self.amplitude * self.kernel.profile(squared_distances(scaled, scaled))
        return self.mean + cross @ self.alpha, prior - half.T @ half

    def covariance(self, points: Array, others: Array) -> Array:
        """Return the covariance between unit points (m, d) and others (r, d), latent, shape (m, r)."""
        scaled, scaled_others = self.encode(points), self.encode(others)
        half = linalg.solve_lower(self.factor, self.cross_covariance(scaled).T)
        half_others = linalg.solve_lower(self.factor, self.cross_covariance(scaled_others).T)
        prior = self.amplitude * self.kernel.profile(squared_distances(scaled, scaled_others))
        return np.asarray(prior - half.T @ half_others)

    def sample(self, points: Array, n: int, rng: np.random.Generator) -> Array:
        """Return n draws of the function at unit points (m, d), shape (n, m)."""
        mean, covariance = self.joint(points)
        draws = mean + rng.standard_normal((n, len(points))) @ linalg.cholesky(covariance).T
        return self.scale.from_latent(draws)

    def condition_on(self, points: Array, values: Array) -> GPPosterior:
        """Return the posterior given also values (m,) at unit points (m, d).

        Hyperparameters, scale and constant mean stay the same; the factor is extended in O(n² m).
        """
        values = self.scale.to_latent(values)
        extended = self._extended(points, values)
        alpha = linalg.solve(extended.factor, extended.values - self.mean)
        return replace(
            extended, alpha=alpha, fitted=self.mean + extended.cross_covariance(extended.scaled) @ alpha
        )

    def fantasize(self, points: Array) -> GPPosterior:
        """Return the posterior given also its own means as values at unit points (kriging believer)."""
        return self._extended(points, self._latent_moments(points)[0])

    def _extended(self, points: Array, latent: Array) -> GPPosterior:
        if len(points) == 0:
            return self
        added = self.encode(points)
        cross = self.cross_covariance(added).T
        corner = self.amplitude * self.kernel.profile(squared_distances(added, added))
        corner.flat[:: len(corner) + 1] = self.amplitude + self.noise
        factor = linalg.extend_cholesky(self.factor, cross, corner)
        return replace(
            self,
            scaled=np.concatenate([self.scaled, added]),
            values=np.concatenate([self.values, latent]),
            factor=factor,
            # α of a fantasy is exactly 0: its residual given the other values is zero
            alpha=np.concatenate([self.alpha, np.zeros(len(latent))]),
            fitted=np.concatenate([self.fitted, latent]),
            shown=None if self.shown is None else np.concatenate([self.shown, np.ones(len(latent))]),
        )

    def _latent_moments(self, points: Array) -> tuple[Array, Array]:
        mean, variance = np.empty(len(points)), np.empty(len(points))
        # in blocks, whose arrays stay in the cache, and below the size that is mapped anew at each call
        size = max(_BLOCK // max(len(self.scaled), 1), _LEAST_BLOCK)
        for first in range(0, len(points), size):
            rows = slice(first, first + size)
            cross = self.cross_covariance(self.encode(points[rows]))
            np.matmul(cross, self.alpha, out=mean[rows])
            half = linalg.solve_lower(self.factor, cross.T, in_place=True).T
            np.vecdot(half, half, out=variance[rows])
        return self.mean + mean, np.sqrt(self._floored(self.amplitude - variance))

    def encode(self, points: Array) -> Array:
        """Return features of unit points (m, d) over their length scales, axes warped, (m, D)."""
        return self.features.encode(points, self.warp) / self.lengths

    def cross_covariance(self, scaled: Array) -> Array:
        """Return the function's covariance between encoded points (m, D) and the rows, (m, n)."""
        cross = self.kernel.profile(squared_distances(scaled, self.scaled, self._norms))
        cross *= self.amplitude
        if self.shown is not None:
            cross *= self.shown
        return cross

    def pulled_back(self, points: Array, to_scaled: Array) -> Array:
        """Return slopes by unit points (m, d) from slopes by features (m, D); 0 along categories."""
        smooth = self.features.coordinates
        slopes = np.zeros_like(points)
        slopes[:, self.features.columns[smooth]] = (to_scaled / self.lengths)[:, smooth]
        return slopes if self.warp is None else slopes * self.warp.slopes(points)

    def _floored(self, variance: Array) -> Array:
        return np.maximum(variance, linalg.VARIANCE_FLOOR * self.amplitude)

    def _weighted_differences(self, weights: Array, scaled: Array) -> Array:
        """Return Σ_b weights_kab (z_a - z_b) by coordinate of the unit point, shape (k, m, d)."""
        products = weights @ self._scaled_and_one
        sums = (scaled * products[..., -1:] - products[..., :-1]) / self.lengths
        if self.features.is_plain:
            return np.asarray(sums)
        coordinates: NDArray[np.bool_] = self.features.coordinates
        gradient = np.zeros((*sums.shape[:-1], self.n_axes))
        gradient[..., self.features.columns[coordinates]] = sums[..., coordinates]
        return gradient


@dataclass(frozen=True)
class GP:
    """Gaussian process with a constant mean and a length scale for each axis.

    Attributes:
        kernel: stationary kernel.
        priors: on the logarithms of the hyperparameters.
        hyperparameters: fixed ones; None to learn them from the training data.
        bend_values: whether to power-transform the values where that makes them likelier.
        warp_axes: whether to warp the axes (input warping) where that makes the values likelier.
        power, anchor: of the power transform, learned together with the hyperparameters; see
            ``PowerTransform``.
        relearn_growth: ``train`` learns hyperparameters again once the number of values has grown by
            this share since the last time,
        always_relearn_until: or at every new value while there are at most so many.
        n_iterations: L-BFGS iterations from each start.

    Example:
        >>> import numpy as np
        >>> from smbo.surrogates import GP
        >>> from smbo.training_data import Axis, TrainingData
        >>> points = np.linspace(0.0, 1.0, 8)[:, None]
        >>> data = TrainingData.of_values((Axis("x", "continuous"),), points, np.sin(6.0 * points[:, 0]))
        >>> mean, std = GP().fit(data).moments(np.array([[0.5]]))
        >>> print(f"{mean[0]:.1f} {np.sin(3.0):.1f}")
        0.1 0.1
    """

    kernel: Kernel = field(default_factory=Matern52)
    priors: Priors = field(default_factory=Priors)
    hyperparameters: Hyperparameters | None = None
    bend_values: bool = True
    warp_axes: bool = False
    power: float = 1.0
    anchor: float = 0.0
    relearn_growth: float = 0.15
    always_relearn_until: int = 30
    n_iterations: int = 50
    serves: ClassVar[frozenset[Target]] = ONE_VALUE
    takes_replicates: ClassVar[bool] = True

    @property
    def transfer_base(self) -> GP:
        """The process itself: transfer can model its residual around the trends of source studies."""
        return self

    def unbent(self) -> GP:
        """Return the same process without a power transform of the values."""
        return replace(self, bend_values=False)

    def fit(self, data: TrainingData, trend: Trend | None = None) -> GPPosterior:
        """Return the posterior; hyperparameters are learned first where none are fixed.

        Given a trend, ``factor`` and ``alpha`` are those of process and trend together, but ``moments`` are
        those of the process alone: ``UniversalKrigingPosterior`` has the moments of the sum.

        Raises:
            NumericalError: no jitter makes the covariance positive definite.
        """
        if self.hyperparameters is None:
            theta, bend = self._learn(data, None, trend)
            return self._fixed(theta, bend).fit(data, trend)
        theta = self.hyperparameters
        features = Features.of(data.axes)
        scale = self.scale_of(data)
        lengths = np.exp(np.array(theta.log_lengths))[features.columns]
        amplitude, noise = float(np.exp(theta.log_amplitude)), float(np.exp(theta.log_noise))
        warp = theta.warp
        scaled = features.encode(data.points, warp) / lengths
        covariance = self.kernel.profile(squared_distances(scaled, scaled))
        covariance *= amplitude
        if trend is not None:
            covariance += trend(data)
        rows = LatentValues.of(data, scale)
        variances = noise_variances(rows.variances, noise / rows.counts)
        diagonal = covariance.reshape(-1)[:: len(data) + 1]
        prior = diagonal.copy()
        diagonal += variances
        factor = linalg.cholesky(covariance)
        mean, alpha = constant_mean(factor, rows.values)
        diagonal[:] = prior
        return GPPosterior(
            kernel=self.kernel,
            features=features,
            lengths=lengths,
            amplitude=amplitude,
            # fantasies have the median noise variance of the evaluations, given or learned
            noise=rows.typical(variances) if len(data) else noise,
            scale=scale,
            scaled=scaled,
            values=rows.values,
            factor=factor,
            mean=mean,
            alpha=alpha,
            fitted=mean + covariance @ alpha,
            n_axes=len(data.axes),
            warp=warp,
        )

    def train(self, data: TrainingData, memory: Memory, trend: Trend | None = None) -> tuple[GP, Memory]:
        """Return the process with its hyperparameters fixed, and the memory that restores them."""
        n = data.n_told
        known = memory.get("hyperparameters")
        before = None if known is None else Hyperparameters.from_json(known)
        if before is not None and not is_learning_due(
            n, int(memory["n_learned"]), self.always_relearn_until, self.relearn_growth
        ):
            return self.restored(memory), memory
        theta, bend = self._learn(data, before, trend, int(memory.get("n_learned", 0)))
        learned = {"hyperparameters": theta.to_json(), **bend._asdict(), "n_learned": n}
        return self._fixed(theta, bend), learned

    def with_hyperparameters(self, theta: Hyperparameters) -> GP:
        """Return the same process with other hyperparameters."""
        return replace(self, hyperparameters=theta)

    def proposed(
        self, data: TrainingData, n: int, rng: np.random.Generator, trend: Trend | None = None
    ) -> Proposed:
        """Return n hyperparameters proposed around the fixed ones, weighed by their posterior density."""
        from smbo.surrogates.gp.hyperparameter_draws import proposed_around

        assert self.hyperparameters is not None, "train first"
        scale = self.scale_of(data)
        # the Jacobian of the transform, so that densities are those of the values
        stretch = float(np.log(scale.slopes(values_told(data))).sum())
        return proposed_around(self._likelihood(data, scale, trend), self.hyperparameters, n, rng, stretch)

    def restored(self, memory: Memory) -> GP:
        """Return the process with the hyperparameters of a memory that is not empty."""
        theta = Hyperparameters.from_json(memory["hyperparameters"])
        return self._fixed(theta, PowerTransform(memory["power"], memory.get("anchor", 0.0)))

    def _fixed(self, theta: Hyperparameters, bend: PowerTransform) -> GP:
        return replace(self, hyperparameters=theta, power=float(bend.power), anchor=float(bend.anchor))

    def _learn(
        self,
        data: TrainingData,
        before: Hyperparameters | None,
        trend: Trend | None,
        n_before: int = 0,
    ) -> tuple[Hyperparameters, PowerTransform]:
        """Return the most probable hyperparameters and power transform.

        Args:
            before: earlier ones, which are a start; None without.
            n_before: number of values that they were learned from.
        """
        start = default_start(self.priors, data.axes)
        n, all_values = data.n_told, values_told(data)
        if n < 2:  # the variation of values cannot be estimated from one
            return start, PowerTransform()
        first = start if before is None else replace(before, log_warps=())
        bends = bends_of(all_values) if self.bend_values and n >= MIN_TO_TRANSFORM else [PowerTransform()]
        variances = variances_told(data)
        scales = [OutcomeTransform.of(all_values, *bend, variances) for bend in bends]
        few = rows_to_learn_from(data)
        few_values = values_told(few)
        likelihoods = [self._likelihood(few, scale, trend) for scale in scales]
        # the Jacobian of each transform, so that densities are those of the untransformed values
        stretches = [
            np.log(scale.slopes(few_values) / scales[0].slopes(few_values)).sum() for scale in scales
        ]
        prices = [
            _MIN_GAIN_TRANSFORM * (bend != PowerTransform()) - float(s) for bend, s in zip(bends, stretches)
        ]
        rough = [price + negative for price, negative in zip(prices, negatives(likelihoods, first))]
        order = np.argsort(rough, kind="stable").tolist()
        if trend is not None:  # a polynomial is no longer one after a power transform
            order = [0, *(k for k in order if k != 0)]
        found = []
        # which transform is the likeliest changes slowly
        is_settled = before is not None and trend is None and not _is_step(n, n_before, MIN_TO_TRANSFORM)
        for rank, k in enumerate(order[: 1 if is_settled else _N_TRANSFORMS]):
            starts = [first]
            # of values whose errors are all given a second start that differs in the noise alone is none
            is_other = bool(np.isnan(few.variances).any()) if before is None else _is_restart_due(n, n_before)
            if rank == 0 and n >= _MIN_VALUES_NOISY_START and is_other:
                # noise or short length scales explain the same scatter: two local optima, a start for each
                starts.append(replace(start, log_noise=_NOISY_START))
            theta, density = most_probable(likelihoods[k], starts, self.n_iterations)
            found.append((density - prices[k], k, theta))
        _, k, theta = max(found, key=lambda item: item[0])
        if self.warp_axes and n >= MIN_TO_TRANSFORM:
            theta = self._warped(likelihoods[k], theta, before)
        return theta, bends[k]

    def _warped(
        self, likelihood: Likelihood, theta: Hyperparameters, before: Hyperparameters | None
    ) -> Hyperparameters:
        """Return hyperparameters with input warping, or the given ones if warping is not likelier."""
        start = theta.with_identity_warps()
        score = -likelihood.negative_with_gradient(start.vector())[0]
        if before is not None and before.log_warps:
            start = replace(theta, log_warps=before.log_warps)
        warped, found = most_probable(likelihood, [start], _N_WARP_ITERATIONS)
        return warped if found > score + _MIN_GAIN_WARP else theta

    def likelihood(self, data: TrainingData) -> tuple[Likelihood, Array]:
        """Return the likelihood on the scale of the fixed power transform, and the unit points it is of."""
        few = rows_to_learn_from(data)
        return self._likelihood(few, self.scale_of(data)), few.points

    def scale_of(self, data: TrainingData) -> OutcomeTransform:
        """Return the outcome transform of training data, with the fixed power and anchor."""
        return OutcomeTransform.of(values_told(data), self.power, self.anchor, variances_told(data))

    def _likelihood(
        self, data: TrainingData, scale: OutcomeTransform, trend: Trend | None = None
    ) -> Likelihood:
        features, rows = Features.of(data.axes), LatentValues.of(data, scale)
        return Likelihood(
            kernel=self.kernel,
            features=features,
            priors=self.priors,
            n_axes=len(data.axes),
            points=data.points,
            encoded=features.encode(data.points),
            values=rows.values,
            variances=rows.variances,
            repeated=rows.repeated,
            trend=None if trend is None else trend(data),
        )


def _is_restart_due(n: int, n_before: int) -> bool:
    """Return whether a step of the growth of n_before values to n repeats the second start."""
    is_among = _MIN_VALUES_NOISY_START <= n <= _MAX_VALUES_RESTART
    return is_among and _is_step(n, n_before, _MIN_VALUES_NOISY_START)


def _is_step(n: int, n_before: int, first: int) -> bool:
    """Return whether the growth of n_before values to n passes one of the steps from ``first`` on."""
    now, last = (
        math.floor(math.log(max(each, 1) / first) / math.log(_GROWTH_RESTART)) for each in (n, n_before)
    )
    return now > last


def rows_to_learn_from(data: TrainingData) -> TrainingData:
    """Return the rows to learn hyperparameters from: the lowest values, and rows spread over the others."""
    n = len(data)
    if n <= MAX_ROWS_LEARNED:
        return data
    order = np.argsort(data.values, kind="stable")
    others = np.sort(order[_N_BEST_LEARNED:])
    spread = np.linspace(0, len(others) - 1, MAX_ROWS_LEARNED - _N_BEST_LEARNED).astype(np.intp)
    rows = np.sort(np.concatenate([order[:_N_BEST_LEARNED], others[spread]]))
    return data.rows(rows)
