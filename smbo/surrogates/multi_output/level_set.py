"""Surrogate of level sets: GPs of each function, on the scale that best predicts the order of its values.

The scale (linear, logarithmic, or -log(-log p) for p-values) is chosen by leave-one-out: the log probability,
given all other values, of where each value is among the level and the deciles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from scipy.special import log_ndtr, ndtr

from smbo.errors import RecipeError
from smbo.problem.level_set import LevelSet, NearestLevel, scaled, unscaled
from smbo.surrogates.base import FidelitiesPosterior, FitsFidelities, LeftOut, Memory, is_learning_due
from smbo.surrogates.gp.gp import GP, GPPosterior
from smbo.surrogates.gp.kernel_selection import KernelSelection
from smbo.surrogates.gp.marginal_likelihood import Priors
from smbo.surrogates.gp.multi_fidelity import MultiFidelityGP
from smbo.surrogates.gp.outcome_transform import NODES, WEIGHTS, OutcomeTransform
from smbo.surrogates.gp.trend_selection import Candidate, Process, TrendSelection
from smbo.surrogates.gp.universal_kriging import UniversalKrigingPosterior
from smbo.surrogates.multi_output.hidden_structure import HiddenStructure
from smbo.surrogates.transfer import MIN_GAIN, SourceData, Transfer
from smbo.training_data import Array, Axis, Target, TrainingData

# Log probability by which another scale must exceed the linear one.  The scale of p-values may fall short of
# the linear one by as much if values lie below this share of the level, where it is the natural scale.
_MIN_GAIN_SCALE = 2.0
_LOW_P_VALUE = 0.05
# Evaluations are at the contour, so that each may show structure: hyperparameters of five evaluations ago can
# be surprised by 20 in log probability.
_ALWAYS_RELEARNED = 48
# Scales are compared at every new value up to so many, and once their number has grown by this share beyond.
_ALWAYS_COMPARED, _COMPARED_GROWTH = 12, 0.2
_DECILES = np.arange(1, 10) / 10.0
_LEAST_GAP = 1e-9  # between a value and a threshold, as a share of the values' range
_LEAST_WEIGHT = 0.03  # of a model in the claim: below, it costs a factorisation and changes nothing
# A contour is resolved more finely than an optimum, relative to the spread of the values: the prior has its
# mean at less noise.
_MOST_RESULTS = MultiFidelityGP().n_rows  # of more the process would keep the lowest, far from the level
_LOW_NOISE_PRIORS = Priors(log_noise=(float(np.log(1e-5)), 3.5))


@dataclass(frozen=True)
class ValueScale:
    """The map from a function's latent scale to its values.

    Attributes:
        level: of the function.
        scale: scale of the values, one of ``SCALES``.
        transform: from that scale to the latent one.
    """

    level: float
    scale: str
    transform: OutcomeTransform

    def moments(self, mean: Array, std: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation of a value whose latent is N(mean, std²), each (m,)."""
        if self.scale == "linear":
            above, std = self.transform.moments(mean, std)
            return above + self.level, std
        above = self.transform.from_latent(mean[:, None] + std[:, None] * NODES)
        values = unscaled(above, self.level, self.scale)
        expected = values @ WEIGHTS
        return expected, np.sqrt(((values - expected[:, None]) ** 2) @ WEIGHTS)


@dataclass(frozen=True, eq=False)
class Weighted:
    """One of the models of a function, by the share of the claim that it makes.

    Attributes:
        weight: probability of the model.
        process: its posterior, on its latent scale.
        level: on the same scale.
        belief: its posterior at all fidelities; None at a single one.
    """

    weight: float
    process: GPPosterior | UniversalKrigingPosterior
    level: float
    belief: FidelitiesPosterior | None = None

    def fantasize(self, points: Array) -> Weighted:
        """Return the model given also its own means as values at unit points (m, d)."""
        belief = None if self.belief is None else self.belief.fantasize(points)
        return replace(self, process=self.process.fantasize(points), belief=belief)


@dataclass(frozen=True, eq=False)
class LevelPosterior:
    """The posterior of the functions of a level set.

    What is claimed (``above``) is of all likely models of each function, and of structure that evaluations
    have not shown; points are chosen by the likeliest model, and by that structure.

    Attributes:
        names: of the functions, k of them.
        models: of each function, the likeliest first.
        scales: the map from the latent scale of the likeliest model to the function's values.
        told: unit points of evaluations and fantasies, (n, d).
        axes: of the space, d of them.
        structure: prior of structure that evaluations have not shown.
        inflation: factor on the standard deviations of processes in what is claimed.
    """

    names: tuple[str, ...]
    models: tuple[tuple[Weighted, ...], ...]
    scales: tuple[ValueScale, ...]
    told: Array
    axes: tuple[Axis, ...]
    structure: HiddenStructure
    inflation: float = 1.0

    @property
    def processes(self) -> tuple[GPPosterior | UniversalKrigingPosterior, ...]:
        """The likeliest posterior of each function, on its latent scale."""
        return tuple(models[0].process for models in self.models)

    @property
    def beliefs(self) -> tuple[FidelitiesPosterior, ...]:
        """The likeliest posterior of each function at all fidelities; () at a single one."""
        return tuple(models[0].belief for models in self.models if models[0].belief is not None)

    @property
    def levels(self) -> Array:
        """The levels on the same scales, (k,)."""
        return np.array([models[0].level for models in self.models])

    @property
    def height(self) -> float:
        """Standard deviation of hidden structure, latent."""
        return self.structure.height

    def seen(self, points: Array, others: Array) -> Array:
        """Return the probability that structure at unit points (m, d) shows at others (r, d), (m, r)."""
        return self.structure.seen(points, others, self.axes)

    def hidden(self, points: Array) -> Array:
        """Return the probability of structure that no evaluation has shown, at unit points (m, d), (m,)."""
        return self.structure.left(points, self.told, self.axes)

    def offsets(self, points: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation of function minus level at unit points (m, d), each (k, m).

        Of the likeliest model, on the latent scale, on which both are normal.
        """
        pairs = [process.moments(points) for process in self.processes]
        mean = np.array([mean for mean, _ in pairs]) - self.levels[:, None]
        return mean, np.array([std for _, std in pairs])

    def value_moments(self, points: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation of the functions at unit points (m, d), each (k, m)."""
        pairs = []
        for process, scale in zip(self.processes, self.scales):
            mean, std = process.moments(points)
            pairs.append(scale.moments(mean, self.inflation * std))
        return np.array([mean for mean, _ in pairs]), np.array([std for _, std in pairs])

    def above(self, points: Array) -> Array:
        """Return the probability that each function is above its level at unit points (m, d), (k, m)."""
        hidden = self.hidden(points)
        return np.array([self._above(models, points, hidden) for models in self.models])

    def _above(self, models: tuple[Weighted, ...], points: Array, hidden: Array) -> Array:
        """Return the probability that a function is above its level at unit points (m, d), (m,)."""
        total = np.zeros(len(points))
        for model in models:
            mean, std = model.process.moments(points)
            mean, std = mean - model.level, self.inflation * std
            known, unknown = ndtr(mean / std), ndtr(mean / np.hypot(std, self.height))
            total += model.weight * ((1.0 - hidden) * known + hidden * unknown)
        return total

    def left_out(self) -> LeftOut:
        """Return how each function is predicted from all other evaluations, with deviations as claimed."""
        found = [process.left_out_moments() for process in self.processes]
        values = np.array([process.values for process in self.processes])
        means, variances = (np.array(each) for each in zip(*found))
        return LeftOut(values, values - means, variances * self.inflation**2, np.ones(len(values)))

    def moments(self, points: Array) -> tuple[Array, Array]:
        """Return the distance of the mean from the nearest level, and that function's deviation, each (m,).

        In prior standard deviations of the functions, so that several functions can be compared.
        """
        mean, std = self.offsets(points)
        sizes = np.array([np.sqrt(process.amplitude) for process in self.processes])[:, None]
        away = np.abs(mean) / sizes
        nearest = np.argmin(away, axis=0)[None]
        return np.take_along_axis(away, nearest, 0)[0], np.take_along_axis(std / sizes, nearest, 0)[0]

    def fantasize(self, points: Array) -> LevelPosterior:
        """Return the posterior given also its own means as values at unit points (m, d)."""
        return replace(
            self,
            models=tuple(tuple(model.fantasize(points) for model in models) for models in self.models),
            told=np.concatenate([self.told, points]),
        )


@dataclass(frozen=True)
class Learned:
    """Scale and trained Gaussian processes of one function.

    Attributes:
        scale: of the values, one of ``SCALES``.
        candidates: with their hyperparameters fixed, the likeliest first.
    """

    scale: str
    candidates: tuple[Candidate, ...]


@runtime_checkable
class OffersCandidates(Protocol):
    """A selection that keeps the models that it did not choose."""

    def candidates(self, data: TrainingData, memory: Memory) -> tuple[list[Candidate], dict[str, Any]]:
        """Return all surrogates with their hyperparameters fixed, the likeliest first, and the memory."""


@dataclass(frozen=True)
class LevelGP:
    """A Gaussian process of each function of a level set, each on a scale chosen by leave-one-out.

    Attributes:
        process: untrained, for every function.
        learned: scale and trained processes of each function; () to learn them.
        structure: prior of structure that evaluations have not shown, for what is claimed and where to look.
        temperature: by which differences of log density are divided when models are weighed.  Hyperparameters
            are at their maximum in each, which makes the likeliest model look surer than it is.
        sources: source studies with the functions as outputs; () without transfer.
        inflation: factor on the standard deviations in what is claimed, for the same reason.  Both are
        measured by
            tests/benchmarks/bench_levels.py --calibration.

    Example:
        >>> import numpy as np
        >>> from smbo import LevelSet, Optimizer, Problem
        >>> from smbo.history.encode import encode
        >>> from smbo.surrogates import LevelGP
        >>> optimizer = Optimizer(Problem({"x": (0.0, 1.0)}, level_set=LevelSet(0.5)), "sobol", seed=1)
        >>> for trial in optimizer.ask(8):
        ...     _ = optimizer.tell(trial, trial.params["x"] ** 2)
        >>> posterior = LevelGP().fit(encode(optimizer.problem, optimizer.trials))
        >>> posterior.above(np.array([[0.1], [0.95]])).round(1)
        array([[0., 1.]])
    """

    process: GP | KernelSelection | TrendSelection | MultiFidelityGP = field(
        default_factory=lambda: TrendSelection(
            KernelSelection(GP(priors=_LOW_NOISE_PRIORS, always_relearn_until=_ALWAYS_RELEARNED))
        )
    )
    learned: tuple[Learned, ...] = ()
    structure: HiddenStructure = field(default_factory=HiddenStructure)
    temperature: float = 3.0
    inflation: float = 1.25
    sources: tuple[SourceData, ...] = ()
    serves: ClassVar[frozenset[Target]] = frozenset({Target.LEVEL_SET})
    takes_replicates: ClassVar[bool] = True

    @classmethod
    def at_fidelities(cls) -> LevelGP:
        """Return the surrogate of results at several fidelities."""
        process = MultiFidelityGP(
            log_noise=_LOW_NOISE_PRIORS.log_noise, always_relearn_until=_ALWAYS_RELEARNED
        )
        return cls(TrendSelection(KernelSelection(process), ridges=False))

    def fit(self, data: TrainingData) -> LevelPosterior:
        """Return the posterior; hyperparameters are learned first where none are fixed.

        Raises:
            RecipeError: the problem has no level set.
            NumericalError: a covariance is not positive definite, whatever jitter is added.
        """
        if not self.learned:
            return self.train(data, {})[0].fit(data)
        level_set, data = _level_set(data), _near_the_levels(data)
        models, scales = [], []
        for k, (level, learned) in enumerate(zip(level_set.levels, self.learned)):
            fitted = [
                (weight, *_fitted(learned.scale, surrogate, data, level_set, k))
                for weight, surrogate in _likely(learned.candidates, self.temperature)
            ]
            models.append(tuple(Weighted(weight, process, there) for weight, process, there, _ in fitted))
            likeliest = learned.candidates[0].surrogate
            if data.fidelities is not None and isinstance(likeliest, FitsFidelities):
                belief = likeliest.fit_curves(_of_one(data, level_set, k, learned.scale))
                models[-1] = (replace(models[-1][0], belief=belief), *models[-1][1:])
            scales.append(ValueScale(level, learned.scale, fitted[0][3]))
        return LevelPosterior(
            names=level_set.names,
            models=tuple(models),
            scales=tuple(scales),
            told=data.points,
            axes=tuple(data.axes),
            structure=self.structure,
            inflation=self.inflation,
        )

    def train(self, data: TrainingData, memory: Memory) -> tuple[LevelGP, Memory]:
        """Return the surrogate with its hyperparameters fixed, and the memory that restores them."""
        level_set, data = _level_set(data), _near_the_levels(data)
        before: Mapping[str, Any] = memory.get("functions", {})
        pairs = {
            name: self._train_one(data, level_set, k, before.get(name, {}))
            for k, name in enumerate(level_set.names)
        }
        trained = tuple(learned for learned, _ in pairs.values())
        return replace(self, learned=trained), {
            "functions": {name: kept for name, (_, kept) in pairs.items()}
        }

    def with_sources(self, sources: Sequence[Sequence[SourceData]]) -> LevelGP:
        """Return the surrogate with source studies, whose outputs are the functions."""
        return replace(self, sources=tuple(sources[0]))

    def _train_one(
        self, data: TrainingData, level_set: LevelSet, k: int, memory: Memory
    ) -> tuple[Learned, dict[str, Any]]:
        """Return scale and trained processes of function k, and their memory."""
        measured = data if data.fidelities is None else data.fidelities.data
        assert measured.outputs is not None
        values = measured.outputs.values[:, k]
        kept: dict[str, Any] = {scale: dict(own) for scale, own in memory.get("scales", {}).items()}
        scales = level_set.scales(values, k)
        chosen, n, n_compared = str(memory.get("scale")), measured.n_told, int(memory.get("n_compared", 0))
        is_due = chosen not in scales or is_learning_due(n, n_compared, _ALWAYS_COMPARED, _COMPARED_GROWTH)
        found: dict[str, Learned] = {}
        for scale in scales if is_due else (chosen,):
            found[scale], learned = self._train_on(data, level_set, k, scale, kept.get(scale, {}))
            kept[scale] = dict(learned)
        if is_due and (len(found) > 1 or chosen not in found):
            level, n_compared = level_set.levels[k], n
            lowest = float(values.min()) / level if level > 0.0 else 1.0
            thresholds = _thresholds(values, level, tuple(found))
            scores = {}
            for scale, each in found.items():
                process, _, transform = _fitted(scale, each.candidates[0].surrogate, data, level_set, k)
                there = transform.to_latent(scaled(thresholds, np.zeros(len(thresholds)), level, scale)[0])
                scores[scale] = _order_log_probability(process, values, thresholds, there)
                scores[scale] -= _price(scale, lowest)
            chosen = max(scores, key=lambda scale: scores[scale])
        return found[chosen], {"scale": chosen, "n_compared": n_compared, "scales": kept}

    def _train_on(
        self, data: TrainingData, level_set: LevelSet, k: int, scale: str, memory: Memory
    ) -> tuple[Learned, Memory]:
        """Return the trained processes of function k on a scale, and their memory."""
        process, one = self.process, _of_one(data, level_set, k, scale)
        if scale != "linear" or level_set.transform != "auto":  # no power transform beside the scale
            process = process.unbent()
        if isinstance(process, OffersCandidates):
            candidates, learned = process.candidates(one, memory)
        else:
            trained, kept = process.train(one, memory)
            candidates, learned = [Candidate(trained, 0.0)], dict(kept)
        if self.sources:
            base, level = process.transfer_base, level_set.levels[k]
            sources = tuple(_source_of_one(each, k, level, scale) for each in self.sources)
            around, learned["transfer"] = Transfer(base, sources, base, MIN_GAIN).train(
                one, memory.get("transfer", {})
            )
            if around.is_in_use and one.fidelities is not None:  # scores are of values at one fidelity
                candidates = [Candidate(around, 0.0)]
            elif around.is_in_use:
                candidates.append(Candidate(around, around.log_density(one)))
                candidates.sort(key=lambda candidate: -candidate.score)
        return Learned(scale, tuple(candidates)), learned


def _likely(candidates: Sequence[Candidate], temperature: float) -> list[tuple[float, Process]]:
    """Return the candidates with a weight worth fitting, and these weights, which add up to one."""
    scores = np.array([candidate.score for candidate in candidates])
    weights = np.exp((scores - scores[0]) / temperature)
    kept = weights >= _LEAST_WEIGHT * weights.sum()
    weights = weights[kept] / weights[kept].sum()
    return [(w, each.surrogate) for w, each in zip(weights.tolist(), compress(candidates, kept))]


def _fitted(
    scale: str,
    surrogate: Process,
    data: TrainingData,
    level_set: LevelSet,
    k: int,
) -> tuple[GPPosterior | UniversalKrigingPosterior, float, OutcomeTransform]:
    """Return the posterior of function k on its latent scale, its level there, and the transform."""
    fitted = surrogate.fit(_of_one(data, level_set, k, scale))
    # the training data of a function are its values minus the level; ``latent`` would keep the units of an
    # affine scale
    return fitted.standardized, float(fitted.scale.to_latent(np.zeros(1))[0]), fitted.scale


def _source_of_one(source: SourceData, k: int, level: float, scale: str) -> SourceData:
    """Return a source study of function k alone, on the scale on which it is modelled."""
    assert source.outputs is not None
    told, variances = source.outputs.values[:, k], source.outputs.variances[:, k]
    return SourceData(source.points, scaled(told, variances, level, scale)[0])


def _price(scale: str, lowest: float) -> float:
    """Return the log probability by which a scale must exceed the linear one.

    Args:
        lowest: lowest value in units of the level.
    """
    if scale == "linear":
        return 0.0
    return -_MIN_GAIN_SCALE if scale == "p-value" and lowest < _LOW_P_VALUE else _MIN_GAIN_SCALE


def _thresholds(values: Array, level: float, scales: tuple[str, ...]) -> Array:
    """Return the level and those deciles of the values (n,) that no value equals on any of the scales, (t,).

    Where a scale clips values, or they lie on a plateau, nothing tells on which side of itself a value is.
    """
    thresholds = np.append(np.quantile(values, _DECILES), level)
    apart = np.ones(len(thresholds), dtype=np.bool_)
    for scale in scales:
        places, there = (scaled(each, np.zeros(len(each)), level, scale)[0] for each in (values, thresholds))
        apart &= np.abs(places[:, None] - there).min(axis=0) > _LEAST_GAP * max(float(np.ptp(places)), 1e-300)
    return thresholds[apart]


def _order_log_probability(
    posterior: GPPosterior | UniversalKrigingPosterior, values: Array, thresholds: Array, latent: Array
) -> float:
    """Return the leave-one-out log probability of where each value is among thresholds.

    The sum over thresholds of the log probability of the side on which each value is: sides do not depend on
    the scale, so that scales can be compared.  By the side of the level alone they cannot: the more
    evaluations are at the contour, the more that is a toss-up on every scale.

    Args:
        values: of the function, (n,).
        thresholds: in the same units, (t,).
        latent: thresholds on the posterior's latent scale, (t,).
    """
    mean, variance = posterior.left_out_moments()
    sides = np.where(values[:, None] > thresholds, 1.0, -1.0)
    return float(log_ndtr(sides * (mean[:, None] - latent) / np.sqrt(variance)[:, None]).sum())


def _of_one(data: TrainingData, level_set: LevelSet, k: int, scale: str) -> TrainingData:
    """Return the training data of function k, as if it were the only one."""
    assert data.outputs is not None
    vectors = data.outputs
    values, variances = scaled(vectors.values[:, k], vectors.variances[:, k], level_set.levels[k], scale)
    # a variance of zero stands for no given variance: the noise is learned
    known = np.where(variances > 0.0, variances, np.nan)
    results = data.fidelities
    if results is not None:
        results = replace(results, data=_of_one(results.data, level_set, k, scale))
    return replace(data, values=values, variances=known, outputs=None, fidelities=results)


def _near_the_levels(data: TrainingData) -> TrainingData:
    """Return training data with at most ``_MOST_RESULTS`` results at several fidelities.

    Two thirds are those of the highest fidelities nearest to a level; the others are spread over the rest.
    """
    results = data.fidelities
    if results is None or len(results) <= _MOST_RESULTS:
        return data
    nearest, rest = np.split(np.lexsort((results.values, results.fidelity_gaps)), [2 * _MOST_RESULTS // 3])
    spread = rest[np.linspace(0, len(rest) - 1, _MOST_RESULTS - len(nearest)).astype(np.intp)]
    return replace(data, fidelities=results.rows(np.sort(np.concatenate([nearest, spread]))))


def _level_set(data: TrainingData) -> LevelSet:
    loss = None if data.outputs is None else data.outputs.loss
    if not isinstance(loss, NearestLevel):
        raise RecipeError("LevelGP needs a level set: Problem(..., level_set=LevelSet(0.05, of=[names]))")
    return loss.level_set
