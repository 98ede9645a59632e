"""Transfer learning sources: points and values of related studies, from tables or from other studies."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smbo.errors import PointError, ProblemError
from smbo.space import Point, Space
from smbo.space.categorical import Categorical, Constant
from smbo.space.numeric import Integer, Real
from smbo.trial import Trial, TrialState

_MIN_ROWS = 2  # a single value says nothing about how values vary
_MAX_VALUE = 1e75  # squares of values stay within the range of a float


@dataclass(frozen=True)
class TransferSource:
    """Points and values of a related study.

    Attributes:
        points: {dimension: value} each; names that this space lacks are ignored, and cells of a table may
            be text.
        values: of the points, in the user's sign and units of this study (lower or higher is better).
        name: for messages.

    Raises:
        ProblemError: another number of values than of points.

    >>> source = TransferSource([{"x": 0.1}, {"x": 0.9}], [1.5, 0.2], name="last year")
    >>> [point["x"] for point in source.points]
    [0.1, 0.9]
    """

    points: Sequence[Mapping[str, Any]]
    values: Sequence[Any]
    name: str = "earlier"

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", tuple(dict(point) for point in self.points))
        object.__setattr__(self, "values", tuple(self.values))
        if len(self.points) != len(self.values):
            raise ProblemError(f"{self.name}: {len(self.points)} points and {len(self.values)} values")

    @classmethod
    def of_trials(
        cls, trials: Iterable[Trial], name: str = "earlier", value: str | None = None
    ) -> TransferSource:
        """Return the complete trials of another study: ``TransferSource.of_trials(study.trials)``.

        Args:
            value: name of the metric to transfer, where it is not the trials' own value.

        Raises:
            ProblemError: no complete trial has that metric.
        """
        done = [trial for trial in trials if trial.state is TrialState.COMPLETE]
        if value is None:
            return cls([trial.params for trial in done], [trial.value for trial in done], name)
        known = sorted({metric for trial in done for metric in trial.metrics})
        if value not in known:
            raise ProblemError(
                f"{name}: no metric is called {value!r}; there are {', '.join(known) or 'none'}"
            )
        return cls([trial.params for trial in done], [trial.metrics.get(value) for trial in done], name)

    @classmethod
    def read(cls, path: str | Path, value: str = "value") -> TransferSource:
        """Return the rows of a CSV or Parquet file with a column for each dimension and one for the value.

        Raises:
            ProblemError: there is no such file or column, or it cannot be read.
        """
        path = Path(path)
        try:
            rows = _parquet_rows(path) if path.suffix in (".parquet", ".pq") else _csv_rows(path)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise ProblemError(f"{path}: cannot be read: {error}") from None
        known = sorted({name for row in rows for name in row})
        if value not in known:
            raise ProblemError(
                f"{path}: no column is called {value!r}; there are {', '.join(known) or 'none'}"
            )
        points = [{name: cell for name, cell in row.items() if name != value} for row in rows]
        return cls(points, [row.get(value) for row in rows], path.name)

    def checked(self, space: Space) -> tuple[TransferSource, list[str]]:
        """Return the rows that lie in a space, in its canonical form, and why each other row is refused.

        Raises:
            ProblemError: fewer than two rows are left.
        """
        points: list[Point] = []
        values: list[float] = []
        refused: list[str] = []
        for row, (given, told) in enumerate(zip(self.points, self.values, strict=True), start=1):
            try:
                points.append(space.check(_in_terms_of(space, given)))
                values.append(_finite(told))
            except (PointError, ValueError) as error:
                del points[len(values) :]
                refused.append(f"{self.name}, row {row}: {error}")
        if len(values) < _MIN_ROWS:
            why = f"; the first: {refused[0]}" if refused else ""
            fit = f"{len(values)} of {len(self.points)} rows fit the space"
            raise ProblemError(f"{self.name}: {fit}, and at least {_MIN_ROWS} are needed{why}")
        return TransferSource(points, values, self.name), refused

    def to_json(self, space: Space) -> dict[str, Any]:
        """Return checked rows as plain JSON values."""
        points = [space.point_to_json(point) for point in self.points]
        return {"name": self.name, "points": points, "values": list(self.values)}

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


def _in_terms_of(space: Space, given: Mapping[str, Any]) -> Point:
    """Return a point with the names that a space has, text converted to each dimension's type."""
    point: Point = {}
    for name, dimension in space.dimensions.items():
        cell = given.get(name)
        if isinstance(dimension, Constant) or cell is None or cell == "":
            continue
        point[name] = _cell(name, dimension, cell) if isinstance(cell, str) else cell
    return point


def _cell(name: str, dimension: Real | Integer | Categorical, text: str) -> Any:
    if isinstance(dimension, Categorical):
        if dimension.index(text) is not None:
            return text
        alike = [choice for choice in dimension.choices if str(choice) == text]
        return alike[0] if len(alike) == 1 else text
    try:
        number = float(text)
    except ValueError:
        raise PointError(f"{name}={text!r}: a number is needed") from None
    is_whole = isinstance(dimension, Integer) and number == math.floor(number)
    return int(number) if is_whole else number


def _csv_rows(path: Path) -> list[dict[str, Any]]:
    with path.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream, skipinitialspace=True)
        return [{name: cell for name, cell in row.items() if name} for row in reader]


def _parquet_rows(path: Path) -> list[dict[str, Any]]:
    try:
        from pyarrow import ArrowException, parquet  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError:
        raise ProblemError(
            f"{path}: reading Parquet needs pyarrow; pip install 'smbo[parquet]', or give CSV"
        ) from None
    try:
        rows: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
    except ArrowException as error:
        raise ProblemError(f"{path}: cannot be read: {error}") from None
    return rows
