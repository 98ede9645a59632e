"""Silent outliers: values that the model of all others excludes, left out of what it is fitted to.

A wrong value (a job that read a stale file, a counter that overflowed) is interpolated by a Gaussian process,
which then has short length scales, or it makes the process believe in noise everywhere.  Suspects are values
outside Tukey's fences, and those far from their leave-one-out prediction.  A second model is trained without
them; those that it predicts come back, and those with a neighbour of the same kind: a plateau.  The rest are
outliers if the second model predicts the values that both have better by enough: high walls of a
deterministic function teach a model something, wrong values do not.  In noise they do not either; so a high
value where the second model knows little stays, unless that model explains the others.

A wrongly low value would be the recommendation, and a narrow optimum looks the same.  So the lowest value of
all is *doubtful* at first: the search leaves it out and evaluates its point once more.  If that agrees it is
believed for good, if not it is an outlier.

Sources: Ament et al. (2024), "Robust Gaussian Processes via Relevance Pursuit", for the choice of outliers
    beside the hyperparameters; Vehtari, Gelman & Gabry (2017), "Practical Bayesian model evaluation using
    leave-one-out cross-validation", for the criterion; Tukey (1977), "Exploratory Data Analysis", for fences.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from smbo.history.replicates import merged
from smbo.history.winsorize import is_moved
from smbo.surrogates.base import (
    LatentProcess,
    LeaveOneOutPosterior,
    Memory,
    Surrogate,
    Trainable,
    takes_replicates,
)
from smbo.surrogates.subset import relevant_to
from smbo.training_data import Array, TrainingData

Mask = NDArray[np.bool_]
# From so many values on, for fewer say little about each other; up to so many, for the cost of leave-one-out.
_FEWEST, _MOST = 8, 500
# Tukey's fences, in interquartile ranges, and deviations of leave-one-out predictions, beyond which a value
# is a suspect; deviations of the second model's prediction beyond which it is an outlier, and stays one.
_NOISY, _SUSPECT_IN_NOISE = 1e-3, 3.0
_FENCE, _SUSPECT, _BECOMES, _STAYS = 3.0, 6.0, 6.0, 3.0
# At most this share of the values are outliers (but two of few); log density of the others' predictions that
# each has to gain, and the first twice as much.
_MOST_SHARE, _GAIN = 0.2, 2.0
# A high value where the second model is hardly surer than its prior, in variance, may be a wall, unless that
# model's log density of the others exceeds that of a normal sample by so much.
_KNOWN_PLACE, _AUTHORITY = 0.25, 6.0
# Suspects are looked at again once there are so many times as many values as the last time.
_AGAIN = 1.5
# A repeat agrees with a value if it is nearer to it than this share of the value's way to its prediction.
_AGREES = 0.25
# Neighbours among which another value of the same plateau is looked for.
_N_NEAREST = 2


class Trained(NamedTuple):
    """A surrogate with its hyperparameters fixed, the data that it is fitted to, and what was learned.

    Attributes:
        surrogate, data: the posterior is ``surrogate.fit(data)``.
        learned: entries of the memory.
        outliers: numbers of the trials whose values are left out.
        doubtful: number of the one among them whose point is to be evaluated once more; None without one.
    """

    surrogate: Surrogate
    data: TrainingData
    learned: Memory
    outliers: tuple[int, ...] = ()
    doubtful: int | None = None


def trained(surrogate: Trainable, data: TrainingData, memory: Memory) -> Trained:
    """Return the surrogate trained without outliers.

    Args:
        data: as recorded.
        memory: of the last proposal: "surrogate", and "outliers" where there are any suspects.
    """
    known: Memory = memory.get("outliers", {})
    out = np.isin(data.numbers, known.get("numbers", ()))
    first = _Belief.of(surrogate, data, out, memory.get("surrogate", {}))
    if not _FEWEST <= len(data) <= _MOST or not _is_of_one_value(data):
        return first.trained(known)
    if not first.is_new and not _is_extreme(data, out, known).any() and known.get("doubtful") is None:
        return first.trained(known)
    return _pursued(surrogate, data, first, known)


def _is_extreme(data: TrainingData, out: Mask, known: Memory) -> Mask:
    """Return which values since the last pursuit are outside the fences and beyond all before them, (n,).

    Penalties are no values: none is extreme, and none hides an extreme value.
    """
    is_new, is_penalty = data.numbers > known.get("last", -1), is_moved(data.values)
    before = data.values[~(is_new | out | is_penalty)]
    if not len(before):
        return _outside(data.values, out) & is_new
    is_beyond = (data.values > before.max()) | (data.values < before.min())
    return _outside(data.values, out) & is_new & is_beyond & ~is_penalty


def _is_of_one_value(data: TrainingData) -> bool:
    several = (data.outputs, data.objective_values, data.fidelities, data.outcome_constraints)
    return all(each is None for each in several) and bool(data.feasible.all())


def _pursued(surrogate: Trainable, data: TrainingData, first: _Belief, known: Memory) -> Trained:
    """Return the likelier of the model as it is and one without all suspects that it does not predict."""
    n = len(data)
    is_due = n >= _AGAIN * known.get("n", 0) or bool(_is_extreme(data, first.out, known).any())
    if not is_due and not first.out.any() and known.get("doubtful") is None:
        return first.trained(known)
    scored = first.scored()
    if scored is None:
        return first.trained(known)
    confirmed, denied = _repeated(data, scored)
    # noise that is learned from values with an outlier hides a part of it
    least = _SUSPECT if scored.noise < _NOISY else _SUSPECT_IN_NOISE
    is_odd = (np.abs(scored.deviations) > least) | _outside(data.values, first.out)
    suspects = ~first.out & is_odd & ~confirmed
    if (is_penalty := is_moved(data.values)).sum() > 1:
        suspects &= ~is_penalty
    back = first.out & (
        confirmed | _is_of_plateau(data.points, scored, first.out) | (np.abs(scored.deviations) < _STAYS)
    )
    if not (is_due and suspects.any()) and not back.any() and known.get("doubtful") is None:
        return first.trained(known)
    most = max(int(_MOST_SHARE * n), 2)
    # a new outlier hides what is odd about the known ones: those come back by the second model only
    tried = first.out & ~confirmed
    tried |= _largest(suspects, np.abs(scored.values - scored.means), most - int(tried.sum()))
    second, again = first, scored
    for _ in range(2):  # the second time without those that came back
        if (tried != second.out).any():
            second = _Belief.of(surrogate, data, tried, second.learned if second is not first else {})
            found = second.scored()
            if found is None:
                return first.trained(known)
            again = found
        stays = tried & (np.abs(again.deviations) > np.where(first.out, _STAYS, _BECOMES))
        stays &= ~_is_of_plateau(data.points, again, stays)
        stays &= first.out | ~_may_be_wall(again, ~first.out & ~second.out)
        if (stays == tried).all() or not (stays | first.out).any():
            break
        tried = stays
    n_more = int(second.out.sum()) - int(first.out.sum())
    common = ~first.out & ~second.out
    gain = again.log_density(common) - scored.log_density(common)
    is_likelier = gain > _GAIN * n_more + (_GAIN if n_more > 0 else -_GAIN)
    kept = second if is_likelier and (stays | first.out).any() else first
    elsewhere = np.setdiff1d(known.get("numbers", ()), data.numbers)  # outside a trust region
    memory = {
        "numbers": [*elsewhere.astype(np.int64).tolist(), *data.numbers[kept.out].tolist()],
        "n": n,
        "last": int(data.numbers[-1]),
        "doubtful": kept.doubtful(denied),
    }
    return kept.trained(memory)


@dataclass(frozen=True, eq=False)
class _Belief:
    """A surrogate trained without some rows.

    Attributes:
        data: as recorded.
        out: rows that are left out, (n,).
        fitted: the other rows, replicates merged.
        surrogate, learned: what ``train`` returned.
        is_new: whether hyperparameters were learned now.
    """

    data: TrainingData
    out: Mask
    fitted: TrainingData
    surrogate: Surrogate
    learned: Memory
    is_new: bool

    @classmethod
    def of(cls, surrogate: Trainable, data: TrainingData, out: Mask, memory: Memory) -> _Belief:
        kept = data.rows(np.flatnonzero(~out)) if out.any() else data
        fitted = merged(kept) if takes_replicates(surrogate) else kept
        trained, learned = surrogate.train(fitted, memory)
        is_new = learned.get("n_learned") != memory.get("n_learned")
        return cls(data, out, fitted, trained, learned, is_new)

    def trained(self, known: Memory) -> Trained:
        """Return the surrogate and its data; ``known`` is what is remembered of suspects."""
        part = relevant_to(self.surrogate, self.fitted)
        learned: dict[str, Any] = {"surrogate": dict(self.learned)}
        if known:
            learned["outliers"] = dict(known)
        numbers = tuple(self.data.numbers[self.out].tolist())
        return Trained(self.surrogate, part, learned, numbers, known.get("doubtful"))

    def doubtful(self, denied: Mask) -> int | None:
        """Return the trial of the lowest value, if it is left out and no repeat has denied it."""
        lowest = int(np.argmin(np.where(denied, np.inf, self.data.values)))
        return int(self.data.numbers[lowest]) if self.out[lowest] and not denied[lowest] else None

    def scored(self) -> _Scores | None:
        """Return how each value is predicted from the others; None where the surrogate cannot tell."""
        posterior = self.surrogate.fit(self.fitted)
        if not isinstance(posterior, LeaveOneOutPosterior) or not isinstance(posterior, LatentProcess):
            return None
        left, scale = posterior.left_out(), posterior.scale
        # of a subset of the data only its own rows have values left out
        part = relevant_to(self.surrogate, self.fitted)
        rows = _rows_of(self.data.points, part.points)
        known = ~self.out & (rows >= 0)
        mean, std = posterior.standardized.moments(self.data.points)
        variance = std**2 + posterior.noise
        mean[known] = (left.values[0] - left.errors[0])[rows[known]]
        variance[known] = left.variances[0][rows[known]]
        values, slopes = scale.to_latent(self.data.values), scale.slopes(self.data.values)
        prior = posterior.amplitude + posterior.noise
        return _Scores(np.asarray(values), mean, variance, np.asarray(slopes), posterior.noise, prior)


@dataclass(frozen=True, eq=False)
class _Scores:
    """How each value is predicted from the others, on the latent scale; arrays are (n,).

    Attributes:
        slopes: d latent / d value.
        noise, prior: variances of the noise, and of a value of which nothing is known.
    """

    values: Array
    means: Array
    variances: Array
    slopes: Array
    noise: float
    prior: float

    @property
    def deviations(self) -> Array:
        return (self.values - self.means) / np.sqrt(self.variances)

    def log_density(self, rows: Mask) -> float:
        """Return the log density of the predictions of some rows, in the values' own units."""
        logs = -0.5 * self.deviations**2 - 0.5 * np.log(2.0 * np.pi * self.variances) + np.log(self.slopes)
        return float(logs[rows].sum())

    def authority(self, rows: Mask) -> float:
        """Return the log density of the predictions of some rows beside that of a normal sample."""
        logs = -0.5 * self.deviations**2 - 0.5 * np.log(self.variances) + 0.5 * self.values**2
        return float(logs[rows].sum())


def _may_be_wall(scores: _Scores, kept: Mask) -> Mask:
    """Return which values may be high for what the function does there, (n,).

    Where the model knows nothing, only what it explains of the other values lets it exclude one: else the
    high ones are left out, and what is left is noise.
    """
    if scores.authority(kept) > _AUTHORITY:
        return np.zeros_like(kept)
    return np.asarray((scores.values > scores.means) & (scores.variances > _KNOWN_PLACE * scores.prior))


def _outside(values: Array, out: Mask) -> Mask:
    """Return which values are outside Tukey's outer fences of those that are kept and no penalties, (n,)."""
    kept = values[~(out | is_moved(values))]
    if not len(kept):
        return np.zeros_like(out)
    low, high = np.quantile(kept, [0.25, 0.75])
    reach = _FENCE * (high - low)
    return np.asarray((values < low - reach) | (values > high + reach))


def _repeated(data: TrainingData, scores: _Scores) -> tuple[Mask, Mask]:
    """Return which values agree with another one at their own point, and which are lower than all others
    there and agree with none, each (n,)."""
    confirmed, denied = np.zeros(len(data), dtype=np.bool_), np.zeros(len(data), dtype=np.bool_)
    same = _rows_of(data.points, data.points)
    for row in np.flatnonzero(np.bincount(same) > 1):
        there = np.flatnonzero(same == row)
        values, means = scores.values[there], scores.means[there]
        gaps = np.sort(np.abs(values[:, None] - values), axis=1)[:, 1]
        confirmed[there] = gaps <= _AGREES * np.abs(values - means)
        denied[there] = ~confirmed[there] & (values == values.min())
    return confirmed, denied


def _is_of_plateau(points: Array, scores: _Scores, out: Mask) -> Mask:
    """Return which rows left out agree with one of their nearest neighbours, left out as well, (n,)."""
    found = np.zeros_like(out)
    for row in np.flatnonzero(out) if out.sum() > 1 else ():
        gaps = ((points - points[row]) ** 2).sum(axis=1)
        near = np.argsort(np.where(gaps > 0.0, gaps, np.inf), kind="stable")[:_N_NEAREST]
        difference = np.abs(scores.values[near] - scores.values[row])
        reach = _AGREES * abs(scores.values[row] - scores.means[row])
        found[row] = bool((out[near] & (difference <= reach)).any())
    return found


def _rows_of(points: Array, among: Array) -> NDArray[np.intp]:
    """Return the first row of ``among`` that each unit point equals, -1 where there is none."""
    places: dict[bytes, int] = {}
    for index, row in enumerate(among + 0.0):
        places.setdefault(row.tobytes(), index)
    return np.array([places.get(row.tobytes(), -1) for row in points + 0.0], dtype=np.intp)


def _largest(chosen: Mask, sizes: Array, most: int) -> Mask:
    order = np.argsort(np.where(chosen, -sizes, np.inf), kind="stable")[: max(most, 0)]
    kept = np.zeros_like(chosen)
    kept[order] = chosen[order]
    return kept
