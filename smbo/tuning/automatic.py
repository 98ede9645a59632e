"""Automatic weights of observables in a tune: robust reweighting, and a bilevel search.

An observable that no setting describes pulls the parameters to where they compensate for what the model
lacks.  Usually such data are given less weight by judgement; here one of two rules does.

"robust": an observable whose mean squared pull s exceeds one gets the weight 1/s, iterated to convergence.
That is to say that its errors are underestimated by its own scale factor √s, as the Particle Data Group
does for each measurement; the fit minimises Σ n log s over those above one.

"bilevel": weights such that the tune they lead to has the lowest portfolio score, mean plus standard
deviation of s over the observables.  It trades a little of what is described well for the worst.

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
_WEIGHT_TOLERANCE = 1e-3  # of the largest change of a weight
_MIN_WEIGHT = 1e-3
_N_TRIALS = 120  # sets of weights in the outer search, each with a fit


@dataclass(frozen=True, eq=False)
class AutomaticWeights:
    """Weights of observables that a rule found, with the tunes by these and by equal weights.

    Attributes:
        method: the rule.
        weights: by observable, those of the settings included.
        tune: with these weights.
        equal: with those of the settings alone.
        alone: mean squared pull of each observable if the tune is made to it alone: what no setting mends.
        n_fits: that it took.
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
    """Return weights of the observables that a rule finds, with the tune that they make.

    Deterministic in its arguments; nothing is evaluated.

    Raises:
        ProblemError: see ``fit_tune``; an unknown method; fewer than two observables to weigh.
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
        # half of the way: two observables that pull against each other would swap their weights for ever
        weights = {name: float(np.sqrt(weights[name] * wanted[name])) for name in first}
        if change < _WEIGHT_TOLERANCE:
            break
        tune = tuned(weights)
    return weights


def _bilevel(
    equal: Tune, first: Mapping[str, float], tuned: Callable[[Mapping[str, float]], Tune]
) -> dict[str, float]:
    """Return the best weights of a search that steps in their logarithms, at random and with a fixed seed."""
    rng = np.random.default_rng(len(first))
    names = list(first)
    best, lowest, step = np.zeros(len(names)), _portfolio(equal, names), 1.0
    for _ in range(_N_TRIALS):
        tried = np.clip(best + step * rng.standard_normal(len(names)), np.log(_MIN_WEIGHT), 0.0)
        tried -= tried.max()  # only ratios of weights matter to where the minimum is
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
