"""Explain a recipe: its choice, its learned hyperparameters, and its leave-one-out score."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from smbo.analysis.outliers import SuspectedOutlier, outliers_of
from smbo.errors import SpaceExhausted
from smbo.history.encode import encode
from smbo.problem import Problem
from smbo.proposal.propose import propose
from smbo.proposal.recipe import Recipe
from smbo.proposal.recommend import model_of
from smbo.proposal.request import ProposalRequest
from smbo.proposal.suggest import proposal_rng
from smbo.proposal.transfer import with_transfer
from smbo.surrogates.base import LearnedProcess, LeaveOneOutPosterior, Memory, Surrogate, learner_of
from smbo.training_data import TrainingData
from smbo.trial import Trial

# Length scales above this, in edges of the unit cube, are reported as "nearly flat": along the whole range a
# squared exponential kernel then falls by 5 % only.
_FLAT_LENGTH_SCALE = 3.0
# Standard deviations of a count within which it is as expected.
_BY_CHANCE = 2.0


@dataclass(frozen=True)
class LeaveOneOut:
    """Scores of leave-one-out predictions, with the hyperparameters fixed.

    Attributes:
        n: number of values predicted.
        explained: share of the values' variance that the predictions explain, at most 1; below 0 the
            predictions are worse than the mean of the other values.
        log_density: mean predictive log density of the values, minus that of a normal distribution with
            the values' own mean and variance.
        covered: share of the values inside their 95 % predictive interval.
        n_in_68: number of values inside their 68 % predictive interval; of vector outputs the share of all
            components that are, times n.
        stretch: factor on the width of the 68 % intervals with which they hold 68 % of the values.
    """

    n: int
    explained: float
    log_density: float
    covered: float
    n_in_68: int = 0
    stretch: float = 1.0

    def __str__(self) -> str:
        text = f"of {self.n} values left out one at a time, 68 % intervals hold {self.n_in_68}"
        expected = 0.68 * self.n
        if abs(self.n_in_68 - expected) <= _BY_CHANCE * np.sqrt(0.32 * expected):
            return text
        # learned once for all values, and a stationary process: on smooth functions they are far too wide
        kind = "wide" if self.n_in_68 > expected else "narrow"
        return f"{text}: too {kind}, {self.stretch:.2g} times as wide they would hold 68 %"


@dataclass(frozen=True)
class Explanation:
    """A recipe's choice, learned hyperparameters, predictive score and cost.

    Attributes:
        choice: name of the recipe that the rule chose; "given" for a recipe without a rule.
        reason: reason for the choice, in words.
        surrogate, acquisition: class names.
        n_complete, n_failed, n_pending: numbers of evaluations.
        n_modelled: number of evaluations that the surrogate was fitted to.
        length_scales: by parameter, in widths of its range (on its own, perhaps logarithmic scale), the
            shortest first: the function varies most along these.
        noise: standard deviation of an evaluation around the function, in the value's units.
        amplitude: prior standard deviation of the function, in the value's units.
        power: exponent of the Yeo-Johnson transform of the values; 1 is the identity.
        warped: parameters with input warping.
        region: the trust region's edge length, successes, failures and restarts; empty without one.
        outliers: suspected ones, which the surrogate was not fitted to.
        leave_one_out: predictive score; None for surrogates other than Gaussian processes.
        seconds: by part of the next proposal.
    """

    choice: str
    reason: str
    surrogate: str
    acquisition: str
    n_complete: int
    n_failed: int
    n_pending: int
    n_modelled: int
    length_scales: Mapping[str, float]
    noise: float | None
    amplitude: float | None
    power: float
    warped: tuple[str, ...]
    region: Mapping[str, float]
    outliers: tuple[SuspectedOutlier, ...]
    leave_one_out: LeaveOneOut | None
    seconds: Mapping[str, float]

    def __str__(self) -> str:
        lines = [
            f"recipe: {self.choice}: {self.reason}",
            f"  surrogate {self.surrogate}, acquisition {self.acquisition}",
            f"training data: {self.n_complete} complete, {self.n_failed} failed, {self.n_pending} pending; "
            f"{self.n_modelled} modelled",
        ]
        if self.length_scales:
            lines.append("length scales (in widths of the range; the shortest matter most):")
            lines += [f"  {name}: {_length_text(length)}" for name, length in self.length_scales.items()]
        if self.noise is not None and self.amplitude is not None:
            lines.append(f"noise {self.noise:.3g}, function {self.amplitude:.3g} (standard deviations)")
            lines.append(f"values: {_transform_text(self.power)}")
        if self.warped:
            lines.append(f"warped parameters: {', '.join(self.warped)}")
        if self.region:
            lines.append("region: " + ", ".join(f"{name} {value:g}" for name, value in self.region.items()))
        if self.outliers:
            lines.append("suspected outliers, left out of the model:")
            lines += [f"  {outlier}" for outlier in self.outliers]
        lines.append(_score_text(self.leave_one_out))
        if self.seconds:
            spent = ", ".join(f"{part} {1e3 * value:.1f} ms" for part, value in self.seconds.items())
            lines.append(f"time of a proposal: {spent}")
        return "\n".join(lines)

    def short(self) -> str:
        """Return one line: the recipe chosen, the most relevant parameters, the leave-one-out score."""
        parts = [f"{self.choice} ({self.surrogate})"]
        if self.length_scales:
            parts.append("matters most: " + ", ".join(list(self.length_scales)[:3]))
        if self.outliers:
            numbers = ", ".join(str(outlier.number) for outlier in self.outliers)
            parts.append(f"suspected outliers: trial{'s' if len(self.outliers) > 1 else ''} {numbers}")
        parts.append(_score_text(self.leave_one_out))
        return "; ".join(parts)


def _length_text(length: float) -> str:
    return f"{length:.3g}" + (" (nearly flat)" if length > _FLAT_LENGTH_SCALE else "")


def _transform_text(power: float) -> str:
    if power == 1.0:
        return "not transformed"
    tail = "upper" if power < 1.0 else "lower"
    return f"power transform with exponent {power:.2f}, which shortens their {tail} tail"


def _score_text(score: LeaveOneOut | None) -> str:
    if score is None:
        return "leave-one-out: none"
    return (
        f"leave-one-out on {score.n} values: {100 * score.explained:.0f} % of the variance explained, "
        f"{100 * score.covered:.0f} % in their 95 % intervals; {score}"
    )


def explanation(
    problem: Problem,
    recipe: Recipe,
    trials: Sequence[Trial],
    memory: Memory,
    rng: np.random.Generator | None,
    clock: Callable[[], float],
) -> Explanation:
    """Return the explanation of a recipe, and the time that its next proposal takes.

    Args:
        memory: memory of the last proposal.
        rng: for the proposal that is timed and then discarded; None makes none.
        clock: returns seconds, such as ``time.perf_counter``.
    """
    data = encode(problem, trials)
    began = clock()
    model = model_of(recipe, data, memory)
    fitted = clock()
    posterior = model.posterior
    chosen = model.choice.recipe
    process = posterior if isinstance(posterior, LearnedProcess) else None
    size = _latent_unit(process, model.data) if process is not None else 0.0
    score = leave_one_out(posterior) if isinstance(posterior, LeaveOneOutPosterior) else None
    scored = clock()
    seconds = {"model": fitted - began, "score": scored - fitted}
    if rng is not None:
        with suppress(SpaceExhausted):  # a search that has evaluated all points can be explained too
            propose(ProposalRequest(problem, recipe, data, 1, rng, memory))
            seconds["whole proposal"] = clock() - scored
    return Explanation(
        choice=model.choice.name,
        reason=model.choice.reason,
        surrogate=_class_name(chosen.surrogate),
        acquisition="none" if chosen.surrogate is None else type(chosen.acquisition).__name__,
        n_complete=len(data),
        n_failed=len(data.failed),
        n_pending=len(data.pending),
        n_modelled=0 if posterior is None else model.data.n_told,
        length_scales={} if process is None else _length_scales(process, data),
        noise=None if process is None else _in_units(process.noise, size, data),
        amplitude=None if process is None else _in_units(process.amplitude, size, data),
        power=1.0 if process is None else process.scale.power,
        warped=() if process is None else _warped(process, data),
        region=_region(memory) if chosen.region is not None else {},
        outliers=outliers_of(problem, model, data, trials),
        leave_one_out=score,
        seconds=seconds,
    )


def _latent_unit(process: LearnedProcess, data: TrainingData) -> float:
    """Return the size of one unit of the transformed scale in the values' units, at their median."""
    return 1.0 / float(process.scale.slopes(np.array([np.median(data.values)]))[0])


def _class_name(surrogate: Surrogate | None) -> str:
    if surrogate is None:
        return "none"
    # for a Subset, the wrapped surrogate
    return type(learner_of(surrogate)).__name__


def _in_units(variance: float, size: float, data: TrainingData) -> float:
    """Return the standard deviation of a latent variance in the user's unit."""
    return float(data.told(np.sqrt(variance) * np.array(size)))


def _length_scales(posterior: LearnedProcess, data: TrainingData) -> dict[str, float]:
    of_axes = dict(zip((axis.name for axis in data.axes), posterior.axis_lengths.tolist(), strict=True))
    return dict(sorted(of_axes.items(), key=lambda item: item[1]))


def _warped(posterior: LearnedProcess, data: TrainingData) -> tuple[str, ...]:
    if posterior.warp is None:
        return ()
    strengths = np.maximum(np.abs(posterior.warp.log_a), np.abs(posterior.warp.log_b))
    return tuple(axis.name for axis, strength in zip(data.axes, strengths) if strength > 0.1)


def _region(memory: Memory) -> dict[str, float]:
    stored: Mapping[str, Any] = memory.get("region", {})
    return {name: stored[name] for name in ("length", "successes", "failures", "restarts") if name in stored}


def leave_one_out(posterior: LeaveOneOutPosterior) -> LeaveOneOut | None:
    """Return the leave-one-out score of a posterior, on its transformed scale; None for n < 3.

    For vector outputs each component of an evaluation, noise included, is predicted from all other
    evaluations, and components are weighted by their effect on the loss.

    Source: Rasmussen & Williams (2006), "Gaussian Processes for Machine Learning", eq. 5.10-5.12.
    """
    values, errors, variances, weights = posterior.left_out()
    if values.size == 0 or values.shape[1] < 3 or not values.var(axis=1).any():
        return None
    spreads = np.maximum(values.var(axis=1), 1e-300)
    logs = -0.5 * np.log(2.0 * np.pi * variances) - 0.5 * errors**2 / variances
    deviations = np.abs(errors) / np.sqrt(variances)
    # log density of a normal distribution with the values' own mean and variance
    plain = -0.5 * np.log(2.0 * np.pi * spreads) - 0.5
    return LeaveOneOut(
        n=values.shape[1],
        explained=float(1.0 - (weights @ (errors**2).mean(axis=1)) / max(float(weights @ spreads), 1e-300)),
        log_density=float((logs.mean(axis=1) - plain).mean()),
        covered=float((deviations <= 1.959964).mean()),
        n_in_68=round(values.shape[1] * float((deviations <= 0.994458).mean())),
        stretch=float(np.quantile(deviations, 0.68)) / 0.994458,
    )


def explained(
    problem: Problem,
    recipe: Recipe,
    seed: int,
    trials: Sequence[Trial],
    memory: Memory,
    *,
    times_a_proposal: bool = True,
) -> Explanation:
    """Return the explanation of a recipe after these trials."""
    rng = proposal_rng(seed, len(trials)) if times_a_proposal else None
    recipe = with_transfer(problem, recipe)
    return explanation(problem, recipe, trials, memory, rng, time.perf_counter)
