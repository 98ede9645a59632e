"""Figures of scikit-optimize's results, by matplotlib: each function returns the axes that it drew on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from smbo.integrations.skopt.space import Categorical, Space
from smbo.integrations.skopt.utils import expected_minimum, expected_minimum_random_sampling
from smbo.plots.style import COLOURS, NO_MATPLOTLIB

_N_RANDOM_SAMPLES = 250  # over which a partial dependence is averaged


def plot_convergence(
    *args: Any, true_minimum: float | None = None, yscale: str | None = None, ax: Any = None
) -> Any:
    """Plot the best value after each evaluation, of results or (label, result or list of results)."""
    ax = _axes(ax)
    for label, results in _labelled(args):
        for result in results:
            best = np.minimum.accumulate(result.func_vals)
            ax.plot(1 + np.arange(len(best)), best, drawstyle="steps-post", label=label)
            label = None
    if true_minimum is not None:
        ax.axhline(true_minimum, linestyle="--", color=COLOURS["baseline"], label="true minimum")
    return _finished(ax, "evaluations", "best value", yscale)


def plot_regret(
    *args: Any, true_minimum: float | None = None, yscale: str | None = None, ax: Any = None
) -> Any:
    """Plot the cumulated regret, on the true minimum or the lowest value of all, after each evaluation."""
    ax = _axes(ax)
    labelled = list(_labelled(args))
    lowest = min(result.fun for _, results in labelled for result in results)
    for label, results in labelled:
        for result in results:
            lost = np.cumsum(result.func_vals - (lowest if true_minimum is None else true_minimum))
            ax.plot(1 + np.arange(len(lost)), lost, label=label)
            label = None
    return _finished(ax, "evaluations", "cumulated regret", yscale)


def _labelled(args: Sequence[Any]) -> Any:
    for arg in args:
        label, results = arg if isinstance(arg, tuple) else (None, arg)
        yield label, results if isinstance(results, list) else [results]


def _axes(ax: Any) -> Any:
    return _pyplot().subplots()[1] if ax is None else ax


def _pyplot() -> Any:
    try:
        import matplotlib.pyplot
    except ImportError as error:
        raise ImportError(NO_MATPLOTLIB) from error
    return matplotlib.pyplot


def _finished(ax: Any, x: str, y: str, yscale: str | None) -> Any:
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    if yscale is not None:
        ax.set_yscale(yscale)
    if ax.get_legend_handles_labels()[1]:
        ax.legend()
    return ax


def partial_dependence_1D(
    space: Space, model: Any, i: int, samples: Any, n_points: int = 40
) -> tuple[Any, list[float]]:
    """Return values of dimension i, and the model's mean there, averaged over samples of the others.

    Args:
        samples: transformed points, (n, transformed_n_dims).

    Returns:
        values (of categories their places) and means.
    """
    values, columns = _grid(space, i, n_points)
    return values, [float(_mean(model, _with(space, samples, {i: column}))) for column in columns]


def partial_dependence_2D(
    space: Space, model: Any, i: int, j: int, samples: Any, n_points: int = 40
) -> tuple[Any, Any, Any]:
    """Return the same of two dimensions: values of j, values of i, means of shape (len of i, len of j)."""
    across, across_columns = _grid(space, j, n_points)
    up, up_columns = _grid(space, i, n_points)
    means = [
        [float(_mean(model, _with(space, samples, {i: y, j: x}))) for x in across_columns] for y in up_columns
    ]
    return across, up, np.array(means)


def partial_dependence(
    space: Space, model: Any, i: int, j: int | None = None, sample_points: Any = None,
    n_samples: int = _N_RANDOM_SAMPLES, n_points: int = 40,
) -> Any:  # fmt: skip
    """Return the partial dependence on one dimension or two, over given or random points."""
    samples = space.transform(space.rvs(n_samples)) if sample_points is None else sample_points
    if j is None:
        return partial_dependence_1D(space, model, i, samples, n_points)
    return partial_dependence_2D(space, model, i, j, samples, n_points)


def _grid(space: Space, i: int, n_points: int) -> tuple[Any, list[Any]]:
    """Return values of a dimension as they are drawn, and each as transformed columns."""
    dimension = space.dimensions[i]
    if isinstance(dimension, Categorical):
        n = len(dimension.categories)
        return np.arange(n), list(np.asarray(dimension.transform(dimension.categories)).reshape(n, -1))
    low, high = dimension.transformed_bounds
    columns = np.linspace(low, high, n_points)
    values = (
        columns
        if dimension.transform_ == "identity" and dimension.prior == "uniform"
        else dimension.inverse_transform(columns)
    )
    return np.asarray(values, dtype=float), [np.array([each]) for each in columns]


def _with(space: Space, samples: Any, columns: dict[int, Any]) -> Any:
    """Return transformed points with one or two dimensions set."""
    found = np.array(samples, dtype=object if np.asarray(samples).dtype == object else float)
    starts = np.cumsum([0, *(each.transformed_size for each in space.dimensions)])
    for i, column in columns.items():
        found[:, starts[i] : starts[i + 1]] = column
    return found


def _mean(model: Any, transformed: Any) -> float:
    return float(np.mean(model.predict(transformed)))


def plot_evaluations(
    result: Any, bins: int = 20, dimensions: Sequence[str] | None = None, plot_dims: Any = None, **_: Any
) -> Any:
    """Plot where evaluations were: histograms, and pairs of dimensions coloured by the order."""
    places, names = _chosen(result, dimensions, plot_dims)
    axes = _triangle(len(places))
    order = np.arange(len(result.x_iters))
    for row, i in enumerate(places):
        axes[row, row].hist(
            _drawn(result, i), bins=_bins(result.space.dimensions[i], bins), color=COLOURS["evaluation"]
        )
        for column, j in enumerate(places[:row]):
            axes[row, column].scatter(_drawn(result, j), _drawn(result, i), c=order, s=12, cmap="viridis")
            best = (
                _place(result.space.dimensions[j], result.x[j]),
                _place(result.space.dimensions[i], result.x[i]),
            )
            axes[row, column].scatter(*best, c=COLOURS["best"], s=40, marker="*")
    return _with_names(axes, result.space, places, names)


def plot_objective(
    result: Any, levels: int = 10, n_points: int = 40, n_samples: int = _N_RANDOM_SAMPLES,
    dimensions: Sequence[str] | None = None, sample_source: Any = "random", minimum: Any = "result",
    n_minimum_search: int | None = None, plot_dims: Any = None, show_points: bool = True,
    cmap: str = "viridis_r", **_: Any,
) -> Any:  # fmt: skip
    """Plot the model: partial dependence on each dimension, and contours for each pair.

    Args:
        sample_source: over what other dimensions are averaged: "random" points; or the one point that
            "result", "expected_minimum", "expected_minimum_random" or a list names.
        minimum: which point is marked, named in the same way.
    """
    places, names = _chosen(result, dimensions, plot_dims)
    space, model = result.space, result.models[-1]
    if isinstance(sample_source, str) and sample_source == "random":
        points = space.rvs(n_samples=n_samples, random_state=0)
    else:
        points = [_evaluate_min_params(result, sample_source, n_minimum_search)]
    samples, marked = space.transform(points), _evaluate_min_params(result, minimum, n_minimum_search)
    axes = _triangle(len(places))
    for row, i in enumerate(places):
        diagonal = axes[row, row]
        values, means = partial_dependence_1D(space, model, i, samples, n_points)
        diagonal.plot(values, means, color=COLOURS["model"])
        diagonal.axvline(_place(space.dimensions[i], marked[i]), linestyle="--", color=COLOURS["recommended"])
        for column, j in enumerate(places[:row]):
            x, y, z = partial_dependence_2D(space, model, i, j, samples, max(n_points // 2, 3))
            if min(np.shape(z)) > 1:
                axes[row, column].contourf(x, y, z, levels, cmap=cmap)
            if show_points:
                axes[row, column].scatter(_drawn(result, j), _drawn(result, i), c="k", s=6)
            best = _place(space.dimensions[j], marked[j]), _place(space.dimensions[i], marked[i])
            axes[row, column].scatter(*best, c=COLOURS["recommended"], s=40, marker="*")
    return _with_names(axes, space, places, names)


def plot_objective_2D(
    result: Any, dimension_identifier1: Any, dimension_identifier2: Any, n_points: int = 40,
    n_samples: int = _N_RANDOM_SAMPLES, levels: int = 10, cmap: str = "viridis_r", ax: Any = None, **_: Any,
) -> Any:  # fmt: skip
    """Plot the contours of one pair of dimensions, given by place or name."""
    space = result.space
    (i, one), (j, other) = space[dimension_identifier1], space[dimension_identifier2]
    samples = space.transform(space.rvs(n_samples=n_samples, random_state=0))
    x, y, z = partial_dependence_2D(space, result.models[-1], j, i, samples, n_points)
    ax = _axes(ax)
    if min(np.shape(z)) > 1:
        ax.figure.colorbar(ax.contourf(x, y, z, levels, cmap=cmap), ax=ax, label="mean of the model")
    ax.scatter(_drawn(result, i), _drawn(result, j), c="k", s=8)
    _name_axis(ax, "x", one, space.dimension_names[i])
    _name_axis(ax, "y", other, space.dimension_names[j])
    return ax


def plot_histogram(
    result: Any, dimension_identifier: Any, bins: int = 20, rotate_labels: int = 0, ax: Any = None
) -> Any:
    """Plot how often a dimension's values were evaluated."""
    i, dimension = result.space[dimension_identifier]
    ax = _axes(ax)
    ax.hist(_drawn(result, i), bins=_bins(dimension, bins), color=COLOURS["evaluation"])
    ax.tick_params(axis="x", rotation=rotate_labels)
    _name_axis(ax, "x", dimension, result.space.dimension_names[i])
    ax.set_ylabel("evaluations")
    return ax


def plot_gaussian_process(
    res: Any, ax: Any = None, n_calls: int = -1, objective: Any = None, n_points: int = 1000,
    noise_level: float = 0, show_legend: bool = True, show_title: bool = True,
    show_observations: bool = True, **_: Any,
) -> Any:  # fmt: skip
    """Plot the model of a problem of one real dimension with its 95 % band, and the evaluations.

    Args:
        n_calls: after how many models; -1 for the last.
    """
    space, ax = res.space, _axes(ax)
    if len(space.dimensions) != 1 or not space.is_real:
        raise ValueError(f"a model is plotted over one real dimension, and the space is {space}")
    (dimension,) = space.dimensions
    low, high = dimension.transformed_bounds
    columns = np.linspace(low, high, n_points)
    points = [[each] for each in dimension.inverse_transform(columns)]
    x = [point[0] for point in points]
    mean, std = res.models[n_calls].at(points, return_std=True)
    if objective is not None:
        ax.plot(
            x, [objective(point) for point in points], "--", color=COLOURS["baseline"], label="true value"
        )
    ax.plot(x, mean, color=COLOURS["model"], label="mean")
    band = 1.96 * np.sqrt(std**2 + noise_level**2)
    ax.fill_between(x, mean - band, mean + band, alpha=0.2, color=COLOURS["model"], label="95 %")
    if show_observations:
        ax.plot(
            [each[0] for each in res.x_iters], res.func_vals, ".", color=COLOURS["data"], label="evaluations"
        )
    if show_title:
        ax.set_title(f"after {len(res.x_iters)} evaluations")
    if show_legend:
        ax.legend()
    return ax


def _evaluate_min_params(
    result: Any, params: Any = "result", n_minimum_search: int | None = None, random_state: Any = None
) -> list[Any]:
    """Return the point that a word or list names."""
    if not isinstance(params, str):
        return list(params)
    if params == "result":
        return list(result.x)
    if params not in ("expected_minimum", "expected_minimum_random"):
        raise ValueError(f"{params!r}: there are 'result', 'expected_minimum' and 'expected_minimum_random'")
    if params == "expected_minimum" and not result.space.is_partly_categorical:
        return expected_minimum(result, n_minimum_search or 20, random_state)[0]
    return expected_minimum_random_sampling(result, n_minimum_search or 10_000, random_state)[0]


def _chosen(result: Any, names: Sequence[str] | None, plot_dims: Any) -> tuple[list[int], list[str]]:
    """Return which dimensions to plot, and what they are called."""
    space = result.space
    if plot_dims is None:
        places = [place for place, each in enumerate(space.dimensions) if not each.is_constant]
    else:
        places = [space[each][0] for each in plot_dims]
    own = [space.dimension_names[place] for place in places]
    if names is not None and len(names) != len(places):
        raise ValueError(
            f"{len(places)} dimensions are plotted, and dimensions={list(names)} names {len(names)}"
        )
    return places, own if names is None else list(names)


def _triangle(n: int) -> Any:
    _, axes = _pyplot().subplots(
        n, n, figsize=(2.2 * n + 1, 2.2 * n + 1), squeeze=False, layout="constrained"
    )
    for row, column in zip(*np.triu_indices(n, 1)):
        axes[row, column].set_visible(False)
    return axes


def _with_names(axes: Any, space: Space, places: Sequence[int], names: Sequence[str]) -> Any:
    for row, (i, name) in enumerate(zip(places, names)):
        for column in range(row + 1):
            ax, j = axes[row, column], places[column]
            _name_axis(ax, "x", space.dimensions[j], names[column] if row == len(places) - 1 else "")
            if column < row:
                _name_axis(ax, "y", space.dimensions[i], name if column == 0 else "")
    return axes if len(places) > 1 else axes[0, 0]


def _name_axis(ax: Any, which: str, dimension: Any, name: str) -> None:
    """Label an axis, with categories as ticks and a logarithmic scale where the prior is."""
    axis = ax.xaxis if which == "x" else ax.yaxis
    if isinstance(dimension, Categorical):
        axis.set_ticks(range(len(dimension.categories)), [str(each) for each in dimension.categories])
    elif dimension.prior == "log-uniform":
        (ax.set_xscale if which == "x" else ax.set_yscale)("log")
    axis.set_label_text(name)


def _place(dimension: Any, value: Any) -> float:
    """Return where a value is drawn."""
    return float(dimension._index(value)) if isinstance(dimension, Categorical) else float(value)


def _drawn(result: Any, i: int) -> list[float]:
    return [_place(result.space.dimensions[i], point[i]) for point in result.x_iters]


def _bins(dimension: Any, n: int) -> Any:
    if isinstance(dimension, Categorical):
        return np.arange(len(dimension.categories) + 1) - 0.5
    if dimension.prior == "log-uniform":
        return np.geomspace(dimension.low, dimension.high, n + 1)
    return n
