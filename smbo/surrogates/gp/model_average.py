"""Bayesian model averaging of Gaussian processes: kernel, convex trend, outcome transform, hyperparameters.

The process of a search has the most probable hyperparameters of one kernel, taken as certain.  Claims need
what is uncertain about them: several models are learned, hyperparameters of each are proposed around its most
probable ones (``hyperparameter_draws``), and all are resampled together by their posterior density.

Source: Hoeting et al. (1999), "Bayesian Model Averaging: A Tutorial".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple, TypeAlias

import numpy as np

from smbo.surrogates.base import FunctionsPosterior
from smbo.surrogates.gp.convex_trend import QUADRATIC, ConvexTrend, ConvexTrendPosterior
from smbo.surrogates.gp.gp import GP, MAX_ROWS_LEARNED, GPPosterior
from smbo.surrogates.gp.hyperparameter_draws import resampled
from smbo.surrogates.gp.kernels import SquaredExponential
from smbo.surrogates.gp.replicated_values import values_told
from smbo.surrogates.gp.universal_kriging import UniversalKriging
from smbo.training_data import TrainingData

Process: TypeAlias = GP | ConvexTrend
ProcessPosterior: TypeAlias = GPPosterior | ConvexTrendPosterior


class Member(NamedTuple):
    """A posterior of an average: how often it was drawn, and how far they deviate.

    Attributes:
        times: number of equal posteriors drawn.
        boldness: factor on the deviations of draws from their mean, for intervals of the optimum.
    """

    posterior: FunctionsPosterior
    times: int
    boldness: float = 1.0


_N_PROPOSED = 48  # hyperparameters of each model
_FEWEST = 4  # values from which models can be told apart
# Standard deviation of an evaluation up to which it counts as exact: learned, in latent units; given, as a
# share of the distance from the lowest value to the median.
_NO_NOISE = 3e-3
# Factors by which intervals hold as often as they say, beside what left-out values tell: truncation to convex
# trends leaves them too wide.  Measured by tests/benchmarks/bench_calibration.py.
_BOLDNESS_EXACT, _BOLDNESS_NOISY, _BOLDNESS_CONVEX = 0.8, 1.1, 0.75
# Least factor by left-out values: of values that are all equal draws still differ, about a level mean.
_LEAST_SCALE = 1e-6
# Prior of the log amplitude beside a quadratic, and its least value: what is left is small, or nothing.
_SMALL_AMPLITUDE, _LEAST_AMPLITUDE = (float(np.log(1e-2)), 2.0), float(np.log(1e-8))


def averaged(surrogate: object, data: TrainingData, n: int, rng: np.random.Generator) -> list[Member] | None:
    """Return n posteriors drawn from the average of models, equal ones together.

    None for a surrogate that is no Gaussian process, and of so many rows that the model is known well
    (``MAX_ROWS_LEARNED``).

    Args:
        surrogate: the search's, with its hyperparameters fixed.
        data: that it was fitted to.
    """
    if not isinstance(surrogate, GP) or surrogate.hyperparameters is None:
        return None
    if not _FEWEST <= data.n_told <= len(data) <= MAX_ROWS_LEARNED:
        return None
    models = [*_models(surrogate, data, rng)]
    found = [model.proposed(data, _N_PROPOSED, rng) for model in models]
    logs = np.concatenate([each.logs for each in found])
    drawn, counts = np.unique(resampled(logs, n, rng), return_counts=True)
    members = []
    for place, count in zip(drawn.tolist(), counts.tolist()):
        model, proposal = divmod(place, _N_PROPOSED)
        process = models[model].with_hyperparameters(found[model].thetas[proposal])
        posterior = process.fit(data)
        members.append(Member(posterior, count, boldness_of(posterior)))
    return members


def boldness_of(posterior: ProcessPosterior) -> float:
    """Return the factor on the deviations of a posterior's draws from their mean.

    It follows the errors of left-out values, in predicted deviations: about 1 where noise is learned.  Of a
    function without noise that is smoother than the model expects they are smaller, and so are the errors of
    the optimum.
    """
    left_out = posterior.left_out()
    scale = max(float(np.sqrt(np.mean(left_out.errors**2 / left_out.variances))), _LEAST_SCALE)
    if posterior.noise <= _NO_NOISE**2:
        return _BOLDNESS_EXACT * scale
    return (_BOLDNESS_CONVEX if isinstance(posterior, ConvexTrendPosterior) else _BOLDNESS_NOISY) * scale


def is_exact(surrogate: object, data: TrainingData) -> bool:
    """Return whether the values have no noise, as given or as a Gaussian process has learned."""
    told = data.variances if data.replicates is None else data.replicates.variances
    if np.isfinite(told).any():
        values = values_told(data)
        reach = float(np.median(values) - values.min())
        return bool(np.nanmax(told) <= (_NO_NOISE * reach) ** 2)
    if not isinstance(surrogate, GP) or surrogate.hyperparameters is None:
        return False
    return surrogate.hyperparameters.log_noise <= 2.0 * np.log(_NO_NOISE)


def _models(process: GP, data: TrainingData, rng: np.random.Generator) -> Iterator[Process]:
    """Return the models to average over, each with its most probable hyperparameters."""
    told = data.variances if data.replicates is None else data.replicates.variances
    # given errors are carried through a power transform to first order only, at noisy values
    is_trusted = is_exact(process, data) or process.power == 1.0 or not np.isfinite(told).any()
    if is_trusted:
        yield process
    plain = replace(process, power=1.0, anchor=0.0, bend_values=False, warp_axes=False, hyperparameters=None)
    if process.power != 1.0 or process.warp_axes:
        yield plain.train(data, {})[0]
    smooth = replace(plain, kernel=SquaredExponential())
    if process.kernel != smooth.kernel:
        yield smooth.train(data, {})[0]
    d = sum(axis.kind != "categorical" for axis in data.axes)
    if d and QUADRATIC.count(d) + 1 < len(data):
        left = replace(smooth.priors, log_amplitude=_SMALL_AMPLITUDE, least_log_amplitude=_LEAST_AMPLITUDE)
        rest = replace(smooth, priors=left)
        yield ConvexTrend.of(UniversalKriging(QUADRATIC, rest).train(data, {})[0], data, rng)
