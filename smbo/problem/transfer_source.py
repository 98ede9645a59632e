"""Transfer learning sources: points and values of related studies, from tables or from other studies."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smbo.errors import PointError, ProblemError
from smbo.frozen import FrozenDict, frozen
from smbo.space import Point, Space
from smbo.space.categorical import Constant
from smbo.space.numeric import Removed
from smbo.trial import Trial, TrialState

_MIN_ROWS = 2  # a single value says nothing about how values vary
_MAX_VALUE = 1e75  # squares of values stay within the range of a float


@dataclass(frozen=True)
class TransferSource:
    """Points and values of a related study.

    Attributes:
        points: {dimension: value} each; names that this space lacks are ignored, and cells of a table may
            be text.
        values: of the points, in the user's sign and units of this study (lower or higher is better); of
            several objectives {name: values}.
        name: for messages.
        is_typed: a text that is a choice is that choice; not so of a table of text, where it may be
            how another choice is written.

    Raises:
        ProblemError: another number of values than of points.

    >>> source = TransferSource([{"x": 0.1}, {"x": 0.9}], [1.5, 0.2], name="last year")
    >>> [point["x"] for point in source.points]
    [0.1, 0.9]
    """

    points: Sequence[Mapping[str, Any]]
    values: Sequence[Any] | Mapping[str, Sequence[Any]]
    name: str = "earlier"
    is_typed: bool = field(default=True, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", tuple(frozen(dict(point)) for point in self.points))
        if isinstance(self.values, Mapping):
            told = FrozenDict({name: tuple(column) for name, column in self.values.items()})
            object.__setattr__(self, "values", told)
        else:
            object.__setattr__(self, "values", tuple(self.values))
        for column in self.columns.values():
            if len(self.points) != len(column):
                raise ProblemError(f"{self.name}: {len(self.points)} points and {len(column)} values")

    @property
    def columns(self) -> Mapping[str | None, Sequence[Any]]:
        """The values by the objective's name; None where there is one, without a name."""
        if not isinstance(self.values, Mapping):
            return {None: self.values}
        return dict(self.values.items())

    @classmethod
    def of_trials(
        cls, trials: Iterable[Trial], name: str = "earlier", value: str | Sequence[str] | None = None
    ) -> TransferSource:
        """Return the complete trials of another study: ``TransferSource.of_trials(study.trials)``.

        Args:
            value: name of the metric to transfer, where it is not the trials' own value; the names of
                several objectives.

        Raises:
            ProblemError: no complete trial has that metric.
        """
        done = [trial for trial in trials if trial.state is TrialState.COMPLETE]
        if value is None:
            return cls([trial.params for trial in done], [trial.value for trial in done], name)
        known = sorted({metric for trial in done for metric in trial.metrics})
        columns = {}
        for each in [value] if isinstance(value, str) else value:
            if each not in known:
                raise ProblemError(
                    f"{name}: no metric is called {each!r}; there are {', '.join(known) or 'none'}"
                )
            columns[each] = [trial.metrics.get(each) for trial in done]
        points = [trial.params for trial in done]
        return cls(points, columns[value] if isinstance(value, str) else columns, name)

    @classmethod
    def read(cls, path: str | Path, value: str | Sequence[str] = "value") -> TransferSource:
        """Return the rows of a CSV, JSON or Parquet file: a column for each dimension, one for the value.

        Of several objectives, whose names are given, one for each.

        Of a table that `smbo export` wrote, the complete trials.

        Raises:
            ProblemError: there is no such file or column, or it cannot be read.
        """
        from smbo.problem.tables import read_table

        table = read_table(path)
        rows = [row for row in table.rows if table.state_of(row) == "complete"]
        found, columns = {}, set()
        for each in [value] if isinstance(value, str) else value:
            column = table.metric_column(each)
            if column is None:
                known = ", ".join(sorted(table.columns)) or "none"
                raise ProblemError(f"{path}: no column is called {each!r}; there are {known}")
            found[each] = [row.get(column) for row in rows]
            columns.add(column)
        names = {name: each for name, each in table.parameters().items() if each not in columns}
        points = [{name: row.get(each) for name, each in names.items()} for row in rows]
        return cls(points, found[value] if isinstance(value, str) else found, table.name, table.is_typed)

    def checked(self, space: Space, objectives: Sequence[str] = ()) -> tuple[TransferSource, list[str]]:
        """Return the rows that lie in a space, in its canonical form, and why each other row is refused.

        Args:
            objectives: names of several; () for one.

        Raises:
            ProblemError: fewer than two rows are left, or the values are not those of the objectives.
        """
        wanted = tuple(objectives) or (None,)
        if set(self.columns) != set(wanted):
            raise ProblemError(self._said_of(wanted))
        points: list[Point] = []
        values: list[list[float]] = []
        refused: list[str] = []
        told_by_row = zip(*(self.columns[name] for name in wanted), strict=True)
        for row, (given, told) in enumerate(zip(self.points, told_by_row, strict=True), start=1):
            try:
                points.append(_in_terms_of(space, given, self.is_typed))
                values.append([_finite(each) for each in told])
            except (PointError, ValueError) as error:
                del points[len(values) :]
                refused.append(f"{self.name}, row {row}: {error}")
        if len(values) < _MIN_ROWS:
            why = f"; the first: {refused[0]}" if refused else ""
            fit = f"{len(values)} of {len(self.points)} rows fit the space"
            raise ProblemError(f"{self.name}: {fit}, and at least {_MIN_ROWS} are needed{why}")
        if not objectives:
            return TransferSource(points, [row[0] for row in values], self.name), refused
        columns = dict(zip(objectives, zip(*values)))
        return TransferSource(points, columns, self.name), refused

    def _said_of(self, wanted: Sequence[str | None]) -> str:
        names = ", ".join(map(repr, self.columns))
        has = f"values of {names}" if isinstance(self.values, Mapping) else "values without names"
        if wanted == (None,):
            return f"{self.name}: {has}, and the problem has one objective; give a list of values"
        example = "{" + ", ".join(f"{name!r}: […]" for name in wanted) + "}"
        return f"{self.name}: {has}, and the problem has several objectives; give {example}"

    def to_json(self, space: Space) -> dict[str, Any]:
        """Return checked rows as plain JSON values."""
        points = [space.point_to_json(point) for point in self.points]
        by_name = isinstance(self.values, Mapping)
        told = {name: list(column) for name, column in self.columns.items()} if by_name else list(self.values)
        return {"name": self.name, "points": points, "values": told}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], space: Space) -> TransferSource:
        """Return what ``to_json`` wrote."""
        points = [space.point_from_json(point) for point in data["points"]]
        return cls(points, data["values"], data["name"])


def _finite(told: Any) -> float:
    try:
        value = float(told)
    except (TypeError, ValueError):
        raise ValueError(f"the value {told!r} is no number") from None
    if not math.isfinite(value) or abs(value) > _MAX_VALUE:
        raise ValueError(f"the value {value!r} is not finite")
    return value


def _in_terms_of(space: Space, given: Mapping[str, Any], is_typed: bool) -> Point:
    """Return a point of the names that a space has, cells of text converted to each dimension's type."""
    from smbo.problem.tables import point_of

    columns = {
        name: name
        for name, dimension in space.dimensions.items()
        if not isinstance(dimension, Constant | Removed) and name in given
    }
    return point_of(space, given, columns, is_typed=is_typed)
