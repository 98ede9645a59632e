"""Tables of points and results as files: CSV, JSON and Parquet, those of `smbo export` and others."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smbo.errors import PointError, ProblemError
from smbo.problem.table_text import number_of, text_of, with_decimal_points
from smbo.space import Derived, Point, Space
from smbo.space.categorical import Categorical, Constant
from smbo.space.json_values import to_plain
from smbo.space.numeric import Integer, Real, Removed

_OF_EXPORT = ("number", "state", "seed")  # the columns that every exported table begins with
PARAMETER, METRIC = "params.", "metrics."
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_DELIMITERS = ",;\t"
# what Optuna's study.trials_dataframe() puts before the names of parameters and metrics, and its states
_OPTUNA = "params_"
_OPTUNA_METRICS = ("values_", "user_attrs_")
_OPTUNA_STATES = {"FAIL": "failed"}


@dataclass(frozen=True)
class Table:
    """Rows of a file, with where each stands in it.

    Attributes:
        name: of the file.
        columns: names, in order.
        rows: {column: cell} each; of a CSV file cells are text, and None where there are too few.
        places: where each row is: "line 7", or "row 6" where a file has no lines.
        is_typed: whether a text is a text, as in JSON; else it may stand for any value.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[Mapping[str, Any], ...]
    places: tuple[str, ...]
    is_typed: bool = False

    @property
    def is_export(self) -> bool:
        """Whether the table is one that `smbo export` wrote."""
        return set(_OF_EXPORT) <= set(self.columns)

    @property
    def is_of_optuna(self) -> bool:
        """Whether the table is one of Optuna's ``study.trials_dataframe()``."""
        has_params = any(column.startswith(_OPTUNA) for column in self.columns)
        return has_params and {"number", "state"} <= set(self.columns) and not self.is_export

    def column_of(self, name: str) -> str | None:
        """Return the column of a parameter: its own name, or that of an export; None if there is none."""
        others = (_OPTUNA + name,) if self.is_of_optuna else ()
        return next((each for each in (PARAMETER + name, *others, name) if each in self.columns), None)

    def metric_column(self, name: str) -> str | None:
        """Return the column of a value or metric; None if there is none."""
        own = (f"value.{name}", name) if self.is_export else (name,)
        others = tuple(start + name for start in _OPTUNA_METRICS) if self.is_of_optuna else ()
        return next((each for each in (*own, METRIC + name, *others) if each in self.columns), None)

    def parameters(self) -> dict[str, str]:
        """Return the columns that may be parameters, by the name that the parameter has then."""
        start = PARAMETER if self.is_export else _OPTUNA if self.is_of_optuna else ""
        chosen = [column for column in self.columns if column.startswith(start)]
        # a parameter of a table by hand may have the prefix of an export
        return {column.removeprefix(start or PARAMETER): column for column in chosen}

    def state_of(self, row: Mapping[str, Any]) -> str:
        """Return the state of the trial in a row; "complete" where the table has none."""
        given = str(row.get("state") or "complete") if self.is_export or self.is_of_optuna else "complete"
        return _OPTUNA_STATES.get(given, given.lower()) if self.is_of_optuna else given


def read_table(path: str | Path) -> Table:
    """Return the table in a CSV, JSON (a list of objects, or one a line) or Parquet file.

    A text cell that `smbo export` wrote behind an apostrophe comes back without it.

    Raises:
        ProblemError: there is no such file, or it holds no such table.
    """
    if not isinstance(path, str | Path):
        raise ProblemError(f"a table is read from a file, got {type(path).__name__}; write it to one")
    path = Path(path)
    try:
        if path.suffix in (".parquet", ".pq"):
            return _of_rows(path.name, _parquet_rows(path), is_typed=False)
        text = text_of(path)
        ending = Path(path.name.removesuffix(".gz")).suffix
        if ending in (".json", ".jsonl", ".ndjson"):
            return _of_json(path.name, text, is_by_line=ending != ".json")
        return _of_csv(path.name, text)
    except (OSError, csv.Error) as error:
        raise ProblemError(f"{path}: cannot be read: {error}") from None


def _of_csv(name: str, text: str) -> Table:
    lines = text.splitlines()
    # Excel reads, and some programs write, the separator in a first line of its own: sep=;
    is_head = [line.startswith("#") or (i == 0 and line.startswith("sep=")) for i, line in enumerate(lines)]
    n_comments = is_head.index(False) if False in is_head else len(lines)
    if n_comments == len(lines):
        raise ProblemError(f"{name}: the file is empty; a line of column names is needed")
    header = lines[n_comments]
    delimiter = max(_DELIMITERS, key=header.count)
    is_export = tuple(next(csv.reader([header], delimiter=delimiter))[: len(_OF_EXPORT)]) == _OF_EXPORT
    stream = io.StringIO(text, newline="")
    for _ in range(n_comments):
        stream.readline()
    reader = csv.reader(stream, delimiter=delimiter, skipinitialspace=not is_export)
    columns = [_without_guard(cell, is_strict=is_export) for cell in next(reader)]
    if not is_export:
        columns = [column.strip() for column in columns]
    if twice := [column for column, n in Counter(columns).items() if n > 1 and column]:
        raise ProblemError(f"{name}: two columns are called {twice[0]!r}; rename one")
    rows: list[dict[str, Any]] = []
    places: list[str] = []
    last = reader.line_num
    for cells in reader:
        place, last = f"line {n_comments + last + 1}", reader.line_num
        if not cells or (not any(cell.strip() for cell in cells) and len(columns) > 1):
            continue
        if len(cells) > len(columns):
            raise ProblemError(
                f"{name}, {place}: {len(cells)} cells, and there are {len(columns)} columns; put cells that "
                f"hold a {delimiter!r} in quotes"
            )
        given = [_without_guard(cell, is_strict=True) if is_export else cell for cell in cells]
        rows.append({column: cell for column, cell in zip(columns, given) if column})
        places.append(place)
    if delimiter != ",":
        rows = with_decimal_points(rows, [column for column in columns if column], delimiter)
    return Table(name, tuple(column for column in columns if column), tuple(rows), tuple(places))


def _without_guard(cell: str, *, is_strict: bool) -> str:
    """Return a cell without the apostrophe that `smbo export` puts before what looks like a formula."""
    starts = (*FORMULA_STARTS, "'") if is_strict else FORMULA_STARTS
    return cell[1:] if cell[:1] == "'" and cell[1:2] in starts and cell[1:2] else cell


def _of_json(name: str, text: str, *, is_by_line: bool) -> Table:
    try:
        given = json.loads(text)
    except ValueError as error:
        lines = [line for line in text.splitlines() if line.strip()]
        try:
            given = [json.loads(line) for line in lines] if len(lines) > 1 else None
        except (ValueError, RecursionError):
            given = None
        if given is None:
            raise ProblemError(f"{name}: cannot be read as JSON: {error}") from None
    except RecursionError:
        raise ProblemError(f"{name}: cannot be read as JSON: it is nested too deep") from None
    if isinstance(given, dict) and is_by_line:
        given = [given]
    if not isinstance(given, list) or not all(isinstance(row, dict) for row in given):
        raise ProblemError(
            f"{name}: a list of objects is needed, [{{column: value, …}}, …] (of pandas, orient='records')"
        )
    return _of_rows(name, given, is_typed=True)


def _of_rows(name: str, rows: Sequence[Mapping[str, Any]], *, is_typed: bool) -> Table:
    columns = tuple(dict.fromkeys(str(column) for row in rows for column in row))
    places = tuple(f"row {number}" for number in range(1, len(rows) + 1))
    cells = tuple({str(key): cell for key, cell in row.items()} for row in rows)
    return Table(name, columns, cells, places, is_typed=is_typed)


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


def choice_texts(dimension: Categorical) -> list[str]:
    """Return how each choice is written in a cell of text: no two alike.

    None is an empty cell; where two choices would look the same (1 and "1"), as JSON: all of them, where
    that looks like a third ("null", where there are None and "" too).
    """
    plain = ["" if choice is None else str(choice) for choice in dimension.choices]
    counts = Counter(plain)
    if max(counts.values()) == 1:
        return plain
    pairs = list(zip(plain, dimension.choices, strict=True))
    texts = [text if counts[text] == 1 else _as_json(choice) for text, choice in pairs]
    return texts if len(set(texts)) == len(texts) else [_as_json(choice) for choice in dimension.choices]


def _as_json(choice: Any) -> str:
    try:
        return json.dumps(to_plain(choice))
    except Exception:  # an object that JSON does not hold, in a space that cannot be stored either
        return repr(choice)


def cell_text(dimension: Any, value: Any) -> Any:
    """Return a parameter's value as a cell: choices as text, numbers as they are."""
    index = dimension.index(value) if isinstance(dimension, Categorical) else None
    return value if index is None else choice_texts(dimension)[index]


def point_of(
    space: Space, row: Mapping[str, Any], columns: Mapping[str, str], *, is_typed: bool = False
) -> Point:
    """Return the point of a row, its cells converted to each dimension's type.

    Args:
        columns: of the dimensions, by name; dimensions without one are left out.
        is_typed: a text that is a choice is that choice, rather than the one written like it.

    Raises:
        PointError: a cell does not fit its dimension.
    """
    point: Point = {}
    empty: list[str] = []
    for name, dimension in space.dimensions.items():
        cell = row.get(columns.get(name, name)) if name in columns else None
        if cell is None or (cell == "" and not is_typed):
            empty.append(name)
        elif isinstance(dimension, Constant | Removed):
            if cell != dimension.value and str(cell).strip() != str(dimension.value):
                raise PointError(f"{name}={cell!r}: it is the constant {dimension.value!r}")
        else:
            point[name] = _value(name, dimension, cell, is_typed)
    return _with_empty(space, point, [name for name in empty if name in columns])


def _with_empty(space: Space, point: Point, empty: Sequence[str]) -> Point:
    """Return a point checked, with the choice that an empty cell stands for where the dimension is there."""
    filled = dict(point)
    for name in empty:
        dimension = space.dimensions[name]
        if isinstance(dimension, Categorical):
            meant = [each for each in (None, "") if dimension.index(each) is not None]
            if meant:
                filled[name] = meant[0]
    while True:
        try:
            return space.check(filled)
        except PointError as error:
            # an inactive dimension is empty too
            said = str(error)
            absent = next((name for name in empty if name in filled and said.startswith(f"{name} ")), None)
            if absent is None:
                raise
            del filled[absent]


def _value(name: str, dimension: Any, cell: Any, is_typed: bool) -> Any:
    if isinstance(dimension, Categorical):
        is_choice = isinstance(cell, str) and is_typed and dimension.index(cell) is not None
        return cell if is_choice else _choice(name, dimension, cell)
    if not isinstance(dimension, Real | Integer | Derived):
        return cell
    if isinstance(cell, str):
        try:
            cell = int(cell) if isinstance(dimension, Integer) and "_" not in cell else number_of(cell)
        except ValueError:
            try:
                cell = number_of(cell)
            except ValueError:
                raise PointError(f"{name}={cell!r}: a number is needed") from None
    is_whole = isinstance(dimension, Integer) and isinstance(cell, float) and cell.is_integer()
    return int(cell) if is_whole else cell


def _choice(name: str, dimension: Categorical, cell: Any) -> Any:
    """Return the choice that a cell is: of text by how choices are written, else by itself."""
    if not isinstance(cell, str):
        return dimension.check(name, cell)
    texts = choice_texts(dimension)
    for text in (cell, _without_guard(cell, is_strict=False), cell.strip()):
        if text in texts:
            return dimension.choices[texts.index(text)]
        if dimension.index(text) is not None:
            return text
    words = {"true": True, "false": False}  # as spreadsheets and JSON write them
    if dimension.index(flag := words.get(cell.strip().lower())) is not None and flag is not None:
        return flag
    for read in (int, float):  # a number as another program writes it: 1.0 for 1, 1e-3 for 0.001
        try:
            number = read(cell)
        except ValueError:
            continue
        alike = [each for each in dimension.choices if type(each) in (int, float) and each == number]
        if len(alike) == 1:
            return alike[0]
    return dimension.check(name, cell)
