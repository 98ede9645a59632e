"""Categorical dimensions (choices among objects, ordered or not) and constants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from enum import Enum
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from smbo.errors import PointError, SpaceError
from smbo.frozen import FrozenDict, FrozenList, frozen
from smbo.plain_values import plain, shown
from smbo.space.choices import choices_of, plain_members
from smbo.space.json_values import frozen_lists, to_plain
from smbo.space.options import checked_flag, options_by_name
from smbo.space.priors import as_weights
from smbo.space.scaling import Levels
from smbo.training_data import Array, Axis


@options_by_name(1, "ordered=True")
@dataclass(frozen=True)
class Categorical:
    """One of several objects, which come back as the very objects given.

    True, 1 and 1.0 are three different choices: choices are told apart by type and value, or, where
    they do not hash, by identity and then by equality.  Numpy's scalars are Python's.  Lists, dicts and
    arrays come back as equal ones that cannot be changed (``smbo.frozen``).

    Args:
        choices: at least one, no two the same: a list, a range, a one-dimensional array, a column of a
            table, or a set, whose members are sorted.
        ordered: neighbours in the list are similar ("low", "mid", "high").
        active_when: as for Real.
        prior: probability of each choice to be the best, up to a factor: a positive weight for each; None
            for equal weights.

    Raises:
        SpaceError: no choice, one that is given twice, or weights that do not fit.

    >>> space = Space({"kernel": Categorical(["rbf", "linear"], prior=[3, 1])})
    >>> space.from_unit(space.to_unit([{"kernel": "linear"}]))
    [{'kernel': 'linear'}]
    """

    choices: tuple[Any, ...]
    _: KW_ONLY
    ordered: bool = False
    active_when: str | None = None
    prior: tuple[float, ...] | None = None
    ever: Categorical | None = field(default=None, repr=False, compare=False)  # see ``smbo.space.changes``
    _index: dict[Any, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        given: Any = self.choices
        if isinstance(given, str | bytes | bytearray | Mapping) or not hasattr(given, "__iter__"):
            raise SpaceError(f"Categorical({shown(given)}): give a list of choices")
        object.__setattr__(self, "choices", choices_of(given))
        object.__setattr__(self, "ordered", checked_flag("ordered", self.ordered))
        object.__setattr__(self, "_index", {})
        if not self.choices:
            raise SpaceError("Categorical([]): give at least one choice")
        object.__setattr__(self, "prior", as_weights(self.prior, len(self.choices)))
        for index, choice in enumerate(self.choices):
            if self.index(choice) is not None:
                raise SpaceError(f"Categorical: {shown(choice)} is given twice")
            key = _key(choice)
            if key is not None:
                self._index[key] = index
            else:
                self._index[_Unhashable(index)] = index

    @property
    def n_levels(self) -> int:
        """How many choices there are."""
        return len(self.choices)

    def index(self, value: Any) -> int | None:
        """Return the index of the choice that a value is, None if it is none of them."""
        key = _key(value)
        if key is not None:
            return self._index.get(key)
        candidates = [key.index for key in self._index if isinstance(key, _Unhashable)]
        for index in candidates:
            if self.choices[index] is value:
                return index
        for index in candidates:
            if _kind(self.choices[index]) is _kind(value) and _equal(self.choices[index], value):
                return index
        return None

    def positions(self) -> Array:
        """Return the positions of the choices, shape (n_levels,)."""
        if self.ever is not None:
            return self.ever.to_unit(self.choices)
        return Levels(len(self.choices)).to_unit(np.arange(len(self.choices)))

    def axis(self, name: str) -> Axis | None:
        """Return the column of unit points, None for a single choice."""
        if self.ever is not None:
            return self.ever.axis(name)
        if len(self.choices) == 1:
            return None
        return Axis(name, "ordered" if self.ordered else "categorical", len(self.choices))

    def to_unit(self, values: Sequence[Any]) -> Array:
        """Return the positions of canonical values, those of retired choices too."""
        if self.ever is not None:
            return self.ever.to_unit(values)
        indices = [self.index(value) for value in values]
        if None in indices:
            raise PointError(f"{values[indices.index(None)]!r} is none of the choices {self.choices!r}")
        return Levels(len(self.choices)).to_unit(np.array(indices, dtype=np.int64))

    def column(self, units: Array) -> np.ndarray[Any, Any]:
        """Return the choices at positions, as formulas see them: an object array."""
        column = np.empty(len(units), dtype=object)
        # one by one: numpy would turn a list of tuples into a matrix
        for row, choice in enumerate(self.from_unit(units)):
            column[row] = choice
        return column

    def from_unit(self, units: Array) -> list[Any]:
        """Return the choices at positions, the very objects."""
        return [self.choices[index] for index in self.indices(units).tolist()]

    def indices(self, units: Array) -> NDArray[np.int64]:
        """Return the index of the choice at each position; a retired one's share falls to all others."""
        if self.ever is None:
            return Levels(len(self.choices)).from_unit(units)
        n_levels, n = len(self.ever.choices), len(self.choices)
        own = np.array([-1 if (at := self.index(each)) is None else at for each in self.ever.choices])
        levels = Levels(n_levels).from_unit(units)
        place = np.cumsum(own < 0)[levels] - 1 + np.clip(units * n_levels - levels, 0.0, 1.0)
        shared = np.minimum((place / max(1, n_levels - n) * n).astype(np.int64), n - 1)
        return np.where(own[levels] >= 0, own[levels], shared)

    def snap(self, units: Array) -> Array:
        """Return the positions moved to the middle of their choices."""
        return self.positions()[self.indices(units)]

    def check(self, name: str, value: Any) -> Any:
        """Return the choice that a user's value is; PointError if it is none."""
        candidates = [plain(value)]
        if isinstance(value, list | tuple | np.ndarray):  # JSON and YAML have no tuples
            members = value.tolist() if isinstance(value, np.ndarray) else list(value)
            candidates += [frozen_lists(members), members]
        if isinstance(value, Enum):
            candidates.append(value.value)
        for candidate in candidates:
            index = self.index(candidate)
            if index is not None:
                return self.choices[index]
        raise PointError(f"{name}={shown(value)} is none of the choices {list(self.choices)!r}")

    def to_form(self) -> dict[str, Any]:
        """Return the dimension as JSON values; SpaceError for a choice that JSON cannot hold."""
        form: dict[str, Any] = {"choice": [to_plain(choice) for choice in self.choices]}
        if self.ordered:
            form["ordered"] = True
        if self.active_when is not None:
            form["active_when"] = self.active_when
        if self.prior is not None:
            form["prior"] = list(self.prior)
        return form


@dataclass(frozen=True)
class Constant:
    """A value that is the same in every point; numpy's scalars are Python's, and lists cannot be changed.

    >>> Space({"x": (0.0, 1.0), "seed": Constant(3)}).check({"x": 0.5})
    {'x': 0.5, 'seed': 3}
    """

    value: Any
    active_when: ClassVar[None] = None
    prior: ClassVar[None] = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", frozen(plain_members(self.value)))

    @property
    def n_levels(self) -> int:
        """One."""
        return 1

    def axis(self, name: str) -> Axis | None:
        """Return None: there is nothing to choose."""
        del name
        return None

    def check(self, name: str, value: Any) -> Any:
        """Return the value; PointError if another was given."""
        value = plain(value)
        same = value is self.value or (_kind(value) is _kind(self.value) and _equal(value, self.value))
        if not same:
            raise PointError(f"{name}={shown(value)}: it is the constant {self.value!r}; leave it out")
        return self.value

    def to_form(self) -> dict[str, Any]:
        """Return the dimension as JSON values."""
        return {"constant": to_plain(self.value)}


@dataclass(frozen=True)
class _Unhashable:
    """Stands in the index for a choice that does not hash."""

    index: int


def _key(value: Any) -> Any:
    """Return a key that keeps True, 1 and 1.0 apart, inside tuples too; None if there is none."""
    if isinstance(value, tuple):
        members = tuple(_key(member) for member in value)
        return None if None in members else (type(value), members)
    if isinstance(value, float) and value != value:
        return (type(value), "nan")
    try:
        hash(value)
    except TypeError:
        return None
    return (type(value), value)


def _kind(value: Any) -> type:
    """Return the type by which values are told apart: a frozen list is a list."""
    kind: type = type(value)
    return list if kind is FrozenList else dict if kind is FrozenDict else kind


def _equal(left: Any, right: Any) -> bool:
    try:
        if isinstance(left, float) and left != left and right != right:  # NaN is one value here
            return True
        return bool(left == right)
    except ValueError:  # arrays compare element by element
        return bool(np.array_equal(left, right))
