"""Why a recipe proposes what it proposes: what was chosen, what was learned, how well it predicts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

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

# A length scale of so many edges of the cube: the function is all but flat along that axis.
_FLAT = 3.0


@dataclass(frozen=True)
class LeaveOneOut:
    """How well each value is predicted from all others, with the hyperparameters as they are.

    Attributes:
        n: values predicted.
        explained: share of the values' variance that the predictions explain, at most 1; below 0 they
            are worse than the mean of the others.
        log_density: mean log density of the values, above that of a normal distribution of theirs.
        covered: share of the values inside their 95 % interval.
    """

    n: int
    explained: float
    log_density: float
    covered: float


@dataclass(frozen=True)
class Explanation:
    """What a recipe makes of the training data.

    Attributes:
        choice: name of what the recipe's rule chose; "given" where it has none.
        reason: why.
        surrogate, acquisition: as they print.
        n_complete, n_failed, n_pending: evaluations.
        n_modelled: evaluations that the surrogate was given.
        lengths: length scale by parameter, in widths of its range (on its own, perhaps logarithmic
            scale), the shortest first: short ones matter most.
        noise: standard deviation of an evaluation about the function, in the value's units.
        amplitude: standard deviation of the function, likewise.
        power: of Yeo & Johnson's transform of the values; 1 leaves them as they are.
        bent: parameters whose axis is bent.
        region: the trust region's edge, successes, failures and restarts; empty without one.
        leave_one_out: predictive score; None where the surrogate has none.
        seconds: that the parts of the next proposal take, by part.
    """

    choice: str
    reason: str
    surrogate: str
    acquisition: str
    n_complete: int
    n_failed: int
    n_pending: int
    n_modelled: int
    lengths: Mapping[str, float]
    noise: float | None
    amplitude: float | None
    power: float
    bent: tuple[str, ...]
    region: Mapping[str, float]
    leave_one_out: LeaveOneOut | None
    seconds: Mapping[str, float]

    def __str__(self) -> str:
        lines = [
            f"recipe: {self.choice}: {self.reason}",
            f"  surrogate {self.surrogate}, acquisition {self.acquisition}",
            f"training data: {self.n_complete} complete, {self.n_failed} failed, {self.n_pending} under way; "
            f"{self.n_modelled} modelled",
        ]
        if self.lengths:
            lines.append("length scales (in widths of the range; short ones matter most):")
            lines += [f"  {name}: {_length(length)}" for name, length in self.lengths.items()]
        if self.noise is not None and self.amplitude is not None:
            lines.append(f"noise {self.noise:.3g}, function {self.amplitude:.3g} (standard deviations)")
            lines.append(f"values: {_transform(self.power)}")
        if self.bent:
            lines.append(f"bent axes: {', '.join(self.bent)}")
        if self.region:
            lines.append("region: " + ", ".join(f"{name} {value:g}" for name, value in self.region.items()))
        lines.append(_score_text(self.leave_one_out))
        if self.seconds:
            spent = ", ".join(f"{part} {1e3 * value:.1f} ms" for part, value in self.seconds.items())
            lines.append(f"time of a proposal: {spent}")
        return "\n".join(lines)

    def short(self) -> str:
        """Return one line: what was chosen, what matters most, how well it predicts."""
        parts = [f"{self.choice} ({self.surrogate})"]
        if self.lengths:
            parts.append("matters most: " + ", ".join(list(self.lengths)[:3]))
        parts.append(_score_text(self.leave_one_out))
        return "; ".join(parts)


def _length(length: float) -> str:
    return f"{length:.3g}" + (" (all but flat)" if length > _FLAT else "")


def _transform(power: float) -> str:
    if power == 1.0:
        return "as they are"
    tail = "upper" if power < 1.0 else "lower"
    return f"bent with power {power:.2f}: their long {tail} tail is brought in"


def _score_text(score: LeaveOneOut | None) -> str:
    if score is None:
        return "leave-one-out: none"
    return (
        f"leave-one-out on {score.n} values: {100 * score.explained:.0f} % of the variance explained, "
        f"{100 * score.covered:.0f} % in their 95 % intervals"
    )


def explanation(
    problem: Problem,
    recipe: Recipe,
    data: TrainingData,
    memory: Memory,
    rng: np.random.Generator,
    clock: Callable[[], float],
) -> Explanation:
    """Return what a recipe makes of the training data, and what its next proposal costs.

    Args:
        memory: of the last proposal.
        rng: for the proposal that is timed; it is thrown away.
        clock: seconds, such as time.perf_counter.
    """
    began = clock()
    model = model_of(recipe, data, memory)
    fitted = clock()
    posterior = model.posterior
    chosen = model.choice.recipe
    process = posterior if isinstance(posterior, LearnedProcess) else None
    size = _latent_unit(process, model.data) if process is not None else 0.0
    score = leave_one_out(posterior) if isinstance(posterior, LeaveOneOutPosterior) else None
    scored = clock()
    propose(ProposalRequest(problem, recipe, data, 1, rng, memory))
    proposed = clock()
    return Explanation(
        choice=model.choice.name,
        reason=model.choice.reason,
        surrogate=_name(chosen.surrogate),
        acquisition="none" if chosen.surrogate is None else type(chosen.acquisition).__name__,
        n_complete=len(data),
        n_failed=len(data.failed),
        n_pending=len(data.pending),
        n_modelled=0 if posterior is None else model.data.n_told,
        lengths={} if process is None else _lengths(process, data),
        noise=None if process is None else _width(process.noise) * size,
        amplitude=None if process is None else _width(process.amplitude) * size,
        power=1.0 if process is None else process.scale.power,
        bent=() if process is None else _bent(process, data),
        region=_region(memory) if chosen.region is not None else {},
        leave_one_out=score,
        seconds={"model": fitted - began, "score": scored - fitted, "whole proposal": proposed - scored},
    )


def _latent_unit(process: LearnedProcess, data: TrainingData) -> float:
    """Return what a step of one on the latent scale is in the units of the values, at their median."""
    return 1.0 / float(process.scale.slopes(np.array([np.median(data.values)]))[0])


def _name(surrogate: Surrogate | None) -> str:
    if surrogate is None:
        return "none"
    # of a surrogate at bounded cost, the one that learns
    return type(learner_of(surrogate)).__name__


def _width(variance: float) -> float:
    return float(np.sqrt(variance))


def _lengths(posterior: LearnedProcess, data: TrainingData) -> dict[str, float]:
    of_axes = dict(zip((axis.name for axis in data.axes), posterior.axis_lengths.tolist(), strict=True))
    return dict(sorted(of_axes.items(), key=lambda item: item[1]))


def _bent(posterior: LearnedProcess, data: TrainingData) -> tuple[str, ...]:
    if posterior.warp is None:
        return ()
    strengths = np.maximum(np.abs(posterior.warp.log_a), np.abs(posterior.warp.log_b))
    return tuple(axis.name for axis, strength in zip(data.axes, strengths) if strength > 0.1)


def _region(memory: Memory) -> dict[str, float]:
    stored: Mapping[str, Any] = memory.get("region", {})
    return {name: stored[name] for name in ("length", "successes", "failures", "restarts") if name in stored}


def leave_one_out(posterior: LeaveOneOutPosterior) -> LeaveOneOut | None:
    """Return the predictive score of a posterior, on its latent scale; None below three values.

    Of vector outputs each component of an evaluation, noise included, is predicted from all other
    evaluations, and components count by what they do to the loss.

    Source: Rasmussen & Williams (2006), "Gaussian Processes for Machine Learning", eq. 5.10-5.12.
    """
    values, errors, variances, weights = posterior.left_out()
    if values.size == 0 or values.shape[1] < 3 or not values.var(axis=1).any():
        return None
    spreads = np.maximum(values.var(axis=1), 1e-300)
    logs = -0.5 * np.log(2.0 * np.pi * variances) - 0.5 * errors**2 / variances
    # of a normal distribution with the values' own mean and variance
    plain = -0.5 * np.log(2.0 * np.pi * spreads) - 0.5
    return LeaveOneOut(
        n=values.shape[1],
        explained=float(1.0 - (weights @ (errors**2).mean(axis=1)) / max(float(weights @ spreads), 1e-300)),
        log_density=float((logs.mean(axis=1) - plain).mean()),
        covered=float((np.abs(errors) <= 1.959964 * np.sqrt(variances)).mean()),
    )


def explained(
    problem: Problem, recipe: Recipe, seed: int, trials: Sequence[Trial], memory: Memory
) -> Explanation:
    """Return why the recipe proposes what it does, what it learned and how well it predicts."""
    rng, recipe = proposal_rng(seed, len(trials)), with_transfer(problem, recipe)
    return explanation(problem, recipe, encode(problem, trials), memory, rng, time.perf_counter)
