"""Utilities of scikit-optimize: points by name, results in files, the model's minimum."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from smbo.integrations.skopt.optimizer import Estimator, as_estimator, create_result
from smbo.integrations.skopt.space import Dimension, Space

__all__ = [
    "check_dimension_names",
    "check_list_types",
    "cook_estimator",
    "create_result",
    "dimensions_aslist",
    "dump",
    "expected_minimum",
    "expected_minimum_random_sampling",
    "has_gradients",
    "load",
    "normalize_dimensions",
    "point_asdict",
    "point_aslist",
    "use_named_args",
]


def cook_estimator(base_estimator: Any, space: Any = None, **settings: Any) -> Estimator:
    """Return the model of a name; of the settings ``noise`` counts.

    Raises:
        ValueError: no such name, and no regressor.
    """
    found = as_estimator(base_estimator, settings.get("noise"))
    if found.kind == "GP" and space is not None:
        return replace(found, has_categories=normalize_dimensions(space).is_partly_categorical)
    return found


def has_gradients(estimator: Any) -> bool:
    """Return whether an estimator's predictions have gradients in the point."""
    return as_estimator(estimator).has_gradients


def normalize_dimensions(dimensions: Any) -> Space:
    """Return the space with every dimension transformed to [0, 1], categories by their place."""
    space = Space(copy.deepcopy(dimensions))
    for each in space.dimensions:
        each.set_transformer("normalize")
    return space


def dimensions_aslist(search_space: Mapping[str, Any]) -> list[Any]:
    """Return the dimensions of a mapping, by sorted name."""
    return [search_space[name] for name in sorted(search_space)]


def point_asdict(search_space: Mapping[str, Any], point_as_list: Sequence[Any]) -> dict[str, Any]:
    """Return a point by name, where it is ordered by sorted name."""
    return dict(zip(sorted(search_space), point_as_list, strict=True))


def point_aslist(search_space: Mapping[str, Any], point_as_dict: Mapping[str, Any]) -> list[Any]:
    """Return a point by sorted name."""
    return [point_as_dict[name] for name in sorted(search_space)]


def check_list_types(x: Sequence[Any], types: Any) -> None:
    """Refuse a list with an entry of another type.

    Raises:
        ValueError: there is one.
    """
    if wrong := [each for each in x if not isinstance(each, types)]:
        raise ValueError(f"all entries must be of {types}, and {wrong[0]!r} is not")


def check_dimension_names(dimensions: Sequence[Dimension]) -> None:
    """Refuse dimensions without a name.

    Raises:
        ValueError: there is one.
    """
    if unnamed := [each for each in dimensions if each.name is None]:
        raise ValueError(f"every dimension needs a name here, and {unnamed[0]!r} has none")


def use_named_args(dimensions: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a function of named parameters so that it takes a point.

    >>> from smbo.integrations.skopt.space import Real
    >>> @use_named_args([Real(0.0, 1.0, name="rate")])
    ... def loss(rate):
    ...     return rate**2
    >>> loss([0.5])
    0.25
    """
    named = list(dimensions.dimensions if isinstance(dimensions, Space) else dimensions)
    check_list_types(named, Dimension)
    check_dimension_names(named)

    def decorate(func: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(func)
        def wrapper(x: Sequence[Any]) -> Any:
            return func(**{each.name: value for each, value in zip(named, x, strict=True)})

        return wrapper

    return decorate


def dump(res: Any, filename: Any, store_objective: bool = True, **kwargs: Any) -> None:
    """Keep a result, or an Optimizer, in a file by joblib.

    Args:
        store_objective: keep the function that was minimised too, which must pickle then.
    """
    import joblib

    if not store_objective and "func" in getattr(res, "specs", {}).get("args", {}):
        res = copy.copy(res)
        args = {name: each for name, each in res.specs["args"].items() if name != "func"}
        res.specs = {**res.specs, "args": args}
    joblib.dump(res, filename, **kwargs)


def load(filename: Any, **kwargs: Any) -> Any:
    """Return what ``dump`` kept.  It is unpickled: open files of people whom you trust alone."""
    import joblib

    return joblib.load(filename, **kwargs)


def expected_minimum(
    res: Any, n_random_starts: int = 20, random_state: Any = None
) -> tuple[list[Any], float]:
    """Return the point where the last model's mean is lowest, and that mean, of a space of numbers.

    Descends from the best point so far and from random ones.  Of a space with categories it is
    ``expected_minimum_random_sampling``.
    """
    from scipy.optimize import minimize

    if res.space.is_partly_categorical:
        return expected_minimum_random_sampling(res, n_random_starts=100_000, random_state=random_state)
    space, model = normalize_dimensions(res.space), res.models[-1]

    def mean(unit: Any) -> float:
        return float(model.at(space.inverse_transform([unit]))[0])

    starts = [res.x, *res.space.rvs(n_samples=n_random_starts, random_state=check_random_state(random_state))]
    means = model.at(starts)
    best, lowest = starts[int(np.argmin(means))], float(np.min(means))
    for start in [starts[place] for place in np.argsort(means)[:3]]:
        found = minimize(mean, space.transform([start])[0], bounds=space.transformed_bounds)
        (point,) = space.inverse_transform([found.x])
        value = float(model.at([point])[0])
        if value < lowest:
            best, lowest = point, value
    return best, lowest


def expected_minimum_random_sampling(
    res: Any, n_random_starts: int = 100_000, random_state: Any = None
) -> tuple[list[Any], float]:
    """Return the point where the last model's mean is lowest, of random ones and the best so far, and it."""
    drawn = res.space.rvs(n_samples=n_random_starts, random_state=check_random_state(random_state))
    points = [res.x, *drawn]
    means = res.models[-1].at(points)
    place = int(np.argmin(means))
    return points[place], float(means[place])
