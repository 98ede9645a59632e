"""Multi-fidelity GP: a kernel over points and fidelities, which predicts the highest fidelity.

The result of a trial at each fidelity is a row of its own (``FidelityResults``).  The fidelity gap z of a row
is 0 at the highest and 1 at the lowest fidelity, on the logarithm of the fidelity.
Between rows at (x, z) and (x', z') the covariance is

    k(x, x') [a (1 + c z) (1 + c z') + s z z' + w r(z, z')] + m z z'

The first term is the function at the highest fidelity, scaled by 1 + c z at lower ones (as in
Kennedy & O'Hagan 2000, "Predicting the output from a complex computer code when fast
approximations are available").  The discrepancy vanishes at the highest fidelity (as in Wu et al.
2020, "Practical multi-fidelity Bayesian optimization for hyperparameter tuning"): a part linear in z (s) and
a process r in z (w), both with the kernel k over points, and a linear part common to
all points (m).  The hyperparameters a, c, s, w, m are learned by maximum a posteriori.  With a trend of
covariance t (universal kriging), a k + t stands in place of a k.

The process r of learning curves (epochs, iterations) is a mixture of exponential decays, given that it is 0
at the highest fidelity (Swersky et al. 2014, "Freeze-thaw Bayesian optimization", section 3.1): the slope of
a curve tells how far it still falls.  Of averages over events it is a Wiener process, r(z, z') = min(z, z').
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from scipy.optimize import minimize

from smbo.errors import NumericalError
from smbo.surrogates import linalg
from smbo.surrogates.base import Memory, is_learning_due
from smbo.surrogates.gp.gp import GP, MIN_TO_TRANSFORM, GPPosterior
from smbo.surrogates.gp.kernels import Features, Kernel, Matern52, squared_distances
from smbo.surrogates.gp.marginal_likelihood import (
    BOUNDS_LENGTH,
    GRADIENT_TOLERANCE,
    VALUE_TOLERANCE,
    Priors,
    constant_mean,
    noise_variances,
)
from smbo.surrogates.gp.outcome_transform import OutcomeTransform, PowerTransform
from smbo.surrogates.gp.universal_kriging import TrendFunction, UniversalKrigingPosterior
from smbo.training_data import Array, Axis, FidelityResults, Target, TrainingData

# Hyperparameters after the length scales: log a, c, log s, log w, log m, log noise; with normal priors
# (measured by tests/benchmarks/bench_asha.py) and bounds.
_N_OTHERS = 6
_PRIOR_MEANS = np.array([0.0, 0.0, np.log(0.1), np.log(0.1), 0.0])
_PRIOR_WIDTHS = np.array([1.0, 0.4, 1.5, 1.5, 1.0])
_NOISE_PRIOR = (float(np.log(2e-2)), 1.0)
_LENGTH_PRIOR = (-1.7, 0.5)
_LOWEST = np.array([np.log(1e-3), -0.9, np.log(1e-5), np.log(1e-6), np.log(1e-4), np.log(1e-6)])
_HIGHEST = np.array([np.log(1e3), 3.0, np.log(1e2), np.log(1e2), np.log(1e2), np.log(1e1)])


@dataclass(frozen=True, eq=False)
class MultiFidelityPosterior:
    """The posterior of values at all fidelities.

    Attributes:
        process: the posterior at the highest fidelity, given the rows of all fidelities, less the trend.
        theta: hyperparameters, see ``MultiFidelityGP``, (d + 6,).
        fidelity_gaps, points: of the rows that it is conditioned on, (N,) and (N, d).
        trend: None without.
        ratio: see ``FidelityResults``.
    """

    process: GPPosterior
    theta: Array
    fidelity_gaps: Array
    points: Array
    trend: TrendFunction | None = None
    ratio: float | None = None

    @property
    def highest(self) -> GPPosterior | UniversalKrigingPosterior:
        """The posterior at the highest fidelity, given the rows of all fidelities."""
        if self.trend is None:
            return self.process
        return UniversalKrigingPosterior(self.process, self.trend, self.points)

    def fantasize(self, points: Array) -> MultiFidelityPosterior:
        """Return the posterior given also its own means as values in full at unit points (m, d)."""
        found = self.highest.fantasize(points)
        return replace(
            self,
            process=found if isinstance(found, GPPosterior) else found.process,
            fidelity_gaps=np.append(self.fidelity_gaps, np.zeros(len(points))),
            points=np.concatenate([self.points, points]),
        )

    def revealed(self, points: Array, fidelity_gap: float, growth: float = 1.0) -> Array:
        """Return ``one_more`` as a share of the highest fidelity's standard deviation, (m,), at most 1."""
        moved = self.one_more(points, fidelity_gap, growth)
        return np.clip(moved / self.highest.standardized.moments(points)[1], 1e-12, 1.0)

    def one_more(
        self, points: Array, fidelity_gap: float, growth: float = 1.0, places: Array | None = None
    ) -> Array:
        """Return the standard deviation of the change of the highest fidelity's mean by an evaluation, (m,).

        The change is that of the posterior mean at (x, 0) by an evaluation at (x, z), predicted before the
        evaluation; latent.

        Args:
            points: unit points, (m, d), each evaluated alone.
            fidelity_gap: z of the evaluation.
            growth: noise variance of the evaluation over that of one at the highest fidelity.
            places: other unit points (r, d) at which the mean changes; the result then is (r, m), signed.
        """
        process, at = self.process, np.full(len(points), fidelity_gap)
        assert process.shown is not None, "as of ``fit_curves``"
        top = points if places is None else places
        smooth = process.features.smooth
        scaled, scaled_top = process.encode(points), process.encode(top)
        profile = process.kernel.profile(squared_distances(scaled, process.scaled))
        to_top = process.cross_covariance(scaled_top)
        to_here = _across(self.theta, at, self.fidelity_gaps, profile, self.ratio)
        prior = _across(self.theta, at[:1], at[:1], np.ones((1, 1)), self.ratio)[0, 0]
        shown = 1.0 + self.theta[1 - _N_OTHERS] * fidelity_gap
        between: Array | float = process.amplitude
        if places is not None:
            between = between * process.kernel.profile(squared_distances(scaled_top, scaled))
        if self.trend is not None:
            rows, here, there = (each[:, smooth] for each in (self.points, points, top))
            to_top = to_top + self.trend.covariance(there, rows) * process.shown
            to_here = to_here + shown * self.trend.covariance(here, rows) * process.shown
            variance = self.trend.variance(here)
            prior = prior + shown**2 * variance
            between = between + (variance if places is None else self.trend.covariance(there, here))
        half, half_top = (linalg.solve_lower(process.factor, each.T) for each in (to_here, to_top))
        variance = np.maximum(prior - np.einsum("ij,ij->j", half, half), 0.0) + growth * process.noise
        explained = np.einsum("ij,ij->j", half, half_top) if places is None else half_top.T @ half
        moved = (shown * between - explained) / np.sqrt(np.maximum(variance, 1e-300))
        return np.abs(moved) if places is None else np.asarray(moved)


@dataclass(frozen=True)
class MultiFidelityGP:
    """Gaussian process of results at several fidelities, which predicts the highest one.

    Training data of a single fidelity is fitted by ``otherwise``.

    Attributes:
        kernel: stationary kernel over points.
        otherwise: surrogate for training data without fidelities.
        theta: fixed hyperparameters; None to learn them.  Log length scales, then log a, c,
            log s, log w, log m and log noise (see the module).
        power, anchor: of the power transform, learned with theta; see ``PowerTransform``.
        bend_values: whether values may be transformed.
        log_noise: mean and deviation of the normal prior on the log noise of a standardised value.
        trend: a random function added to the process at the highest fidelity; None without.
        n_rows: number of rows up to which all are used; of more, those of the highest fidelities, and
            within a fidelity of the lowest values.
        relearn_growth, always_relearn_until, n_iterations: as in ``GP``.

    Example:
        >>> from smbo import Fidelity, Optimizer, Problem
        >>> from smbo.history.encode import encode
        >>> from smbo.surrogates import MultiFidelityGP
        >>> problem = Problem({"x": (0.0, 1.0)}, fidelity=Fidelity(1, 9), early_stopping="asha")
        >>> optimizer = Optimizer(problem, "sobol", seed=1)
        >>> for _ in range(12):
        ...     trial = optimizer.ask()
        ...     _ = optimizer.tell(trial, trial.params["x"] ** 2 + 1.0 / trial.fidelity)
        >>> data = encode(problem, optimizer.trials)
        >>> mean, std = MultiFidelityGP().fit(data).moments(data.points)
        >>> mean.shape == (len(data.points),)
        True
    """

    kernel: Kernel = field(default_factory=Matern52)
    otherwise: GP = field(default_factory=GP)
    theta: tuple[float, ...] | None = None
    power: float = 1.0
    anchor: float = 0.0
    bend_values: bool = True
    log_noise: tuple[float, float] = _NOISE_PRIOR
    trend: TrendFunction | None = None
    n_rows: int = 500
    relearn_growth: float = 0.1
    always_relearn_until: int = 40
    n_iterations: int = 40
    serves: ClassVar[frozenset[Target]] = frozenset({Target.VALUE, Target.FIDELITIES})
    takes_replicates: ClassVar[bool] = True

    @property
    def transfer_base(self) -> MultiFidelityGP:
        """The surrogate itself."""
        return self

    def unbent(self) -> MultiFidelityGP:
        """Return the same surrogate without a transform of the values."""
        return replace(self, bend_values=False, otherwise=self.otherwise.unbent())

    def fit(self, data: TrainingData) -> GPPosterior | UniversalKrigingPosterior:
        """Return the posterior at the highest fidelity.

        Raises:
            NumericalError: no jitter makes the covariance positive definite.
        """
        if data.fidelities is None:
            return self.otherwise.fit(data)
        return self.fit_curves(data).highest

    def fit_curves(self, training_data: TrainingData) -> MultiFidelityPosterior:
        """Return the posterior at all fidelities; ``data.fidelities`` is needed."""
        assert training_data.fidelities is not None
        if self.theta is None:
            trained, _ = self.train(training_data, {})
            return trained.fit_curves(training_data)
        curves, theta = self.kept(training_data.fidelities), np.array(self.theta)
        data = _Data.of(self, training_data.axes, curves, PowerTransform(self.power, self.anchor))
        lengths = np.exp(theta[: len(training_data.axes)])[data.features.columns]
        scaled = data.encoded / lengths
        profile = self.kernel.profile(squared_distances(scaled, scaled))
        noise = data.noise(theta)
        matrix = _across(theta, curves.fidelity_gaps, curves.fidelity_gaps, profile, curves.ratio)
        amplitude, shown = float(np.exp(theta[-_N_OTHERS])), 1.0 + theta[1 - _N_OTHERS] * curves.fidelity_gaps
        to_top = amplitude * profile
        if data.trend is not None:
            to_top += data.trend
            matrix += data.trend * np.outer(shown, shown)
        matrix.flat[:: len(matrix) + 1] += noise
        factor = linalg.cholesky(matrix)
        mean, alpha = constant_mean(factor, data.values)
        process = GPPosterior(
            kernel=self.kernel,
            features=data.features,
            lengths=lengths,
            amplitude=amplitude,
            noise=float(np.median(noise / curves.noise_growth)),
            scale=data.scale,
            scaled=scaled,
            values=data.values,
            factor=factor,
            mean=mean,
            alpha=alpha,
            fitted=mean + to_top @ (shown * alpha),
            n_axes=len(training_data.axes),
            shown=shown,
        )
        gaps, points = curves.fidelity_gaps, curves.points
        return MultiFidelityPosterior(process, theta, gaps, points, self.trend, curves.ratio)

    def train(self, data: TrainingData, memory: Memory) -> tuple[MultiFidelityGP, Memory]:
        """Return the process with its hyperparameters fixed, and the memory that restores them."""
        if data.fidelities is None:
            otherwise, known = self.otherwise.train(data, memory)
            return replace(self, otherwise=otherwise), known
        n, before = len(data.fidelities), memory.get("theta")
        if before is not None and not is_learning_due(
            n, int(memory["n_learned"]), self.always_relearn_until, self.relearn_growth
        ):
            return self._fixed(before, PowerTransform(memory["power"], memory["anchor"])), memory
        theta, bend = self._learn(data, None if before is None else np.array(before))
        learned: dict[str, Any] = {"theta": theta.tolist(), **bend._asdict(), "n_learned": n}
        return self._fixed(learned["theta"], bend), learned

    def _fixed(self, theta: Any, bend: PowerTransform) -> MultiFidelityGP:
        return replace(self, theta=tuple(theta), power=float(bend.power), anchor=float(bend.anchor))

    def _learn(self, training_data: TrainingData, before: Array | None) -> tuple[Array, PowerTransform]:
        """Return the most probable hyperparameters, and the power transform."""
        assert training_data.fidelities is not None
        curves = self.kept(training_data.fidelities)
        means, _ = _prior(len(training_data.axes), self.log_noise)
        if len(curves) < 2:
            return means, PowerTransform()
        is_bent = self.bend_values and self.trend is None  # a polynomial is none after a transform
        bend = _bend_of(curves) if is_bent else PowerTransform()
        data = _Data.of(self, training_data.axes, curves, bend)
        starts = [means] if before is None else [before]
        if before is not None and len(curves) <= self.always_relearn_until:
            starts.append(means)  # cheap, and the optimum found before may be a local one
        found = [_most_probable(data, start, self.n_iterations) for start in starts]
        return min(found, key=lambda item: item[1])[0], bend

    def kept(self, curves: FidelityResults) -> FidelityResults:
        """Return at most ``n_rows`` rows."""
        if len(curves) <= self.n_rows:
            return curves
        best_first = np.lexsort((curves.values, curves.fidelity_gaps))
        return curves.rows(np.sort(best_first[: self.n_rows]))


@dataclass(frozen=True, eq=False)
class _Data:
    """Rows in the likelihood's units: latent values, features of the points."""

    kernel: Kernel
    features: Features
    encoded: Array
    scale: OutcomeTransform
    values: Array
    given: Array
    fidelities: FidelityResults
    n_axes: int
    log_noise: tuple[float, float]
    trend: Array | None

    @classmethod
    def of(
        cls, model: MultiFidelityGP, axes: tuple[Axis, ...], curves: FidelityResults, bend: PowerTransform
    ) -> _Data:
        features, scale = Features.of(axes), OutcomeTransform.of(curves.values, *bend)
        smooth = curves.points[:, features.smooth]
        return cls(
            kernel=model.kernel,
            features=features,
            encoded=features.encode(curves.points),
            scale=scale,
            values=scale.to_latent(curves.values),
            given=curves.variances * scale.slopes(curves.values) ** 2,
            fidelities=curves,
            n_axes=len(axes),
            log_noise=model.log_noise,
            trend=None if model.trend is None else model.trend.covariance(smooth, smooth),
        )

    def noise(self, theta: Array) -> Array:
        """Return each row's noise variance, (N,)."""
        return np.where(
            np.isnan(self.given),
            np.exp(theta[-1]) * self.fidelities.noise_growth,
            noise_variances(self.given, 0.0),
        )


def _bend_of(curves: FidelityResults) -> PowerTransform:
    """Return the power transform of values at all fidelities: the logarithm of the distance to the lowest.

    Its unit is the distance from the lowest value to the median.  It is not chosen by likelihood: on
    learning curves the likeliest transform of all values hardly compresses the tail of high values, and the
    model is then overconfident at the highest fidelity.  Averages over few events are not transformed, since
    a transform would skew their noise.
    """
    is_averaged = bool((curves.noise_growth > 1.0).any())
    return PowerTransform() if is_averaged or len(curves) < MIN_TO_TRANSFORM else PowerTransform(0.0, 1.0)


def _prior(n_axes: int, log_noise: tuple[float, float]) -> tuple[Array, Array]:
    """Return means and deviations of the hyperparameters, each (d + 6,)."""
    means, widths = Priors(log_length=_LENGTH_PRIOR).moments(n_axes)
    return (
        np.concatenate([means[:n_axes], _PRIOR_MEANS, log_noise[:1]]),
        np.concatenate([widths[:n_axes], _PRIOR_WIDTHS, log_noise[1:]]),
    )


def _departures(left: Array, right: Array, ratio: float | None) -> Array:
    """Return r between fidelity gaps (m,) and (n,), shape (m, n): 0 where one is 0, 1 where both are 1."""
    if ratio is None:
        return np.minimum.outer(left, right)
    # in units of the lowest fidelity, in which the rates of the decays are exponentially distributed
    t, u = ratio ** (1.0 - left), ratio ** (1.0 - right)

    def given_the_end(t: Array, u: Array) -> Array:
        at_end = np.outer(1.0 / (t + ratio + 1.0), 1.0 / (u + ratio + 1.0))
        return np.asarray(1.0 / (np.add.outer(t, u) + 1.0) - (2.0 * ratio + 1.0) * at_end)

    return given_the_end(t, u) / given_the_end(np.ones(1), np.ones(1))


def _across(theta: Array, left: Array, right: Array, profile: Array, ratio: float | None) -> Array:
    """Return the covariance between rows of fidelity gaps (m,) and (n,), given k (m, n) over points."""
    a, s, w, m = np.exp(theta[[-6, -4, -3, -2]])
    c, products = theta[-5], np.outer(left, right)
    within = a * np.outer(1.0 + c * left, 1.0 + c * right) + s * products
    within += w * _departures(left, right, ratio)
    return np.asarray(profile * within + m * products)


def _negative(data: _Data, theta: Array) -> tuple[float, Array]:
    """Return minus the log posterior density of the hyperparameters, and its gradient."""
    d, z = data.n_axes, data.fidelities.fidelity_gaps
    a, s, w, m = np.exp(theta[[-6, -4, -3, -2]])
    c, columns = theta[-5], data.features.columns
    scaled = data.encoded / np.exp(theta[:d])[columns]
    profile, slope = data.kernel.profile_and_slope(squared_distances(scaled, scaled))
    shown, products, departures = 1.0 + c * z, np.outer(z, z), _departures(z, z, data.fidelities.ratio)
    value_part = a * np.outer(shown, shown)
    within = value_part + s * products + w * departures
    matrix = profile * within + m * products
    if data.trend is not None:
        matrix += data.trend * np.outer(shown, shown)
    noise = data.noise(theta)
    matrix.flat[:: len(z) + 1] += noise
    try:
        factor = linalg.cholesky(matrix)
    except NumericalError:
        # a huge value makes the line search step back to where the covariance can be factorised
        return 1e300, np.zeros_like(theta)
    mean, alpha = constant_mean(factor, data.values)
    means, widths = _prior(d, data.log_noise)
    pull = (theta - means) / widths
    value = 0.5 * (data.values - mean) @ alpha + np.log(np.diagonal(factor)).sum()
    value += 0.5 * mean**2 + 0.5 * pull @ pull

    weights = linalg.inverse(factor)
    weights -= np.outer(alpha, alpha)
    learned = np.isnan(data.given)
    to_noise = 0.5 * (noise * np.diagonal(weights))[learned].sum()
    to_common = 0.5 * m * (weights * products).sum()
    on_profile = weights * profile
    to_value = 0.5 * (on_profile * value_part).sum()
    to_shown = a * z @ on_profile @ shown
    if data.trend is not None:
        to_shown += z @ (weights * data.trend) @ shown
    to_slope = 0.5 * s * (on_profile * products).sum()
    to_walk = 0.5 * w * (on_profile * departures).sum()
    weights *= slope * within
    pulls = 2.0 * (scaled * weights.sum(axis=1)[:, None] - weights @ scaled)
    to_lengths = -data.features.per_axis(np.einsum("ij,ij->j", pulls, scaled), d)
    slopes = np.array([*to_lengths, to_value, to_shown, to_slope, to_walk, to_common, to_noise])
    return float(value), slopes + pull / widths


def _most_probable(data: _Data, start: Array, n_iterations: int) -> tuple[Array, float]:
    """Return the most probable hyperparameters that L-BFGS finds, and minus their log density."""
    d = data.n_axes
    low = np.concatenate([np.full(d, BOUNDS_LENGTH[0]), _LOWEST])
    high = np.concatenate([np.full(d, BOUNDS_LENGTH[1]), _HIGHEST])

    def target(theta: Array) -> tuple[float, Array]:
        return _negative(data, theta)

    found = minimize(
        target,
        np.clip(start, low, high),
        jac=True,
        method="L-BFGS-B",
        bounds=[(float(a), float(b)) for a, b in zip(low, high)],
        options={"maxiter": n_iterations, "ftol": VALUE_TOLERANCE, "gtol": GRADIENT_TOLERANCE},
    )
    return np.clip(found.x, low, high), float(found.fun)
