"""The search space: named dimensions, conditions, known constraints, and the map to the unit cube.

    {"lr": Real(1e-5, 1e-1, log=True), "depth": (1, 8), "act": ["relu", "tanh"], "seed": 3}

A continuous dimension is mapped onto [0, 1]; level k of K sits at (k + 1/2) / K, except that
logarithmic grids are placed by logarithm.  Coordinates of inactive dimensions are 1/2.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from smbo.errors import PointError, SpaceError
from smbo.frozen import FrozenDict
from smbo.plain_values import shown
from smbo.space.categorical import Categorical, Constant
from smbo.space.conditions import as_stored, check_conditions
from smbo.space.constraints import (
    Constraint,
    Point,
    StoredCallable,
    conditions_of,
    constraint_name,
    hint,
    parse_constraint,
    parts_of,
    rules_of,
)
from smbo.space.derived import Derived
from smbo.space.expressions import Expression
from smbo.space.json_values import from_plain, to_plain
from smbo.space.numeric import Dimension, Fixed, Integer, Real, Removed
from smbo.space.parsing import as_dimension
from smbo.space.past import with_all_values, with_past, without_past
from smbo.space.rounding import holds_but_for_rounding
from smbo.space.scaling import within
from smbo.training_data import Array, Axis

if TYPE_CHECKING:
    from smbo.space.feasible import FeasibleSet

__all__ = [
    "Categorical",
    "Constant",
    "Derived",
    "Dimension",
    "Integer",
    "Point",
    "Real",
    "Space",
    "StoredCallable",
]

Columns: TypeAlias = dict[str, NDArray[Any]]
Mask: TypeAlias = NDArray[np.bool_]

_MAX_GRID = 100_000  # points of a finite space that are listed to count or to search them
_INACTIVE = 0.5


@dataclass(frozen=True)
class Space:
    """Named dimensions with conditions and known constraints.

    Args:
        dimensions: by name, each a dimension or a shorthand (see ``as_dimension``).
        constraints: formulas such as "a + b <= 2", or callables that take a point and return
            whether it is allowed.  One that names an inactive dimension does not apply.  Linear ones
            may leave as small a region as they like; an equation is a ``Derived`` dimension.
        earlier: dimensions of earlier spaces of a study whose space has changed, see ``smbo.space.changes``.
        defaults: values that later dimensions have at points of spaces without them, by name.
        since: number of the first trial after the last change.

    A condition that names an inactive dimension does not hold.

    Raises:
        SpaceError: no dimension, a bad one, or a condition or constraint that does not fit them.

    >>> space = Space(
    ...     {"lr": Real(1e-5, 1e-1, log=True), "depth": (1, 8), "act": ["relu", "tanh"]},
    ...     constraints=["depth <= 4 or lr < 1e-2"],
    ... )
    >>> units = space.to_unit([{"lr": 1e-3, "depth": 3, "act": "tanh"}])
    >>> units.round(4)
    array([[0.5   , 0.3125, 0.75  ]])
    >>> space.contains({"lr": 0.05, "depth": 8, "act": "relu"})
    False
    """

    dimensions: Mapping[str, Any]
    constraints: Sequence[str | Callable[[Point], bool]] = ()
    earlier: Sequence[Mapping[str, Any]] = field(default=(), kw_only=True, repr=False)
    defaults: Mapping[str, Any] = field(default_factory=FrozenDict, kw_only=True, repr=False)
    since: int = field(default=0, kw_only=True, repr=False)
    axes: tuple[Axis, ...] = field(init=False, repr=False, compare=False)
    _conditions: dict[str, Expression] = field(init=False, repr=False, compare=False)
    rules: tuple[Constraint, ...] = field(init=False, repr=False, compare=False)
    parts: Mapping[str, frozenset[str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if isinstance(self.dimensions, Space):
            raise SpaceError("this is a Space already; use it as it is")
        if not isinstance(self.dimensions, Mapping) or not self.dimensions:
            raise SpaceError(f"a space is a mapping of names to dimensions, got {self.dimensions!r}")
        for name in self.dimensions:
            if not isinstance(name, str) or not name:
                raise SpaceError(f"the name of a dimension is a text, got {shown(name)}")
        given: Any = self.constraints
        if isinstance(given, str | Mapping) or callable(given) or not isinstance(given, Iterable):
            raise SpaceError(f"constraints={shown(given)}: give a list of formulas or callables")
        # numpy's texts are texts, which other programs do not know
        dimensions = _parsed(self.dimensions)
        set_once = object.__setattr__
        set_once(self, "earlier", tuple(FrozenDict(_parsed(each)) for each in self.earlier))
        set_once(self, "defaults", FrozenDict(self.defaults))
        for name, each in dimensions.items() if self.earlier else ():
            dimensions[name] = with_past(each, [past[name] for past in self.earlier if name in past])
        axes = (dimension.axis(name) for name, dimension in dimensions.items())
        set_once(self, "dimensions", FrozenDict(dimensions))
        set_once(self, "constraints", tuple(given))
        set_once(self, "axes", tuple(axis for axis in axes if axis is not None))
        conditions = conditions_of(dimensions)
        check_conditions(
            {name: each for name, each in conditions.items() if not isinstance(dimensions[name], Derived)},
            dimensions,
        )
        given_rules = [parse_constraint(given, dimensions) for given in self.constraints]
        set_once(self, "_conditions", conditions)
        set_once(self, "rules", (*given_rules, *rules_of(dimensions)))
        set_once(self, "parts", parts_of(dimensions, conditions))

    def __getstate__(self) -> dict[str, Any]:
        # what was found of the feasible points holds local functions, and is found again
        return {name: value for name, value in self.__dict__.items() if name != "feasible"}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all dimensions, in the order given."""
        return tuple(self.dimensions)

    @property
    def own_dimensions(self) -> Mapping[str, Any]:
        """The dimensions as they are now, without what is kept for points of earlier spaces."""
        return FrozenDict({name: without_past(each) for name, each in self.dimensions.items()})

    @property
    def all_dimensions(self) -> Mapping[str, Any]:
        """The dimensions with all values that they ever had."""
        past = {name: [each[name] for each in self.earlier if name in each] for name in self.dimensions}
        return {name: with_all_values(each, past[name]) for name, each in self.dimensions.items()}

    @property
    def conditional(self) -> tuple[str, ...]:
        """Names of the dimensions that not every point has, in the order given."""
        return tuple(name for name, each in self.dimensions.items() if each.active_when is not None)

    @cached_property
    def size(self) -> int | None:
        """Number of distinct allowed points, None if not finite.

        Exact up to 100 000 combinations of levels; above, the number of combinations, whether
        allowed or not.
        """
        combinations = self._n_combinations()
        if combinations is None or combinations > _MAX_GRID:
            return combinations
        grid = self.grid()
        return None if grid is None else len(grid)

    # ---------------------------------------------------------------- to and from the unit cube

    def to_unit(self, points: Iterable[Mapping[str, Any]]) -> Array:
        """Return points of the space as unit points, shape (n, d); absent dimensions are at 1/2.

        Numbers that are out of bounds since a change of the space are beyond [0, 1].
        """
        points = list(points)
        if self._box is not None:
            low, high = self._box
            row_of = operator.itemgetter(*self.dimensions)  # of one dimension, a number; of more, a tuple
            values = np.array([*map(row_of, points)], dtype=np.float64)
            return within((values.reshape(len(points), len(low)) - low) / (high - low), 0.0, 1.0)
        units = np.full((len(points), len(self.axes)), _INACTIVE)
        for column, axis in enumerate(self.axes):
            dimension = self.dimensions[axis.name]
            assert not isinstance(dimension, Constant | Derived)
            to_unit = dimension.to_unit
            if self.earlier and isinstance(dimension, Real | Integer):
                to_unit = dimension.to_unit_beyond
            try:  # without a check of each point: most names are in every point, and points may be very many
                units[:, column] = to_unit([point[axis.name] for point in points])
                continue
            except KeyError:
                rows = [row for row, point in enumerate(points) if axis.name in point]
            units[rows, column] = to_unit([points[row][axis.name] for row in rows])
        return units

    def from_unit(self, units: Array) -> list[Point]:
        """Return unit points, shape (n, d), as points: each row moved to the nearest point."""
        units = self._rows(units)
        if self._box is not None:
            low, high = self._box
            rows = within(low + units * (high - low), low, high).tolist()
            return [dict(zip(self.dimensions, row)) for row in rows]
        values: dict[str, list[Any]] = {}
        for name, dimension in self.dimensions.items():
            if isinstance(dimension, Constant):
                values[name] = [dimension.value] * len(units)
            elif isinstance(dimension, Derived):
                numbers = self._values(units, [name])[name]
                values[name] = (numbers.astype(np.int64) if name in self._whole else numbers).tolist()
            else:
                values[name] = dimension.from_unit(self._column(units, name))
        points = [dict(zip(values, row)) for row in zip(*values.values())]
        for name, active in self._activity(units).items():
            for row in np.flatnonzero(~active):
                del points[row][name]
        return points

    def snap(self, units: Array) -> Array:
        """Return each row moved to the nearest point that can be evaluated; inactive entries to 1/2."""
        units = self._rows(units)
        if self._box is not None:
            return within(units, 0.0, 1.0)
        snapped = np.empty_like(units)
        for column, axis in enumerate(self.axes):
            dimension = self.dimensions[axis.name]
            assert not isinstance(dimension, Constant | Derived)
            snapped[:, column] = dimension.snap(units[:, column])
        activity = self._activity(snapped)
        for column, axis in enumerate(self.axes):
            if axis.name in activity:
                snapped[~activity[axis.name], column] = _INACTIVE
        return snapped

    def allowed(self, units: Array) -> Mask:
        """Return whether the known constraints hold at snapped rows, shape (n,)."""
        units = self._rows(units)
        allowed = np.ones(len(units), dtype=bool)
        if not self.rules:
            return allowed
        formulas = [rule for rule in self.rules if isinstance(rule, Expression)]
        activity = self._activity(units)
        for formula in formulas:
            applies = allowed & _all_active(formula.names, activity, len(units))
            allowed[applies] = self._holds(formula, units[applies])
        callables = [rule for rule in self.rules if not isinstance(rule, Expression)]
        if callables and allowed.any():
            rows = np.flatnonzero(allowed)
            points = self.from_unit(units[rows])
            allowed[rows] = [all(_call(rule, point) for rule in callables) for point in points]
        return allowed

    def active(self, units: Array) -> Mask:
        """Return which dimensions exist at snapped rows, shape (n, d)."""
        units = self._rows(units)
        active = np.ones(units.shape, dtype=bool)
        activity = self._activity(units)
        for column, axis in enumerate(self.axes):
            if axis.name in activity:
                active[:, column] = activity[axis.name]
        return active

    # ------------------------------------------------------------------------------- sampling

    def sample_unit(self, n: int, rng: np.random.Generator, starts: Array | None = None) -> Array:
        """Return n random unit points, snapped and allowed, shape (n, d).

        Args:
            starts: points that may be allowed, (k, d): where they are hard to find the search starts there.

        Raises:
            SpaceError: the constraints contradict each other, or no point was found that meets them.
        """
        if self.feasible is not None and self.feasible.is_rare:
            return self.feasible.sample(n, rng, starts)
        found = [np.empty((0, len(self.axes)))]
        n_found = 0
        batch = n if not self.rules else max(2 * n, 64)
        while n_found < n:
            rows = self.snap(rng.random((batch, len(self.axes))))
            rows = rows[self.allowed(rows)]
            found.append(rows)
            n_found += len(rows)
            batch = min(2 * batch, 2**14)
        return np.concatenate(found)[:n]

    @cached_property
    def feasible(self) -> FeasibleSet | None:
        """The points that meet the known constraints; None without any."""
        if not self.rules:
            return None
        from smbo.space.feasible import FeasibleSet
        from smbo.space.linear_constraints import LinearConstraints

        return FeasibleSet(self, LinearConstraints(self))

    def sample(self, n: int, rng: np.random.Generator) -> list[Point]:
        """Return n random allowed points."""
        return self.from_unit(self.sample_unit(n, rng))

    def grid(self) -> Array | None:
        """Return every distinct allowed unit point, None if there are more than 100 000 or no end."""
        combinations = self._n_combinations()
        if combinations is None or combinations > _MAX_GRID:
            return None
        levels = []
        for axis in self.axes:
            dimension = self.dimensions[axis.name]
            assert not isinstance(dimension, Constant | Derived)
            levels.append(dimension.positions().tolist())
        rows = self.snap(np.array(list(product(*levels)), dtype=np.float64).reshape(combinations, -1))
        if self.parts:  # inactive entries coincide
            rows = np.unique(rows, axis=0)
        return rows[self.allowed(rows)]

    # ------------------------------------------------------------------------- points from users

    def contains(self, point: Mapping[str, Any]) -> bool:
        """Return whether a point is in the space and allowed."""
        try:
            self.check(point)
        except PointError:
            return False
        return True

    def is_present(self, point: Mapping[str, Any]) -> bool:
        """Return whether a point of a study is in its present space: of each, where that never changed."""
        return not self.earlier or self.contains(point)

    def check(self, point: Mapping[str, Any]) -> Point:
        """Return a user's point in its canonical form: constants filled in, plain numbers, own objects.

        Raises:
            PointError: a dimension is unknown, missing, inactive, out of bounds or none of the
                choices, or a known constraint does not hold.
        """
        if not isinstance(point, Mapping):
            raise PointError(
                f"a point is a mapping of names to values (of a table's row, dict(row)), got {shown(point)}"
            )
        for name in point:
            if name not in self.dimensions:
                raise PointError(f"{name!r} is no dimension of the space{hint(name, self.dimensions)}")
        known: Point = {}
        for name in self._in_dependency_order():
            dimension = self.dimensions[name]
            condition = None if isinstance(dimension, Derived) else self._conditions.get(name)
            if condition is not None and not self._holds_at(condition, known):
                if name in point:
                    raise PointError(f"{name} exists only when {condition.text}; leave it out here")
            elif isinstance(dimension, Derived):
                self._derive(name, dimension, known, point)
            elif name in point:
                known[name] = dimension.check(name, point[name])
            elif isinstance(dimension, Constant | Removed):
                known[name] = dimension.value
            else:
                raise PointError(f"{name} is missing; give a value for it")
        known = {name: known[name] for name in self.dimensions if name in known}
        n_given = len(self.constraints)
        for place, rule in enumerate(self.rules):
            applies = not isinstance(rule, Expression) or rule.names <= known.keys()
            if applies and not _is_met(rule, known, may_round=place < n_given):
                text = rule.text if isinstance(rule, Expression) else constraint_name(rule)
                raise PointError(f"the point {known!r} violates the known constraint {text!r}")
        return known

    def _derive(self, name: str, dimension: Derived, known: Point, point: Mapping[str, Any]) -> None:
        """Add the value of a derived dimension to the values known so far; it must agree with a given one."""
        missing = sorted(dimension.formula.names - known.keys())
        if missing:
            if name in point:
                raise PointError(
                    f"{name} = {dimension.expression} exists only where {missing} do; leave it out here"
                )
            return
        parts = {each: np.array([float(known[each])]) for each in dimension.formula.names}
        (number,) = dimension.column(parts, 1, self._whole).tolist()
        if not np.isfinite(number):
            raise PointError(f"{name} = {dimension.expression} is {number!r} at {known!r}; give other values")
        known[name] = int(number) if name in self._whole else number
        if name in point:
            dimension.agreed(name, point[name], known, known[name])

    # ----------------------------------------------------------------------------------- storing

    def to_json(self) -> dict[str, Any]:
        """Return the space as plain JSON values.

        A callable is stored by its name only, as {"callable": "module:name"}.
        """
        constraints = [
            given if isinstance(given, str) else {"callable": constraint_name(given)}
            for given in self.constraints
        ]
        data = {"dimensions": _forms(self.dimensions), "constraints": constraints}
        if self.earlier:  # absent in a space that never changed
            data["since"] = self.since
            data["earlier"] = [_forms(each) for each in self.earlier]
            data["defaults"] = [[name, to_plain(value)] for name, value in self.defaults.items()]
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Space:
        """Return the space that ``to_json`` wrote, or the mapping of names to forms of a job file.

        Nothing is imported: a constraint that is code comes back as a StoredCallable.
        """
        if not isinstance(data, Mapping):
            raise SpaceError(f"a space is a mapping of names to dimensions, got {data!r}")
        dimensions, constraints, past = data, list[Any](), dict[str, Any]()
        keys = data.keys() - {"earlier", "defaults", "since"}
        if keys == {"dimensions", "constraints"} and isinstance(data["dimensions"], list):
            dimensions, constraints = dict(data["dimensions"]), data["constraints"]
            past["since"] = data.get("since", 0)
            past["earlier"] = [dict(each) for each in data.get("earlier", ())]
            past["defaults"] = {name: from_plain(value) for name, value in data.get("defaults", ())}
        rules = [
            given if isinstance(given, str) else StoredCallable(given["callable"]) for given in constraints
        ]
        with as_stored() if dimensions is not data else nullcontext():
            return cls(dimensions, rules, **past)

    def point_to_json(self, point: Mapping[str, Any]) -> dict[str, Any]:
        """Return a point as plain JSON values; categories that JSON lacks are tagged."""
        return {name: to_plain(value) for name, value in point.items()}

    def point_from_json(self, data: Mapping[str, Any]) -> Point:
        """Return the point that ``point_to_json`` wrote, with the space's own objects as categories.

        A point of an earlier space is returned ``in_present_terms``.

        Raises:
            PointError: a dimension is unknown, or a value is not one of its own.
        """
        if self.earlier:
            return self.in_present_terms(self.values_from_json(data))
        for name in data.keys() - self.dimensions.keys():
            raise PointError(f"{name!r} is no dimension of the space{hint(name, self.dimensions)}")
        return {name: self.dimensions[name].check(name, from_plain(value)) for name, value in data.items()}

    def values_from_json(self, data: Mapping[str, Any]) -> Point:
        """Return some values of a stored point, as ``point_from_json`` does those of a whole one."""
        return {name: self._read(name, value) for name, value in data.items()}

    def in_present_terms(self, point: Mapping[str, Any]) -> Point:
        """Return a point of an earlier space with the dimensions of this one, and its values as they were.

        Dimensions that are new have their defaults.
        """
        if not self.earlier:
            return dict(point)
        known: Point = {}
        for name in self._in_dependency_order():
            dimension = self.dimensions[name]
            if isinstance(dimension, Derived):
                if name in point:
                    known[name] = point[name]
                elif dimension.formula.names <= known.keys():
                    self._derive(name, dimension, known, {})
                continue
            condition = self._conditions.get(name)
            if name in point:  # though it exists there no more: then the point is outside
                known[name] = point[name]
            elif condition is not None and not self._holds_at(condition, known):
                continue
            elif name in self.defaults:
                known[name] = self.defaults[name]
            elif isinstance(dimension, Constant | Removed):
                known[name] = dimension.value
        return {name: known[name] for name in self.dimensions if name in known}

    def without(self, point: Mapping[str, Any]) -> list[str]:
        """Return the dimensions that exist at a point and of which it has no value."""
        missing = []
        for name, dimension in self.dimensions.items():
            condition = None if isinstance(dimension, Derived) else self._conditions.get(name)
            is_there = condition is None or self._holds_at(condition, dict(point))
            if name not in point and is_there and not isinstance(dimension, Derived):
                missing.append(name)
        return missing

    # ------------------------------------------------------------------------------------ inside

    def _read(self, name: str, value: Any) -> Any:
        """Return the value of a stored point: of this space, or of an earlier one."""
        told, error = from_plain(value), None
        for dimensions in (self.dimensions, *reversed(self.earlier)):
            if name in dimensions:
                try:
                    return dimensions[name].check(name, told)
                except PointError as said:
                    error = error or said
        raise error or PointError(f"{name!r} is no dimension of the space{hint(name, self.dimensions)}")

    @cached_property
    def _box(self) -> tuple[Array, Array] | None:
        """The bounds, each (d,), of a space that is a mere box; None of any other.

        Converting all columns at once is several times faster than one by one, with the same arithmetic.
        """
        dimensions = self.dimensions.values()
        if (
            self.earlier
            or self.parts
            or not all(isinstance(each, Real) and each.is_linear for each in dimensions)
        ):
            return None
        bounds = np.array([[each.low, each.high] for each in dimensions], dtype=np.float64)
        return bounds[:, 0], bounds[:, 1]

    @cached_property
    def _whole(self) -> frozenset[str]:
        """Names of the dimensions whose values are whole numbers."""
        whole = {name for name, each in self.dimensions.items() if _is_whole(each)}
        for name in self._conditions:  # each after those that it refers to
            dimension = self.dimensions[name]
            if isinstance(dimension, Derived) and dimension.is_whole(whole):
                whole.add(name)
        return frozenset(whole)

    @cached_property
    def _columns_of(self) -> dict[str, int]:
        return {axis.name: column for column, axis in enumerate(self.axes)}

    def _rows(self, units: Array) -> Array:
        rows = np.asarray(units, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != len(self.axes):
            raise SpaceError(f"unit points have shape (n, {len(self.axes)}), got {rows.shape}")
        return rows

    def _column(self, units: Array, name: str) -> Array:
        column = self._columns_of.get(name)
        return np.full(len(units), _INACTIVE) if column is None else units[:, column]

    def _values(self, units: Array, names: Iterable[str]) -> Columns:
        """Return values of dimensions at unit points, as formulas see them."""
        values: Columns = {}
        for name in names:
            dimension = self.dimensions[name]
            if isinstance(dimension, Constant):
                dimension = Categorical((dimension.value,))
            if isinstance(dimension, Derived):
                parts = self._values(units, dimension.formula.names)
                values[name] = dimension.column(parts, len(units), self._whole)
            else:
                values[name] = dimension.column(self._column(units, name))
        return values

    def _holds(self, formula: Expression, units: Array) -> Mask:
        holds = formula.evaluate(self._values(units, formula.names))
        return np.broadcast_to(np.asarray(holds, dtype=bool), len(units))

    def _holds_at(self, condition: Expression, known: Point) -> bool:
        return condition.names <= known.keys() and bool(condition.evaluate(known))

    def _activity(self, units: Array) -> dict[str, Mask]:
        """Return where the conditional dimensions are active, each of shape (n,)."""
        activity: dict[str, Mask] = {}
        for name, condition in self._conditions.items():
            if name not in self.parts:
                continue  # derived from dimensions that always exist
            active = _all_active(condition.names, activity, len(units))
            if active.any() and not isinstance(self.dimensions[name], Derived):
                active[active] = self._holds(condition, units[active])
            activity[name] = active
        return activity

    def _in_dependency_order(self) -> list[str]:
        free = [name for name in self.dimensions if name not in self._conditions]
        return free + list(self._conditions)

    def _n_combinations(self) -> int | None:
        count = 1
        for dimension in self.dimensions.values():
            levels = dimension.n_levels
            if levels is None:
                return None
            count *= levels
        return count


def _parsed(given: Mapping[str, Any]) -> dict[str, Any]:
    return {str(name): without_past(as_dimension(name, each)) for name, each in given.items()}


def _forms(dimensions: Mapping[str, Any]) -> list[list[Any]]:
    return [[name, dimension.to_form()] for name, dimension in dimensions.items()]


def _all_active(names: Iterable[str], activity: Mapping[str, Mask], n: int) -> Mask:
    active = np.ones(n, dtype=bool)
    for name in names:
        if name in activity:
            active &= activity[name]
    return active


def _is_met(rule: Constraint, point: Point, *, may_round: bool) -> bool:
    """Return whether a user's point meets a known constraint.

    Args:
        may_round: or misses its boundary by rounding only; not so at the bounds of a derived dimension,
            onto which its value is moved then.
    """
    if not isinstance(rule, Expression):
        return _call(rule, point)
    return bool(rule.evaluate(point)) or (may_round and holds_but_for_rounding(rule, point))


def _call(constraint: Callable[[Point], bool], point: Point) -> bool:
    return bool(constraint(dict(point)))


def _is_whole(dimension: Dimension | Fixed) -> bool:
    own = dimension.dimension if isinstance(dimension, Fixed) else dimension
    values = (
        own.choices if isinstance(own, Categorical) else (own.value,) if isinstance(own, Constant) else ()
    )
    return isinstance(own, Integer) or (bool(values) and all(isinstance(value, int) for value in values))
