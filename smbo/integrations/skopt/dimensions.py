"""Dimensions with scikit-optimize's interface, and the shorthands for them."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from smbo import space as ours

_PRIORS = ("uniform", "log-uniform")
_MOST_SHOWN = 6  # categories


class Dimension:
    """One dimension: a range or a list of categories, and how it is transformed for a model.

    Attributes:
        name: of the parameter, None without one.
        transform_: "identity" or "normalize"; of categories also "onehot", "label" and "string".
    """

    prior: Any = None
    transform_: str

    def __init__(self, name: str | None) -> None:
        self.name = name

    def set_transformer(self, transform: str) -> None:
        """Transform as named from now on."""
        raise NotImplementedError

    def transform(self, X: Any) -> Any:
        """Return values as a model is to see them."""
        raise NotImplementedError

    def inverse_transform(self, Xt: Any) -> Any:
        """Return the values that a model sees so."""
        raise NotImplementedError

    def rvs(self, n_samples: int = 1, random_state: Any = None) -> Any:
        """Return values drawn from the prior."""
        raise NotImplementedError

    def distance(self, a: Any, b: Any) -> float:
        """Return how far two values are from each other."""
        raise NotImplementedError

    def __contains__(self, point: Any) -> bool:
        raise NotImplementedError

    def as_ours(self) -> Any:
        """Return the dimension that our engine searches."""
        raise NotImplementedError

    @property
    def bounds(self) -> Any:
        raise NotImplementedError

    @property
    def transformed_bounds(self) -> Any:
        raise NotImplementedError

    @property
    def name(self) -> str | None:
        return self._name

    @name.setter
    def name(self, value: str | None) -> None:
        if value is not None and not isinstance(value, str):
            raise ValueError("Dimension's name must be either string or None.")
        self._name = value

    @property
    def is_constant(self) -> bool:
        """Whether there is one value alone."""
        return False

    @property
    def size(self) -> int:
        return 1

    @property
    def transformed_size(self) -> int:
        return 1


class _Range(Dimension):
    """A range of numbers: what Real and Integer have in common."""

    def __init__(
        self, low: Any, high: Any, prior: str, base: int, transform: str | None, name: str | None, dtype: Any
    ) -> None:
        super().__init__(name)
        if high <= low:
            raise ValueError(f"the lower bound {low} has to be less than the upper bound {high}")
        if prior not in _PRIORS:
            raise ValueError(f"prior should be 'uniform' or 'log-uniform', got {prior!r}")
        if prior == "log-uniform" and low <= 0:
            raise ValueError(f"prior='log-uniform' needs a lower bound above 0, got {low}")
        self.low, self.high, self.prior, self.base, self.dtype = low, high, prior, base, dtype
        self.set_transformer(transform or "identity")

    def set_transformer(self, transform: str = "identity") -> None:
        """Transform to [0, 1] from now on ("normalize"), or to the scale of the prior ("identity")."""
        if transform not in ("normalize", "identity"):
            raise ValueError(f"transform should be 'normalize' or 'identity', got {transform!r}")
        self.transform_ = transform

    @property
    def bounds(self) -> tuple[Any, Any]:
        return self.low, self.high

    @property
    def transformed_bounds(self) -> tuple[float, float]:
        if self.transform_ == "normalize":
            return 0.0, 1.0
        return self._scaled(self.low), self._scaled(self.high)

    def _scaled(self, values: Any) -> Any:
        if self.prior == "uniform":
            return values
        logs = np.log10(np.asarray(values, dtype=float))
        return logs if self.base == 10 else logs / np.log10(self.base)

    def transform(self, X: Any) -> Any:
        """Return values as a model is to see them."""
        scaled = self._scaled(np.asarray(X))
        if self.transform_ == "identity":
            return scaled
        low, high = self._scaled(self.low), self._scaled(self.high)
        return np.clip((np.asarray(scaled, dtype=float) - low) / (high - low), 0.0, 1.0)

    def inverse_transform(self, Xt: Any) -> Any:
        """Return the values that a model sees so; numbers of Python where the dtype is one of Python's."""
        values = np.asarray(Xt, dtype=float)
        if self.transform_ == "normalize":
            low, high = self._scaled(self.low), self._scaled(self.high)
            values = values * (high - low) + low
        if self.prior == "log-uniform":
            values = np.power(float(self.base), values)
        return self._typed(np.clip(values, self.low, self.high))

    def _typed(self, values: Any) -> Any:
        """Return values of the dimension's own type."""
        raise NotImplementedError

    def rvs(self, n_samples: int = 1, random_state: Any = None) -> Any:
        """Return values drawn from the prior: a list of Python's numbers, or an array of another dtype."""
        return self._typed(self._drawn(n_samples, check_random_state(random_state)))

    def _drawn(self, n: int, rng: np.random.RandomState) -> Any:
        values = rng.uniform(self._scaled(self.low), self._scaled(self.high), size=n)
        return (
            np.clip(np.power(float(self.base), values), self.low, self.high)
            if self.prior != "uniform"
            else values
        )

    def distance(self, a: float, b: float) -> float:
        """Return |a - b|.

        Raises:
            RuntimeError: a value outside of the range.
        """
        if a not in self or b not in self:
            raise RuntimeError(f"can only compute distance for values within the space, not {a} and {b}")
        return abs(a - b)

    def __contains__(self, point: Any) -> bool:
        value = np.asarray(point)
        return bool(value.dtype.kind in "biuf" and np.all(self.low <= value) and np.all(value <= self.high))

    def __eq__(self, other: object) -> bool:
        return (
            type(self) is type(other)
            and isinstance(other, _Range)
            and bool(np.allclose(self.bounds, other.bounds))
            and (self.prior, self.transform_) == (other.prior, other.transform_)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(low={self.low}, high={self.high}, prior={self.prior!r}, "
            f"transform={self.transform_!r})"
        )


class Real(_Range):
    """A range of real numbers; with prior="log-uniform" on a logarithmic scale."""

    def __init__(
        self, low: float, high: float, prior: str = "uniform", base: int = 10,
        transform: str | None = None, name: str | None = None, dtype: Any = float,
    ) -> None:  # fmt: skip
        if np.dtype(dtype).kind != "f":
            raise ValueError(f"dtype must be a type of floats, got {dtype}")
        super().__init__(float(low), float(high), prior, base, transform, name, dtype)

    def _typed(self, values: Any) -> Any:
        return values.tolist() if self.dtype in (float, "float") else values.astype(self.dtype)

    def as_ours(self) -> ours.Real:
        """Return the dimension that our engine searches."""
        return ours.Real(self.low, self.high, log=self.prior == "log-uniform")


class Integer(_Range):
    """A range of whole numbers, both ends included."""

    def __init__(
        self, low: float, high: float, prior: str = "uniform", base: int = 10,
        transform: str | None = None, name: str | None = None, dtype: Any = np.int64,
    ) -> None:  # fmt: skip
        if np.dtype(dtype).kind not in "iu":
            raise ValueError(f"dtype must be a type of integers, got {dtype}")
        super().__init__(int(np.ceil(low)), int(np.floor(high)), prior, base, transform, name, dtype)

    def _typed(self, values: Any) -> Any:
        whole = np.round(values)
        return whole.astype(int).tolist() if self.dtype in (int, "int") else whole.astype(self.dtype)

    def _drawn(self, n: int, rng: np.random.RandomState) -> Any:
        if self.prior == "uniform":
            return rng.randint(self.low, self.high + 1, size=n)
        return super()._drawn(n, rng)

    def as_ours(self) -> ours.Integer:
        """Return the dimension that our engine searches."""
        return ours.Integer(self.low, self.high, log=self.prior == "log-uniform")


class Categorical(Dimension):
    """A list of categories of any type; ``prior`` holds their probabilities, None for equal ones."""

    def __init__(
        self,
        categories: Sequence[Any],
        prior: Sequence[float] | None = None,
        transform: str | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.categories = tuple(
            np.asarray(categories).tolist() if isinstance(categories, np.ndarray) else categories
        )
        if not self.categories:
            raise ValueError("a Categorical needs a category at least")
        self.prior = prior
        if prior is not None and len(prior) != len(self.categories):
            raise ValueError(f"prior has {len(prior)} probabilities for {len(self.categories)} categories")
        self.prior_ = (
            np.full(len(self.categories), 1 / len(self.categories)) if prior is None else np.array(prior)
        )
        self.set_transformer(transform or "onehot")

    def set_transformer(self, transform: str = "onehot") -> None:
        """Transform from now on as named: "onehot", "normalize", "label", "string" or "identity"."""
        known = ("identity", "onehot", "string", "normalize", "label")
        if transform not in known:
            raise ValueError(f"transform should be one of {', '.join(known)}, got {transform!r}")
        self.transform_ = transform

    @property
    def bounds(self) -> tuple[Any, ...]:
        return self.categories

    @property
    def is_constant(self) -> bool:
        return len(self.categories) == 1

    @property
    def transformed_size(self) -> int:
        return len(self.categories) if self.transform_ == "onehot" and len(self.categories) > 2 else 1

    @property
    def transformed_bounds(self) -> Any:
        if self.transformed_size == 1:
            return 0.0, 1.0
        return [(0.0, 1.0)] * self.transformed_size

    @property
    def _order(self) -> list[int]:
        """The places of categories that are all numbers in ascending order, else as they are."""
        places = range(len(self.categories))
        if all(isinstance(each, numbers.Real) for each in self.categories):
            return sorted(places, key=lambda place: self.categories[place])
        return list(places)

    def _index(self, value: Any) -> int:
        """Return where a category stands; True and 1 are two of them."""
        for index, each in enumerate(self.categories):
            if each is value or (_is_of_a_kind(each, value) and bool(each == value)):
                return index
        raise ValueError(f"{value!r} is none of the categories {self.categories}")

    def transform(self, X: Any) -> Any:
        """Return categories as a model is to see them."""
        values = list(X)
        if self.transform_ == "identity":
            return np.asarray(values, dtype=object)
        if self.transform_ == "string":
            return np.asarray([str(each) for each in values], dtype=object)
        places = np.array([self._index(each) for each in values])
        if self.transform_ in ("label", "normalize"):
            places = np.argsort(self._order)[places]
        if self.transform_ == "label":
            return places
        n = len(self.categories)
        if self.transform_ == "normalize":
            return places / max(n - 1, 1)
        return places.reshape(-1, 1).astype(float) if n <= 2 else np.eye(n)[places]

    def inverse_transform(self, Xt: Any) -> list[Any]:
        """Return the categories that a model sees so."""
        if self.transform_ == "identity":
            return list(Xt)
        if self.transform_ == "string":
            by_text = {str(each): each for each in self.categories}
            return [by_text[str(each)] for each in Xt]
        rows = np.atleast_1d(np.asarray(Xt, dtype=float))
        n = len(self.categories)
        if self.transform_ == "onehot" and n > 2:
            places = rows.reshape(-1, n).argmax(axis=1)
        else:
            scale = 1 if self.transform_ == "label" else n - 1
            places = np.clip(np.round(rows.ravel() * scale), 0, n - 1)
        if self.transform_ in ("label", "normalize"):
            return [self.categories[self._order[int(place)]] for place in places]
        return [self.categories[int(place)] for place in places]

    def rvs(self, n_samples: int | None = None, random_state: Any = None) -> Any:
        """Return categories drawn by their probabilities; without n_samples one, which stands alone."""
        rng = check_random_state(random_state)
        cumulated = np.cumsum(self.prior_)
        draws = np.searchsorted(cumulated, rng.uniform(size=n_samples or 1) * cumulated[-1], side="right")
        found = [self.categories[min(int(each), len(self.categories) - 1)] for each in draws]
        return found[0] if n_samples is None and self.transform_ != "normalize" else found

    def distance(self, a: Any, b: Any) -> float:
        """Return 0 for the same category, else 1.

        Raises:
            RuntimeError: one that is not there.
        """
        if a not in self or b not in self:
            raise RuntimeError(f"can only compute distance for values within the space, not {a!r} and {b!r}")
        return 0 if a == b else 1

    def __contains__(self, point: Any) -> bool:
        try:
            self._index(point)
        except ValueError:
            return False
        return True

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Categorical)
            and self.categories == other.categories
            and bool(np.allclose(self.prior_, other.prior_))
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        names = [repr(each) for each in self.categories]
        if len(names) > _MOST_SHOWN + 1:
            names = [*names[:3], "...", *names[-3:]]
        return f"Categorical(categories=({', '.join(names)}), prior={self.prior})"

    def as_ours(self) -> Any:
        """Return the dimension that our engine searches: over the categories' places, whatever they are."""
        if self.is_constant:
            return ours.Constant(0)
        return ours.Categorical(tuple(str(place) for place in range(len(self.categories))))


def _is_of_a_kind(one: Any, other: Any) -> bool:
    """Return whether two values are to be compared: True is no 1, and a string no number."""
    return isinstance(one, bool | np.bool_) == isinstance(other, bool | np.bool_)


def check_dimension(dimension: Any, transform: str | None = None) -> Dimension:
    """Return the dimension that a shorthand stands for.

    (low, high) of ints is an Integer, of numbers a Real; a third item is the prior, a fourth its base.
    Anything else in a list, tuple or array is categories.

    Raises:
        ValueError: no list, tuple, array or dimension.
    """
    if isinstance(dimension, Dimension):
        return dimension
    if not isinstance(dimension, list | tuple | np.ndarray):
        raise ValueError(f"Dimension has to be a list or tuple, got {dimension!r}")
    items = list(dimension.tolist() if isinstance(dimension, np.ndarray) else dimension)
    has_prior = len(items) in (3, 4) and items[2] in _PRIORS
    low_high = items[:2]
    if len(items) == 2 or has_prior:
        options: dict[str, Any] = {"transform": transform}
        if has_prior:
            options |= {"prior": items[2], **({"base": items[3]} if len(items) == 4 else {})}
        if all(_is_number(each, numbers.Integral) for each in low_high):
            return Integer(*low_high, **options)
        if all(_is_number(each, numbers.Real) for each in low_high):
            return Real(*low_high, **options)
    return Categorical(items, transform=transform)


def _is_number(value: Any, kind: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool | np.bool_)
