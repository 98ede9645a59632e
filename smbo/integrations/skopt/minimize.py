"""The minimise functions of scikit-optimize."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from smbo.integrations.skopt.callbacks import VerboseCallback, check_callback
from smbo.integrations.skopt.optimizer import Optimizer, as_estimator
from smbo.integrations.skopt.space import Space


def base_minimize(
    func: Callable[[list[Any]], Any],
    dimensions: Any,
    base_estimator: Any,
    n_calls: int = 100,
    n_random_starts: int | None = None,
    n_initial_points: int = 10,
    initial_point_generator: Any = "random",
    acq_func: str = "EI",
    acq_optimizer: str = "lbfgs",
    x0: Any = None,
    y0: Any = None,
    random_state: Any = None,
    verbose: bool = False,
    callback: Any = None,
    n_points: int = 10000,
    n_restarts_optimizer: int = 5,
    xi: float = 0.01,
    kappa: float = 1.96,
    n_jobs: int = 1,
    model_queue_size: int | None = None,
    space_constraint: Callable[[list[Any]], bool] | None = None,
) -> Any:
    """Minimise a function of a point, and return scikit-optimize's result.

    Args:
        func: called with a point, a list; returns a number, with "EIps" and "PIps" (number, seconds).
        n_calls: evaluations, those of x0 without y0 among them.
        x0, y0: points to begin with, or one point; their values where they are known.
        verbose: print each evaluation.
        callback: called with the result after each evaluation, or a list of them; a true value ends the
            search.
        n_points, n_restarts_optimizer: taken and not used.
        The rest: as for ``Optimizer``.

    Raises:
        ValueError: numbers of points that do not fit, or a function that returns no scalar.
        RuntimeError: x0 of another number of dimensions than the space.
    """
    specs = {"args": locals().copy(), "function": "base_minimize"}
    if n_random_starts is not None:
        warnings.warn("n_random_starts is called n_initial_points now", DeprecationWarning, stacklevel=3)
        n_initial_points = n_random_starts
    space = Space(dimensions, space_constraint)
    points, values = _given(x0, y0, space)
    required = n_initial_points + (len(points) if values is None else 0)
    if n_calls < required or n_calls < 1:
        raise ValueError(f"n_calls={n_calls}: {max(required, 1)} at least are needed for the initial points")
    if required == 0 and not points:
        raise ValueError("n_initial_points=0: give points in x0, or a number above 0")
    optimizer = Optimizer(
        space,
        base_estimator,
        n_initial_points=n_initial_points + len(points),
        initial_point_generator=initial_point_generator,
        n_jobs=n_jobs,
        acq_func=acq_func,
        acq_optimizer=acq_optimizer,
        random_state=random_state,
        model_queue_size=model_queue_size,
        acq_func_kwargs={"xi": xi, "kappa": kappa},
    )
    callbacks = check_callback(callback)
    if verbose:
        callbacks.append(
            VerboseCallback(
                n_init=len(points) if values is None else 0, n_random=n_initial_points, n_total=n_calls
            )
        )
    result = optimizer.get_result()
    result.specs = specs

    def over(told: Any) -> bool:
        told.specs = specs
        answers = [each(told) for each in callbacks]  # every one is called
        return any(answers)

    if values is not None and points:
        result = optimizer.tell(points, values)
        result.specs = specs
        if over(result):
            return result
        points = []
    for _ in range(n_calls):
        x = points.pop(0) if points else optimizer.ask()
        result = optimizer.tell(x, func(x))
        if over(result):
            break
    result.specs = specs
    return result


def _given(x0: Any, y0: Any, space: Space) -> tuple[list[list[Any]], list[Any] | None]:
    """Return the points to begin with as lists, and their values if they are known.

    Raises:
        ValueError: they are not points, or not as many as values.
        RuntimeError: they have another number of dimensions than the space.
    """
    if x0 is None:
        if y0 is not None:
            raise ValueError("y0 without x0: say at which points these values are")
        return [], None
    if not isinstance(x0, list | tuple | np.ndarray):
        raise ValueError(f"x0={x0!r}: a point, or a list of points, is needed")
    is_one = not any(isinstance(each, list | tuple | np.ndarray) for each in x0)
    points = [list(x0)] if is_one and len(x0) else [list(each) for each in x0]
    for point in points:
        if len(point) != len(space.dimensions):
            raise RuntimeError(
                f"x0 has points of {len(point)} dimensions, and the space has {len(space.dimensions)}"
            )
    if y0 is None:
        return points, None
    values = list(y0) if isinstance(y0, list | tuple | np.ndarray) else [y0]
    if len(values) != len(points):
        raise ValueError(f"x0 has {len(points)} points and y0 {len(values)} values")
    return points, values


def gp_minimize(
    func: Callable[[list[Any]], Any], dimensions: Any, base_estimator: Any = None, n_calls: int = 100,
    n_random_starts: int | None = None, n_initial_points: int = 10, initial_point_generator: Any = "random",
    acq_func: str = "gp_hedge", acq_optimizer: str = "auto", x0: Any = None, y0: Any = None,
    random_state: Any = None, verbose: bool = False, callback: Any = None, n_points: int = 10000,
    n_restarts_optimizer: int = 5, xi: float = 0.01, kappa: float = 1.96, noise: Any = "gaussian",
    n_jobs: int = 1, model_queue_size: int | None = None,
    space_constraint: Callable[[list[Any]], bool] | None = None,
) -> Any:  # fmt: skip
    """Minimise with a Gaussian process; see ``base_minimize``.

    Args:
        noise: variance of the values' noise; "gaussian" where it is not known.

    >>> result = gp_minimize(lambda x: (x[0] - 0.3) ** 2, [(0.0, 1.0)], n_calls=12, random_state=1)
    >>> bool(abs(result.x[0] - 0.3) < 0.1)
    True
    """
    return base_minimize(
        func, dimensions, as_estimator("GP" if base_estimator is None else base_estimator, noise), n_calls,
        n_random_starts, n_initial_points, initial_point_generator, acq_func, acq_optimizer, x0, y0,
        random_state, verbose, callback, n_points, n_restarts_optimizer, xi, kappa, n_jobs,
        model_queue_size, space_constraint,
    )  # fmt: skip


def forest_minimize(
    func: Callable[[list[Any]], Any], dimensions: Any, base_estimator: Any = "ET", n_calls: int = 100,
    n_random_starts: int | None = None, n_initial_points: int = 10, acq_func: str = "EI",
    initial_point_generator: Any = "random", x0: Any = None, y0: Any = None, random_state: Any = None,
    verbose: bool = False, callback: Any = None, n_points: int = 10000, xi: float = 0.01,
    kappa: float = 1.96, n_jobs: int = 1, model_queue_size: int | None = None,
    space_constraint: Callable[[list[Any]], bool] | None = None,
) -> Any:  # fmt: skip
    """Minimise with a forest of trees, "RF" or "ET"; see ``base_minimize``."""
    return base_minimize(
        func, dimensions, as_estimator(base_estimator), n_calls, n_random_starts, n_initial_points,
        initial_point_generator, acq_func, "sampling", x0, y0, random_state, verbose, callback, n_points, 5,
        xi, kappa, n_jobs, model_queue_size, space_constraint,
    )  # fmt: skip


def gbrt_minimize(
    func: Callable[[list[Any]], Any], dimensions: Any, base_estimator: Any = None, n_calls: int = 100,
    n_random_starts: int | None = None, n_initial_points: int = 10, initial_point_generator: Any = "random",
    acq_func: str = "LCB",
    acq_optimizer: str = "auto",  # noqa: ARG001 - trees are searched in one way
    x0: Any = None, y0: Any = None,
    random_state: Any = None, verbose: bool = False, callback: Any = None, n_points: int = 10000,
    xi: float = 0.01, kappa: float = 1.96, n_jobs: int = 1, model_queue_size: int | None = None,
    space_constraint: Callable[[list[Any]], bool] | None = None,
) -> Any:  # fmt: skip
    """Minimise with gradient boosted trees; see ``base_minimize``."""
    return base_minimize(
        func, dimensions, as_estimator("GBRT" if base_estimator is None else base_estimator), n_calls,
        n_random_starts, n_initial_points, initial_point_generator, acq_func, "sampling", x0, y0,
        random_state, verbose, callback, n_points, 5, xi, kappa, n_jobs, model_queue_size, space_constraint,
    )  # fmt: skip


def dummy_minimize(
    func: Callable[[list[Any]], Any], dimensions: Any, n_calls: int = 100,
    initial_point_generator: Any = "random", x0: Any = None, y0: Any = None, random_state: Any = None,
    verbose: bool = False, callback: Any = None, model_queue_size: int | None = None,
    init_point_gen_kwargs: dict[str, Any] | None = None,  # noqa: ARG001 - of the interface
    space_constraint: Callable[[list[Any]], bool] | None = None,
) -> Any:  # fmt: skip
    """Minimise by points of a design alone; see ``base_minimize``."""
    n_known = 0 if x0 is None or y0 is not None else len(_given(x0, y0, Space(dimensions))[0])
    return base_minimize(
        func, dimensions, "DUMMY", n_calls, None, max(n_calls - n_known, 0), initial_point_generator, "EI",
        "sampling", x0, y0, random_state, verbose, callback, 10000, 5, 0.01, 1.96, 1, model_queue_size,
        space_constraint,
    )  # fmt: skip
