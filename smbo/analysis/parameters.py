"""Parameters of a recommended point: values, one error each, ranges, bounds.

Where outputs are compared with data and a tune can be made, a parameter's error is the tune's
(``of_tune``): it contains the data's and theory's errors beside what evaluations leave open.  Else
it is where the optimum lies (``analysis.optimum``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from smbo.history.table import plain
from smbo.space import Space
from smbo.training_data import Array

if TYPE_CHECKING:
    from smbo.tuning import Tune

Source: TypeAlias = Literal["optimum", "tune"]
# a recommended coordinate this close to an end of its range (as a fraction of it) counts as on the bound
BOUND_FRACTION = 0.01


@dataclass(frozen=True)
class Parameter:
    """A parameter of the recommended point.

    Attributes:
        name, value: name of the parameter, and its recommended value in the user's units; None if inactive.
        low, high: bounds of the range in the user's units; None for choices without order.
        position: unit coordinate of the value; None where inactive or without order.
        interval: that holds with 68 %, in the user's units; None if unknown.
        interval_positions: the interval in unit coordinates.
        interval_95: that holds with 95 %, in the user's units.
        interval_of: "optimum", central shares of the optimum's distribution, or "tune", one and two errors of
            a tune to either side; None if unknown.
        bound: "lower" or "upper" if the value lies on that bound, else None.
        baseline: value at the point that the recommended one is compared with, or None.
    """

    name: str
    value: Any
    low: Any = None
    high: Any = None
    position: float | None = None
    interval: tuple[Any, Any] | None = None
    interval_positions: tuple[float, float] | None = None
    interval_95: tuple[Any, Any] | None = None
    interval_of: Source | None = None
    bound: str | None = None
    baseline: Any = None


def is_outside(parameter: Parameter) -> bool:
    """Return whether the recommended value is outside of where the optimum is with 68 %.

    What is recommended was evaluated; the optimum may be expected where nothing was.
    """
    ends = parameter.interval_positions
    if ends is None or parameter.position is None or parameter.interval_of != "optimum":
        return False
    return not ends[0] <= parameter.position <= ends[1]


def parameters(
    space: Space,
    params: Mapping[str, Any],
    optima: Array | None = None,
    baseline: Mapping[str, Any] | None = None,
) -> list[Parameter]:
    """Return every dimension of the space at a recommended point.

    Args:
        optima: unit points from ``analysis.optimum``, shape (n_samples, d).
        baseline: point to compare with, in the user's units.
    """
    center = space.to_unit([params])[0]
    baseline = baseline or {}
    found = {
        name: Parameter(name=name, value=params.get(name), baseline=baseline.get(name))
        for name in space.names
    }
    for column, axis in enumerate(space.axes):
        if axis.name not in params or axis.kind == "categorical":
            continue
        name, position = axis.name, float(center[column])
        in_user_units = _decoder(space, params, column, name)
        ends, wide = None, None
        if optima is not None:
            ends, wide = (_central(optima[:, column], share) for share in (0.68, 0.95))
        found[name] = Parameter(
            name=name,
            value=params[name],
            low=in_user_units(0.0),
            high=in_user_units(1.0),
            position=position,
            interval=None if ends is None else (in_user_units(ends[0]), in_user_units(ends[1])),
            interval_positions=ends,
            interval_95=None if wide is None else (in_user_units(wide[0]), in_user_units(wide[1])),
            interval_of=None if ends is None else "optimum",
            bound=_bound(space, center, column),
            baseline=baseline.get(name),
        )
    return list(found.values())


def of_tune(space: Space, tune: Tune, baseline: Mapping[str, Any] | None = None) -> list[Parameter]:
    """Return every dimension of the space at the point of a tune, with the tune's errors.

    What is not fitted (choices, whole numbers) has no interval: the tune lists the other choices.

    Args:
        baseline: point to compare with, in the user's units.
    """
    fitted = {each.name: each for each in tune.parameters}
    columns = {axis.name: column for column, axis in enumerate(space.axes)}
    found = parameters(space, tune.params, baseline=baseline)
    for k, each in enumerate(found):
        if (of := fitted.get(each.name)) is None:
            continue
        one, two = (
            (max(of.low, of.value - n * of.error), min(of.high, of.value + n * of.error)) for n in (1.0, 2.0)
        )
        ends = space.to_unit([{**tune.params, each.name: end} for end in one])[:, columns[each.name]]
        found[k] = replace(
            each,
            interval=one,
            interval_positions=(float(ends[0]), float(ends[1])),
            interval_95=two,
            interval_of="tune",
        )
    return found


def parameters_json(found: Sequence[Parameter]) -> dict[str, Any]:
    """Return parameters as plain values by name, in the user's units."""
    return {
        each.name: {
            "value": plain(each.value),
            "interval_68": _ends(each.interval),
            "interval_95": _ends(each.interval_95),
            "interval_of": each.interval_of,
            "range": None if each.low is None else [plain(each.low), plain(each.high)],
            "bound": each.bound,
        }
        for each in found
    }


def _ends(interval: tuple[Any, Any] | None) -> list[Any] | None:
    return None if interval is None else [plain(end) for end in interval]


def _central(coordinates: Array, share: float) -> tuple[float, float]:
    """Return the ends of the central share of draws: as many others lie to each side, in two basins too."""
    # numbers on a grid sit at (k + 1/2) / K, so "lower" and "higher" keep them on it
    tail = round(0.5 * (1.0 - share), 9)  # 0.16 is the place of a draw, 0.15999… is before it
    low = np.quantile(coordinates, tail, method="lower")
    return float(low), float(np.quantile(coordinates, 1.0 - tail, method="higher"))


def _decoder(space: Space, params: Mapping[str, Any], column: int, name: str) -> Callable[[float], Any]:
    """Return a function from the unit coordinate of one axis to the user's units."""
    center = space.to_unit([params])[0]

    def decode(coordinate: float) -> Any:
        unit = center.copy()
        unit[column] = coordinate
        return space.from_unit(space.snap(unit[None]))[0].get(name)

    return decode


def _bound(space: Space, center: Array, column: int) -> str | None:
    """Return "lower" or "upper" if a coordinate lies on that bound of its range, else None."""
    axis = space.axes[column]
    # with two levels every value is on a bound, which does not suggest a wider range
    if axis.levels is not None and axis.levels <= 2:
        return None
    ends = np.tile(center, (2, 1))
    ends[:, column] = (0.0, 1.0)
    low, high = space.snap(ends)[:, column]
    margin = BOUND_FRACTION if axis.levels is None else 1e-9
    if center[column] <= low + margin:
        return "lower"
    return "upper" if center[column] >= high - margin else None
