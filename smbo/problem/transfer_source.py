"""Transfer learning sources: points and values of related studies, from tables or from other studies."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from smbo.errors import PointError, ProblemError
from smbo.frozen import FrozenDict, frozen
from smbo.plain_values import shown
from smbo.space import Point, Space
from smbo.space.categorical import Constant
from smbo.space.neighbourhood import neighbourhood
from smbo.space.numeric import Removed
from smbo.training_data import Loss
from smbo.trial import Trial, TrialState

_MIN_ROWS = 2  # a single value says nothing about how values vary
_OF_OUTPUTS = ("outputs", "outputs_variance")
_MAX_VALUE = 1e75  # squares of values stay within the range of a float

_ADVICE = {
    " is missing": ", or the one that it had in defaults={name: value}",
    " is outside ": ", the range and one width at each end",
}

# How metrics are named: one, several by their own names, or {name here: name there}.
Metrics = str | Sequence[str] | Mapping[str, str]


@dataclass(frozen=True)
class TransferSource:
    """Points and values of a related study.

    Points up to one width of a dimension's range beyond the range (on a log scale, one ratio) are used, and
    so are points that violate the known constraints: they tell about the function.

    Attributes:
        points: {dimension: value} each; cells of a table may be text.
        values: of the points, in the user's sign and units of this study (lower or higher is better); of
            several objectives, or of several functions of a level set, {name: values}.
        name: for messages.
        is_typed: a text that is a choice is that choice; not so of a table of text, where it may be
            how another choice is written.
        outputs: vector outputs of the points, (m, k), for a problem with a loss; None without.
        outputs_variance: variances of their errors, (m, k); None for no errors.
        defaults: {dimension of this space: the value that it had in the source study}, for dimensions that
            the source's points lack.
        drop: parameters of the source that this space lacks and whose effect on the values is to be ignored.
            One that never varied needs no mention.
        may_have_others: names in the points that this space lacks may be other columns of a table, and are
            ignored.

    Raises:
        ProblemError: another number of values or outputs than of points.

    >>> source = TransferSource([{"x": 0.1}, {"x": 0.9}], [1.5, 0.2], name="last year")
    >>> [point["x"] for point in source.points]
    [0.1, 0.9]
    """

    points: Sequence[Mapping[str, Any]]
    values: Sequence[Any] | Mapping[str, Sequence[Any]] = ()
    name: str = "earlier"
    is_typed: bool = field(default=True, repr=False, compare=False)
    outputs: Any = field(default=None, repr=False, compare=False)
    outputs_variance: Any = field(default=None, repr=False, compare=False)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    drop: Sequence[str] = ()
    may_have_others: bool = field(default=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        set_once = object.__setattr__
        if isinstance(self.drop, str) or not isinstance(self.defaults, Mapping):
            raise ProblemError(
                f"{self.name}: defaults={shown(self.defaults)}, drop={shown(self.drop)}; give "
                "defaults={name: value} and drop=[name, …]"
            )
        set_once(self, "points", tuple(frozen(dict(point)) for point in self.points))
        set_once(self, "drop", tuple(self.drop))
        if isinstance(self.values, Mapping):
            told = FrozenDict({name: tuple(column) for name, column in self.values.items()})
            set_once(self, "values", told)
        else:
            set_once(self, "values", tuple(self.values))
        given = [
            ("values", column) for column in self.columns.values() if len(column) or self.outputs is None
        ]
        for what, rows in [*given, ("outputs", self.outputs), ("variances", self.outputs_variance)]:
            if rows is not None and len(self.points) != len(rows):
                raise ProblemError(f"{self.name}: {len(self.points)} points and {len(rows)} {what}")

    @property
    def columns(self) -> Mapping[str | None, Sequence[Any]]:
        """The values by the objective's name; None where there is one, without a name."""
        if not isinstance(self.values, Mapping):
            return {None: self.values}
        return dict(self.values.items())

    @classmethod
    def of_trials(
        cls, trials: Iterable[Trial], name: str = "earlier", value: Metrics | None = None, **fields: Any
    ) -> TransferSource:
        """Return the complete trials of another study: ``TransferSource.of_trials(study.trials)``.

        Args:
            value: name of the metric to transfer, where it is not the trials' own value; the names of
                several, as a list or as {name here: name there}.  A minus before a name, "-accuracy", takes
                its negative.
            fields: ``defaults`` and ``drop``, see the attributes.

        Raises:
            ProblemError: no complete trial has that metric.
        """
        done = [trial for trial in trials if trial.state is TrialState.COMPLETE]
        points = [trial.params for trial in done]
        if value is None:
            if done and all(trial.outputs is not None for trial in done):
                # the first column is each output's own variance, the others factors of correlated errors
                packed = [np.reshape(each.outputs_variance, (len(each.outputs), -1)) for each in done]  # type: ignore[arg-type]
                fields["outputs"] = [trial.outputs for trial in done]
                fields["outputs_variance"] = [each[:, 0] + (each[:, 1:] ** 2).sum(axis=1) for each in packed]
            return cls(points, [trial.value for trial in done], name, **fields)
        known = sorted({metric for trial in done for metric in trial.metrics})

        def column(wanted: str) -> list[Any]:
            if wanted not in known:
                raise ProblemError(
                    f"{name}: no metric is called {wanted!r}; there are {', '.join(known) or 'none'}"
                )
            return [trial.metrics.get(wanted) for trial in done]

        return cls(points, _columns(value, known, column), name, **fields)

    @classmethod
    def read(
        cls, path: str | Path, value: Metrics = "value", outputs: Sequence[str] = (), **fields: Any
    ) -> TransferSource:
        """Return the rows of a CSV, JSON or Parquet file: a column for each dimension, one for the value.

        Of a table that `smbo export` wrote, the complete trials.

        Args:
            value: the column; of several objectives or functions of a level set one for each, as for
                ``of_trials``.
            outputs: the columns of vector outputs, in their order; then no value is read.
            fields: ``defaults`` and ``drop``, see the attributes.

        Raises:
            ProblemError: there is no such file or column, or it cannot be read.
        """
        from smbo.problem.tables import read_table

        table, used = read_table(path), set()
        rows = [row for row in table.rows if table.state_of(row) == "complete"]

        def column(wanted: str) -> list[Any]:
            found = table.metric_column(wanted)
            if found is None:
                known = ", ".join(sorted(table.columns)) or "none"
                raise ProblemError(f"{path}: no column is called {wanted!r}; there are {known}")
            used.add(found)
            return [row.get(found) for row in rows]

        told = () if outputs else _columns(value, table.columns, column)
        vectors = [*zip(*map(column, outputs))] if outputs else None
        names = {name: each for name, each in table.parameters().items() if each not in used}
        points = [{name: row.get(each) for name, each in names.items()} for row in rows]
        is_by_hand = not (table.is_export or table.is_of_optuna)
        others = {"outputs": vectors, "may_have_others": is_by_hand, **fields}
        return cls(points, told, table.name, table.is_typed, **others)

    def checked(
        self,
        space: Space,
        objectives: Sequence[str] = (),
        functions: Sequence[str] = (),
        loss: Loss | None = None,
    ) -> tuple[TransferSource, list[str]]:
        """Return the rows that are of use in a space, in canonical form, and why each other row is refused.

        Args:
            objectives: names of several; () for one.
            functions: names of those of a level set, whose values are then the outputs.
            loss: on vector outputs.

        Raises:
            ProblemError: fewer than two rows are left, the values are not those of the problem, or a
                parameter that the space lacks varied and is not to be dropped.
        """
        self._refuse_other_parameters(space)
        around, points, values, refused = neighbourhood(space), [], [], []
        rows = self._rows_of(objectives, functions, loss)
        for row, (given, told) in enumerate(zip(self.points, rows, strict=True), start=1):
            try:
                point = self._in_terms_of(around, {**self.defaults, **given})
                values.append([_finite(each) for each in told])
                points.append(point)
            except (PointError, ValueError) as error:
                advice = next((text for sign, text in _ADVICE.items() if sign in str(error)), "")
                refused.append(f"{self.name}, row {row}: {error}{advice}")
        if len(values) < _MIN_ROWS:
            why = f"; the first: {refused[0]}" if refused else ""
            fit = f"{len(values)} of {len(self.points)} rows fit the space"
            raise ProblemError(f"{self.name}: {fit}, and at least {_MIN_ROWS} are needed{why}")
        if functions or loss is not None:
            # of each output its value, then of each the variance of its error
            outputs, variances = np.hsplit(np.array(values), 2)
            return TransferSource(points, (), self.name, True, outputs, variances), refused
        kept: Any = dict(zip(objectives, zip(*values))) if objectives else [value for (value,) in values]
        return TransferSource(points, kept, self.name), refused

    def _rows_of(
        self, objectives: Sequence[str], functions: Sequence[str], loss: Loss | None
    ) -> Iterable[Sequence[Any]]:
        """Return what the problem measures at each point; of outputs, the variances of their errors too."""
        if loss is not None or (functions and self.outputs is not None and None in self.columns):
            widths = {np.size(row) for row in (() if self.outputs is None else self.outputs)}
            k = len(functions) if loss is None else loss.n_outputs
            if len(widths) != 1 or (k is not None and widths != {k}):
                has = f"rows of {sorted(widths)} outputs" if widths else "no vector outputs"
                needed = f"a level set of {', '.join(functions)}" if loss is None else "a loss on outputs"
                raise ProblemError(
                    f"{self.name}: {has}, and the problem has {needed}; give {k or 'as many'} in each row, "
                    "TransferSource(points, outputs=[[…], …]), or the trials of a study with the same outputs"
                )
            variances = self.outputs_variance
            if variances is None:
                variances = np.zeros(np.shape(self.outputs))
            return ([*row, *errors] for row, errors in zip(self.outputs, variances, strict=True))
        wanted = tuple(objectives or functions) or (None,)
        columns = dict(self.columns)
        if len(functions) == 1 and None in columns:
            columns = {functions[0]: columns[None]}
        if set(columns) != set(wanted):
            raise ProblemError(self._said_of(wanted))
        rows = zip(*(columns[name] for name in wanted), strict=True)
        return ([*row, *[0.0] * len(row)] for row in rows) if functions else rows

    def _said_of(self, wanted: Sequence[str | None]) -> str:
        names = ", ".join(map(repr, self.columns))
        has = f"values of {names}" if isinstance(self.values, Mapping) else "values without names"
        if wanted == (None,):
            return f"{self.name}: {has}, and the problem has one objective; give a list of values"
        example = "{" + ", ".join(f"{name!r}: […]" for name in wanted) + "}"
        return f"{self.name}: {has}, and the problem has several objectives; give {example}"

    def _refuse_other_parameters(self, space: Space) -> None:
        """Refuse parameters of the source that the space lacks, unless they never varied or are dropped."""
        if unknown := sorted(self.defaults.keys() - space.dimensions.keys()):
            raise ProblemError(f"{self.name}: defaults: {unknown[0]!r} is no dimension of the space")
        names = {name for point in self.points for name in point} - space.dimensions.keys() - {*self.drop}
        for name in () if self.may_have_others else sorted(names):
            first, *others = [point.get(name) for point in self.points]
            if any(each != first for each in others):
                raise ProblemError(
                    f"{self.name}: the parameter {name!r} varied there, and this space lacks it; say "
                    f"drop=[{name!r}] if its effect on the values is small, or add it to the space"
                )

    def _in_terms_of(self, space: Space, given: Mapping[str, Any]) -> Point:
        """Return a point of the names that a space has, cells of text converted to each dimension's type."""
        from smbo.problem.tables import point_of

        columns = {
            name: name
            for name, dimension in space.dimensions.items()
            if not isinstance(dimension, Constant | Removed) and name in given
        }
        try:
            return point_of(space, given, columns, is_typed=self.is_typed)
        except PointError as error:
            inactive = str(error).partition(" exists only when")[0]
            if inactive not in self.defaults or inactive not in given:
                raise
            return self._in_terms_of(space, {name: each for name, each in given.items() if name != inactive})

    def to_json(self, space: Space) -> dict[str, Any]:
        """Return checked rows as plain JSON values."""
        points = [space.point_to_json(point) for point in self.points]
        by_name = isinstance(self.values, Mapping)
        told = {name: list(column) for name, column in self.columns.items()} if by_name else list(self.values)
        stored = {"name": self.name, "points": points, "values": told}
        if self.outputs is not None:
            stored |= {key: getattr(self, key).tolist() for key in _OF_OUTPUTS}
        return stored

    @classmethod
    def from_json(cls, data: Mapping[str, Any], space: Space) -> TransferSource:
        """Return what ``to_json`` wrote."""
        points = [*map(neighbourhood(space).point_from_json, data["points"])]
        outputs: dict[str, Any] = {key: data[key] for key in _OF_OUTPUTS if key in data}
        return cls(points, data["values"], data["name"], **outputs)


def _columns(value: Metrics, known: Iterable[str], column: Any) -> list[Any] | dict[str, list[Any]]:
    """Return the values of a metric, or of several by name; ``column`` returns those of one."""

    def told(wanted: str) -> list[Any]:
        is_negated = wanted.startswith("-") and wanted not in known
        cells = column(wanted.removeprefix("-") if is_negated else wanted)
        return [_negative(cell) for cell in cells] if is_negated else cells

    if isinstance(value, str):
        return told(value)
    names = value.items() if isinstance(value, Mapping) else [(each, each) for each in value]
    return {name: told(theirs) for name, theirs in names}


def _negative(cell: Any) -> Any:
    try:
        return -float(cell)
    except (TypeError, ValueError):
        return cell  # refused with its row


def _finite(told: Any) -> float:
    try:
        value = float(told)
    except (TypeError, ValueError):
        raise ValueError(f"the value {told!r} is no number") from None
    if not math.isfinite(value) or abs(value) > _MAX_VALUE:
        raise ValueError(f"the value {value!r} is not finite")
    return value
