"""Early stopping by name (\"asha\", \"median\", ...), and as JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, TypeAlias

from smbo.errors import ProblemError
from smbo.fidelity.asha import Asha, ByModel, Hyperband
from smbo.fidelity.median_stopping import MedianStopping

EarlyStopping: TypeAlias = Asha | Hyperband | ByModel | MedianStopping

_KINDS: Mapping[str, type[EarlyStopping]] = {
    "asha": Asha,
    "hyperband": Hyperband,
    "model": ByModel,
    "median": MedianStopping,
}


def as_early_stopping(given: str | Mapping[str, Any] | EarlyStopping) -> EarlyStopping:
    """Return an early stopping rule by its name, by {name: settings}, or as given.

    Raises:
        ProblemError: there is none of that name, or it does not take the settings.
    """
    if isinstance(given, Asha | Hyperband | ByModel | MedianStopping):
        return given
    name: Any = given
    settings: Any = {}
    if isinstance(given, Mapping) and len(given) == 1:
        ((name, settings),) = given.items()
    if not isinstance(name, str) or name not in _KINDS:
        raise ProblemError(f"early_stopping={given!r}; there are {', '.join(_KINDS)}")
    try:
        return _KINDS[name](**(settings or {}))
    except TypeError:  # unknown settings, or no mapping of them
        known = ", ".join(asdict(_KINDS[name]()))
        raise ProblemError(f"early_stopping: {name} does not take {settings!r}; it takes {known}") from None


def early_stopping_to_json(stopping: EarlyStopping) -> dict[str, Any]:
    """Return an early stopping rule as plain JSON values: {name: settings}."""
    (name,) = [name for name, kind in _KINDS.items() if type(stopping) is kind]
    return {name: asdict(stopping)}


def early_stopping_from_json(data: Mapping[str, Any]) -> EarlyStopping:
    """Return what ``early_stopping_to_json`` wrote."""
    return as_early_stopping(data)
