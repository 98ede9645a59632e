"""Automatic weights of observables in a tune: robust reweighting, and a bilevel search.

An observable that no parameter values describe biases the parameters, which compensate for what the model
lacks.  Usually such data are given less weight by judgement; in this module by one of two rules.

"robust": an observable whose mean squared pull s exceeds one gets the weight 1/s, iterated to convergence.
This assumes that its errors are underestimated by a scale factor √s of its own, as the Particle Data Group
does for each measurement; the fit minimises Σ n log s over those above one.

"bilevel": weights whose tune has the lowest portfolio score, mean plus standard
deviation of s over the observables.  It trades a little of the best described observables for the worst.

Sources: Krishnamoorthy et al. (2021), "Apprentice for Event Generator Tuning", arXiv:2103.05748; Wang et al.
(2021), "BROOD: Bilevel and Robust Optimization and Outlier Detection for Efficient Tuning of High-Energy
Physics Event Generators", arXiv:2103.05751 (the portfolio of mean and variance); Particle Data Group,
"Review of Particle Physics", section 5.2.2 of the introduction (scale factors).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from smbo.errors import ProblemError
from smbo.problem import Problem
from smbo.training_data import TrainingData
from smbo.tuning.bins import BinModel
from smbo.tuning.fit import refit
from smbo.tuning.statistic import TuneSettings
from smbo.tuning.tune import Tune

Method = Literal["robust", "bilevel"]

_MAX_ROUNDS = 40
_WEIGHT_TOLERANCE = 1e-3  # largest change of a weight at convergence
_MIN_WEIGHT = 1e-3
_N_TRIALS = 120  # sets of weights in the outer search, each with a fit


@dataclass(frozen=True, eq=False)
class AutomaticWeights:
    """Weights of observables by a rule, with the tunes by these and by equal weights.

    Attributes:
        method: the rule.
        weights: by observable, the product with those of the settings.
        tune: the tune with these weights.
        equal: the tune with the weights of the settings alone.
        alone: mean squared pull of each observable in a tune to it alone, the lowest that the model allows.
        n_fits: number of fits computed.
    """

    method: Method
    weights: Mapping[str, float]
    tune: Tune
    equal: Tune
    alone: Mapping[str, float]
    n_fits: int


def automatic_weights(
    problem: Problem, data: TrainingData, settings: TuneSettings | None = None, method: Method = "robust"
) -> AutomaticWeights:
    """Return the weights of the observables by a rule, with the tune by these weights.

    Deterministic in its arguments; nothing is evaluated.

    Raises:
        ProblemError: see ``fit_tune``; an unknown method; fewer than two observables with weight.
    """
    if method not in get_args(Method):
        raise ProblemError(f"tune: automatic weights {method!r}; write one of {', '.join(get_args(Method))}")
    settings = settings or TuneSettings()
    model = BinModel.of(data)
    equal = refit(problem, data, model, settings)
    first = {each.name: each.weight for each in equal.observables if each.weight}
    if len(first) < 2:
        raise ProblemError("tune: automatic weights need two observables or more")
    count = [1]
    # repeated measurements stay left out by the settings, which name them so
    silent = {each.name for each in equal.observables if not each.weight} - set(equal.statistic.left_out)

    def tuned(weights: Mapping[str, float]) -> Tune:
        count[0] += 1
        others = dict.fromkeys(sorted(silent), 0.0)
        return refit(problem, data, model, replace(settings, weights={**others, **weights}))

    weights = (_robust if method == "robust" else _bilevel)(equal, first, tuned)
    alone = {name: squares_of(tuned({**dict.fromkeys(first, 0.0), name: 1.0}))[name] for name in first}
    return AutomaticWeights(method, weights, tuned(weights), equal, alone, count[0])


def squares_of(tune: Tune) -> dict[str, float]:
    """Return the mean squared pull of each observable."""
    return {each.name: each.chi2 / max(len(each.pulls), 1) for each in tune.observables}


def _robust(
    equal: Tune, first: Mapping[str, float], tuned: Callable[[Mapping[str, float]], Tune]
) -> dict[str, float]:
    weights, tune = dict(first), equal
    for _ in range(_MAX_ROUNDS):
        squares = squares_of(tune)
        wanted = {name: first[name] * max(_MIN_WEIGHT, 1.0 / max(squares[name], 1.0)) for name in first}
        change = max(abs(wanted[name] - weights[name]) / first[name] for name in first)
        # half of the step: two observables in tension would otherwise swap their weights for ever
        weights = {name: float(np.sqrt(weights[name] * wanted[name])) for name in first}
        if change < _WEIGHT_TOLERANCE:
            break
        tune = tuned(weights)
    return weights


def _bilevel(
    equal: Tune, first: Mapping[str, float], tuned: Callable[[Mapping[str, float]], Tune]
) -> dict[str, float]:
    """Return the best weights of a random search (1+1 evolution strategy) in their logarithms, seed fixed."""
    rng = np.random.default_rng(len(first))
    names = list(first)
    best, lowest, step = np.zeros(len(names)), _portfolio(equal, names), 1.0
    for _ in range(_N_TRIALS):
        tried = np.clip(best + step * rng.standard_normal(len(names)), np.log(_MIN_WEIGHT), 0.0)
        tried -= tried.max()  # the minimum depends on ratios of weights only
        score = _portfolio(tuned(_weighed(names, first, tried)), names)
        # the one-fifth rule: Rechenberg (1973), "Evolutionsstrategie"
        if score < lowest:
            best, lowest, step = tried, score, min(1.5 * step, 2.0)
        else:
            step = max(step * 1.5**-0.25, 0.05)
    return _weighed(names, first, best)


def _weighed(names: list[str], first: Mapping[str, float], logs: np.ndarray) -> dict[str, float]:
    return {name: first[name] * float(np.exp(log)) for name, log in zip(names, logs)}


def _portfolio(tune: Tune, names: list[str]) -> float:
    squares = squares_of(tune)
    values = np.array([squares[name] for name in names])
    return float(values.mean() + values.std())
