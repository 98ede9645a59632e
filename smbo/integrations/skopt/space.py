"""Spaces with scikit-optimize's interface: points are lists, in the order of the dimensions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from smbo import space as ours
from smbo.integrations.skopt.dimensions import Categorical, Dimension, Integer, Real, check_dimension

__all__ = ["Categorical", "Dimension", "Integer", "Real", "Space", "check_dimension"]


def _of_python(column: Any) -> list[Any]:
    return column.tolist() if isinstance(column, np.ndarray) else list(column)


class Space:
    """Dimensions in order.

    Args:
        dimensions: Dimensions or shorthands, see ``check_dimension``; or a Space.
        constraint: a function of a point that says whether it may be evaluated.
    """

    def __init__(self, dimensions: Any, constraint: Callable[[list[Any]], bool] | None = None) -> None:
        if isinstance(dimensions, Space):
            constraint = constraint or dimensions.constraint
            dimensions = list(dimensions)
        self.dimensions: list[Dimension] = [check_dimension(each) for each in dimensions]
        self.constraint: Callable[[list[Any]], bool] | None = constraint

    @classmethod
    def from_yaml(cls, yml_path: str | Path, namespace: str | None = None) -> Space:
        """Return the space of a YAML file: a list of {Real: {low: 0, high: 1}, ...}.

        Args:
            namespace: the key under which the list stands; None for the first, or a list without a key.
        """
        from ruamel.yaml import YAML

        with open(yml_path, encoding="utf-8") as file:
            document = YAML(typ="safe").load(file)
        if isinstance(document, dict):
            document = document[next(iter(document)) if namespace is None else namespace]
        kinds = {"real": Real, "integer": Integer, "categorical": Categorical}
        found = []
        for entry in document:
            ((kind, settings),) = entry.items()
            if kind.lower() not in kinds:
                raise ValueError(
                    f"{yml_path}: no dimension is called {kind!r}; there are Real, Integer, Categorical"
                )
            found.append(kinds[kind.lower()](**settings))
        return cls(found)

    def rvs(self, n_samples: int = 1, random_state: Any = None) -> list[list[Any]]:
        """Return points drawn from the priors, those that the constraint refuses left out.

        Raises:
            RuntimeError: the constraint refuses nearly everything.
        """
        rng = check_random_state(random_state)
        found: list[list[Any]] = []
        for _ in range(1000):
            columns = [each.rvs(n_samples=n_samples, random_state=rng) for each in self.dimensions]
            rows = [list(row) for row in zip(*map(_of_python, columns))]
            found += rows if self.constraint is None else [row for row in rows if self.constraint(row)]
            if len(found) >= n_samples:
                return found[:n_samples]
        raise RuntimeError("the constraint refused all but a few of many random points")

    def transform(self, X: Sequence[Sequence[Any]]) -> Any:
        """Return points as a model is to see them, shape (n, transformed_n_dims)."""
        columns = [
            np.asarray(each.transform([row[place] for row in X])).reshape(len(X), -1)
            for place, each in enumerate(self.dimensions)
        ]
        return np.hstack(columns)

    def inverse_transform(self, Xt: Any) -> list[list[Any]]:
        """Return the points that a model sees so, as lists."""
        rows, start = np.asarray(Xt), 0
        columns = []
        for each in self.dimensions:
            part = rows[:, start : start + each.transformed_size]
            start += each.transformed_size
            columns.append(each.inverse_transform(part if part.shape[1] > 1 else part[:, 0]))
        return [list(row) for row in zip(*columns)]

    def get_transformer(self) -> list[str]:
        return [each.transform_ for each in self.dimensions]

    def set_transformer(self, transform: str | Sequence[str]) -> None:
        """Set the transform of all dimensions, or of each."""
        names = [transform] * len(self.dimensions) if isinstance(transform, str) else transform
        for each, name in zip(self.dimensions, names, strict=True):
            each.set_transformer(name)

    def set_transformer_by_type(self, transform: str, dim_type: type) -> None:
        """Set the transform of the dimensions of a type."""
        for each in self.dimensions:
            if isinstance(each, dim_type):
                each.set_transformer(transform)

    @property
    def n_dims(self) -> int:
        return len(self.dimensions)

    @property
    def transformed_n_dims(self) -> int:
        return sum(each.transformed_size for each in self.dimensions)

    @property
    def bounds(self) -> list[Any]:
        return [each.bounds for each in self.dimensions]

    @property
    def transformed_bounds(self) -> list[tuple[float, float]]:
        found: list[tuple[float, float]] = []
        for each in self.dimensions:
            found += [each.transformed_bounds] if each.transformed_size == 1 else each.transformed_bounds
        return found

    @property
    def is_real(self) -> bool:
        return all(isinstance(each, Real) for each in self.dimensions)

    @property
    def is_categorical(self) -> bool:
        return all(isinstance(each, Categorical) for each in self.dimensions)

    @property
    def is_partly_categorical(self) -> bool:
        return any(isinstance(each, Categorical) for each in self.dimensions)

    @property
    def n_constant_dimensions(self) -> int:
        return sum(each.is_constant for each in self.dimensions)

    @property
    def dimension_names(self) -> list[str]:
        """The names; X_0, X_1, … for dimensions without one."""
        return [
            f"X_{place}" if each.name is None else each.name for place, each in enumerate(self.dimensions)
        ]

    def distance(self, point_a: Sequence[Any], point_b: Sequence[Any]) -> float:
        """Return the sum of the dimensions' distances."""
        return sum(each.distance(a, b) for each, a, b in zip(self.dimensions, point_a, point_b))

    def __contains__(self, point: Sequence[Any]) -> bool:
        return len(point) == len(self.dimensions) and all(
            value in each for value, each in zip(point, self.dimensions)
        )

    def __iter__(self) -> Iterator[Dimension]:
        return iter(self.dimensions)

    def __len__(self) -> int:
        return len(self.dimensions)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Space) and self.dimensions == other.dimensions

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Space([{', '.join(map(repr, self.dimensions))}])"

    def __getitem__(self, names: Any) -> Any:
        """Return (place, dimension) of a name or place; of several a list of them."""
        if isinstance(names, list | tuple):
            return [self[each] for each in names]
        place = names if isinstance(names, int) else self.dimension_names.index(names)
        return place, self.dimensions[place]

    def as_ours(self) -> ours.Space:
        """Return the space that our engine searches; its parameters are x0, x1, …"""
        return ours.Space({f"x{place}": each.as_ours() for place, each in enumerate(self.dimensions)})

    def to_ours(self, point: Sequence[Any]) -> dict[str, Any]:
        """Return a point as one of ``as_ours``."""
        found: dict[str, Any] = {}
        for place, (each, value) in enumerate(zip(self.dimensions, point)):
            if isinstance(each, Categorical):
                found[f"x{place}"] = 0 if each.is_constant else str(each._index(value))
            else:
                found[f"x{place}"] = round(float(value)) if isinstance(each, Integer) else float(value)
        return found

    def from_ours(self, params: Any) -> list[Any]:
        """Return the point of ours as a list, with the categories themselves and numbers of Python."""
        return [
            each.categories[int(params[f"x{place}"])]
            if isinstance(each, Categorical)
            else params[f"x{place}"]
            for place, each in enumerate(self.dimensions)
        ]
