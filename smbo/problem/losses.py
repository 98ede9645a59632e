"""Losses on vector outputs (composite objectives): χ² over the bins of histograms, or any function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from smbo.errors import ProblemError
from smbo.frozen import FrozenDict
from smbo.plain_values import as_numbers, finite_number, shown
from smbo.training_data import Array, Loss


@dataclass(frozen=True, eq=False)
class ChiSquare:
    """Σ over bins of w (y - d)² / (s² + (t d)² + e²).

    y and e are an output and its own error, d and s the data and theirs, t a relative theory
    uncertainty.  A surrogate predicts noiseless outputs, for which e is zero; so measured losses depend
    somewhat on the statistics of the evaluation, and predicted ones do not.

    Args:
        data, errors: d and s, shape (k,).
        weights: w of each bin, shape (k,), or one for all.
        theory: t.
        counts: names of observables and how many bins belong to each, in the order of the bins.

    Raises:
        ProblemError: shapes or signs that make no sense, a bin without any error.

    >>> loss = ChiSquare(data=[1.0, 2.0], errors=[0.1, 0.2])
    >>> float(loss.of(np.array([1.1, 2.4])).round(9))
    5.0
    """

    data: Array
    errors: Array
    weights: Array = field(default_factory=lambda: np.ones(()))
    theory: float = 0.0
    counts: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        theory = finite_number(self.theory)
        if theory is None:
            raise ProblemError(f"ChiSquare: theory={shown(self.theory)}; a number is needed, such as 0.05")
        object.__setattr__(self, "theory", theory)
        data, errors = _vector("data", self.data), _vector("errors", self.errors)
        weights = np.broadcast_to(_finite("weights", self.weights), data.shape).copy()
        if errors.shape != data.shape:
            raise ProblemError(f"ChiSquare: {len(errors)} errors for {len(data)} data; give one for each")
        if (errors < 0).any() or (weights < 0).any() or not weights.any() or not self.theory >= 0.0:
            raise ProblemError(
                "ChiSquare: errors, weights and theory must be from 0 up, and some weight above 0"
            )
        bare = np.flatnonzero((errors**2 + (self.theory * data) ** 2 == 0.0) & (weights > 0.0))
        if len(bare):
            raise ProblemError(f"ChiSquare: bin {bare[0]} has no error at all; leave it out or weigh it 0")
        if self.counts and sum(self.counts.values()) != len(data):
            raise ProblemError(
                f"ChiSquare: counts={dict(self.counts)!r} add up to {sum(self.counts.values())} bins, "
                f"and there are {len(data)}"
            )
        for name, value in (("data", data), ("errors", errors), ("weights", weights)):
            value.flags.writeable = False
            object.__setattr__(self, name, value)
        object.__setattr__(self, "counts", FrozenDict(self.counts))

    @classmethod
    def of_observables(
        cls,
        observables: Mapping[str, tuple[ArrayLike, ArrayLike]],
        weights: Mapping[str, float | ArrayLike] | None = None,
        theory: float = 0.0,
    ) -> ChiSquare:
        """Return the mean over observables of the mean of weight times squared pull over bins.

        Args:
            observables: (data, errors) of each, by name; anything in bins of weight 0, such as NaN.
            weights: of observables, or of each of their bins, by name; 1 for those left out.  The mean is
                over bins with a weight above 0.
            theory: relative theory uncertainty.

        Raises:
            ProblemError: see ChiSquare, and weights of unknown observables.
        """
        if not observables:
            raise ProblemError("ChiSquare: no observables; give {name: (data, errors)}")
        chosen: dict[str, float | ArrayLike] = dict.fromkeys(observables, 1.0) | dict(weights or {})
        if wrong := sorted(set(chosen) - set(observables)):
            raise ProblemError(f"weights: {wrong} should be the observables {sorted(observables)}")
        data, errors, shares = [], [], []
        for name, (values, stds) in observables.items():
            d, s = np.array(values, dtype=np.float64), np.array(stds, dtype=np.float64)
            weight = np.broadcast_to(_finite(f"weights of {name}", chosen[name]), d.shape)
            used = weight != 0.0
            if d.shape == s.shape:  # what weighs nothing may be unknown
                unknown = ~used & ~(np.isfinite(d) & np.isfinite(s))
                d, s = np.where(unknown, 0.0, d), np.where(unknown, 0.0, s)
            data.append(_vector(name, d))
            errors.append(_vector(name, s))
            shares.append(weight / (max(int(used.sum()), 1) * len(observables)))
        counts = {name: len(each) for name, each in zip(observables, data)}
        return cls(
            np.concatenate(data), np.concatenate(errors), np.concatenate(shares), theory=theory, counts=counts
        )

    def reweighted(self, weights: Mapping[str, float]) -> ChiSquare:
        """Return the mean over observables of these weights times the mean over bins.

        Bins without any error have no weight, whatever that of their observable.

        Raises:
            ProblemError: a name that is none of the observables, or one that is missing.
        """
        if set(weights) != set(self.counts):
            wrong = sorted(set(weights) ^ set(self.counts))
            raise ProblemError(f"weights: {wrong} should be the observables {sorted(self.counts)}")
        shares = []
        for counts, name in zip(np.split(self.floor > 0.0, self._stops[:-1]), self.counts):
            shares.append(
                np.where(counts, weights[name] / (max(int(counts.sum()), 1) * len(self.counts)), 0.0)
            )
        return replace(self, weights=np.concatenate(shares))

    @property
    def _stops(self) -> Array:
        return np.cumsum(list(self.counts.values()) or [len(self.data)])

    def filled(self, outputs: Array, variances: Array) -> tuple[ChiSquare, Array, Array]:
        """Return the loss over the bins of which outputs are known, and numbers in place of the others.

        A bin whose output or variance is NaN, or whose variance is infinite, holds no information.  Means are
        taken over the bins that are left, and over the observables that have any, so that such a bin is
        neither a good agreement nor a bad one.  For a surrogate it is the datum, with an error of its size.

        Args:
            outputs, variances: shape (k,).

        Raises:
            ProblemError: no bin of any weight is known.

        >>> loss = ChiSquare(data=[1.0, 2.0], errors=[1.0, 1.0], weights=[0.5, 0.5])
        >>> known, outputs, variances = loss.filled(np.array([3.0, np.nan]), np.zeros(2))
        >>> known.weights.tolist(), outputs.tolist(), variances.tolist()
        ([1.0, 0.0], [3.0, 2.0], [0.0, 4.0])
        """
        known = ~np.isnan(outputs) & np.isfinite(variances)
        if known.all():
            return self, outputs, variances
        weights = np.where(known, self.weights, 0.0)
        if not weights.any():
            raise ProblemError("no bin of any weight holds a number, only NaN")
        shares = zip(np.split(self.weights, self._stops[:-1]), np.split(weights, self._stops[:-1]))
        n_before = n_after = 0
        for before, after in shares:  # after is a view of weights
            n_before += bool(before.any())
            n_after += bool(after.any())
            after *= np.count_nonzero(before) / max(int(np.count_nonzero(after)), 1)
        weights *= n_before / n_after
        sizes = np.maximum(self.data**2, self.floor)
        sizes = np.where(sizes > 0.0, sizes, max(float(sizes.mean()), 1e-300))
        return (
            replace(self, weights=weights),
            np.where(known, outputs, self.data),
            np.where(known, variances, sizes),
        )

    @property
    def n_outputs(self) -> int:
        return len(self.data)

    @property
    def floor(self) -> Array:
        """Variance of each bin's difference from noiseless outputs, shape (k,)."""
        return np.asarray(self.errors**2 + (self.theory * self.data) ** 2)

    @property
    def metric(self) -> Array:
        """w / (s² + (t d)²) of each bin, shape (k,): the loss is Σ metric (y - d)²."""
        out = np.zeros_like(self.data)
        np.divide(self.weights, self.floor, out=out, where=self.weights > 0.0)
        return out

    def of(self, outputs: Array) -> Array:
        """Return the loss of noiseless outputs (..., k), shape (...)."""
        return np.asarray(((outputs - self.data) ** 2 * self.metric).sum(axis=-1))

    def measured(self, outputs: Array, variances: Array) -> tuple[float, float]:
        """Return loss and standard error of measured outputs (k,) with their variances (k,)."""
        full = self.floor + variances
        share = np.divide(self.weights, full, out=np.zeros_like(full), where=self.weights > 0.0)
        off = outputs - self.data
        with np.errstate(over="ignore", invalid="ignore"):  # the largest float: an infinite loss, a failure
            # the variance of (y - d)² is 4 m² e² + 2 e⁴ for y ~ N(d + m, e²), and (y - d)² - e² estimates m²
            least = 2.0 * (share * variances) ** 2
            spread = max((4.0 * (share * off) ** 2 * variances - least).sum(), least.sum())
            return float((share * off**2).sum()), float(np.sqrt(spread))

    def by_observable(self, outputs: Array) -> dict[str, Array]:
        """Return each observable's part of the loss of noiseless outputs (..., k), shape (...) each."""
        parts = (outputs - self.data) ** 2 * self.metric
        stops = np.cumsum(list(self.counts.values()))
        return {
            name: parts[..., stop - n : stop].sum(axis=-1)
            for (name, n), stop in zip(self.counts.items(), stops)
        }

    def to_json(self) -> dict[str, Any]:
        """Return the loss as plain JSON values."""
        return {
            "kind": "chi-square",
            "data": self.data.tolist(),
            "errors": self.errors.tolist(),
            "weights": self.weights.tolist(),
            "theory": self.theory,
            "counts": dict(self.counts),
        }


@dataclass(frozen=True)
class FunctionLoss:
    """A loss of one's own: any function of the outputs.

    Args:
        function: takes noiseless outputs of shape (..., k), gives shape (...).
        n_outputs: k, where it is fixed.

    A study stores it by its name only.

    >>> float(FunctionLoss(lambda outputs: abs(outputs).max(axis=-1)).of(np.array([1.0, -3.0])))
    3.0
    """

    function: Callable[[Array], Array]
    n_outputs: int | None = None

    def of(self, outputs: Array) -> Array:
        """Return the loss of noiseless outputs (..., k), shape (...).

        Raises:
            ProblemError: the function gives another shape.
        """
        values = np.asarray(self.function(outputs), dtype=np.float64)
        if values.shape != outputs.shape[:-1]:
            raise ProblemError(
                f"loss: of outputs {outputs.shape} the function makes {values.shape}; "
                f"{outputs.shape[:-1]} is needed"
            )
        return values

    def measured(self, outputs: Array, variances: Array) -> tuple[float, float]:
        """Return loss and standard error of measured outputs (k,) with their variances (k,)."""
        # 64 draws with a seed of their own: the error of the error is a tenth of it
        draws = np.random.default_rng(len(outputs)).standard_normal((64, len(outputs)))
        spread = self.of(outputs + np.sqrt(variances) * draws).std()
        return float(self.of(outputs)), float(spread)


def loss_to_json(loss: Loss) -> dict[str, Any]:
    """Return a loss as plain JSON values; any but ``ChiSquare`` by its name only."""
    if isinstance(loss, ChiSquare):
        return loss.to_json()
    function = loss.function if isinstance(loss, FunctionLoss) else type(loss)
    name = f"{function.__module__}:{getattr(function, '__qualname__', type(function).__qualname__)}"
    return {"kind": "function", "name": name}


def loss_from_json(data: Mapping[str, Any]) -> ChiSquare:
    """Return the loss that ``ChiSquare.to_json`` wrote.

    Raises:
        ProblemError: the loss is of another kind.
    """
    if data.get("kind") != "chi-square":
        raise ProblemError(f"loss of kind {data.get('kind')!r}: only 'chi-square' can be read")
    return ChiSquare(
        np.array(data["data"]),
        np.array(data["errors"]),
        np.array(data["weights"]),
        data["theory"],
        data["counts"],
    )


def _vector(name: str, values: ArrayLike | Sequence[float]) -> Array:
    vector = _finite(name, values)
    if vector.ndim != 1 or len(vector) == 0:
        raise ProblemError(f"ChiSquare: {name} has shape {vector.shape}; one row of numbers is needed")
    return vector


def _finite(name: str, values: ArrayLike) -> Array:
    try:
        numbers = as_numbers(values)
    except ValueError as error:
        raise ProblemError(f"ChiSquare: {name}={shown(values)}; {error}") from None
    if not np.isfinite(numbers).all():
        raise ProblemError(f"ChiSquare: {name} holds numbers that are not finite")
    return numbers
