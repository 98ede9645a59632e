"""The objective ``python``: a function of a user's module, found by name."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from smbo.problem import Context, HasProblem, ObjectiveError, Problem, Returned

__all__ = ["PythonFunction"]


class PythonFunction:
    """A Python function, called with (params) or (params, context) according to its signature.

    Args:
        function: "module:function", the module as in an import statement; the function may be an
            attribute of something in the module ("module:Class.method"), or an object with a method
            ``evaluate``.
        path: a folder to find the module in, beside Python's search path.

    Raises:
        ObjectiveError: no such module or function, or one with another signature.

    Example:
        >>> from smbo.problem import Context
        >>> PythonFunction("statistics:mean").evaluate({1.0: 0, 3.0: 0}, Context(seed=1))
        2.0
    """

    def __init__(self, function: str, path: str | None = None) -> None:
        self._name = function
        self._path = path
        if path is not None:
            _add(path)
        target = _find(function)
        self._call = _callable(function, target)
        self._takes_context = _takes_context(function, self._call)
        if isinstance(target, HasProblem) and isinstance(target.problem, Problem):
            self.problem = target.problem

    def __reduce__(self) -> tuple[type[PythonFunction], tuple[str, str | None]]:
        """Pickle by name: the function is imported again in the other process."""
        return PythonFunction, (self._name, self._path)

    def evaluate(self, params: Mapping[str, Any], context: Context) -> Returned:
        """Return the function's value at a point."""
        if self._takes_context:
            return self._call(dict(params), context)
        return self._call(dict(params))


def _add(path: str) -> None:
    folder = Path(path).resolve()
    if not folder.is_dir():
        raise ObjectiveError(f"python: path is {path!r}, which is no folder")
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _find(name: str) -> Any:
    if not isinstance(name, str) or name.count(":") != 1 or not all(name.split(":")):
        raise ObjectiveError(f"python: function is {name!r}; write 'module:function'")
    module_name, attributes = name.split(":")
    _refuse_namesake(module_name.split(".")[0])
    try:
        found: Any = importlib.import_module(module_name)
    except Exception as error:  # the module's own code may raise anything
        raise ObjectiveError(
            f"python: module {module_name!r} cannot be imported: {type(error).__name__}: {error}; "
            "is it beside the job file, installed, or in the folder that 'path' names?"
        ) from error
    for attribute in attributes.split("."):
        if not hasattr(found, attribute):
            known = ", ".join(sorted(key for key, value in vars(found).items() if _is_offered(key, value)))
            raise ObjectiveError(
                f"python: {name!r}: no {attribute!r} there; there are: {known or 'no functions'}"
            )
        found = getattr(found, attribute)
    return found


def _refuse_namesake(module_name: str) -> None:
    """Refuse a module that this process loaded from elsewhere than it would be found now.

    A Dask worker runs one job after the other, and a module ``model`` of two studies need not be the same:
    the second would be evaluated with the first one's code.
    """
    loaded = getattr(sys.modules.get(module_name), "__spec__", None)
    wanted = PathFinder.find_spec(module_name)
    if loaded is None or wanted is None or loaded.origin is None or wanted.origin is None:
        return
    if Path(loaded.origin).resolve() != Path(wanted.origin).resolve():
        raise ObjectiveError(
            f"python: {wanted.origin} is meant, but this process has loaded {loaded.origin} as "
            f"{module_name!r} already; rename one of them, or start new workers"
        )


def _is_offered(name: str, value: Any) -> bool:
    return callable(value) and not name.startswith("_")


def _callable(name: str, target: Any) -> Callable[..., Returned]:
    if isinstance(target, type):
        raise ObjectiveError(f"python: {name!r} is a class; name a function, or an instance of it")
    evaluate = getattr(target, "evaluate", None)
    if callable(evaluate):
        return evaluate
    if callable(target):
        return target
    raise ObjectiveError(f"python: {name!r} is {target!r}, which cannot be called")


def _takes_context(name: str, function: Callable[..., Any]) -> bool:
    """Return whether a function takes the context too.

    Raises:
        ObjectiveError: the function takes no argument, or needs more than two.
    """
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # written in C, without a signature
        return False
    slots = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = [p.name for p in slots if p.default is p.empty]
    needed += [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    if len(needed) > 2 or any(p.kind is p.KEYWORD_ONLY and p.default is p.empty for p in parameters):
        raise ObjectiveError(
            f"python: {name!r} needs ({', '.join(needed)}); it is called with (params, context)"
        )
    if not slots and not any(p.kind is p.VAR_POSITIONAL for p in parameters):
        raise ObjectiveError(
            f"python: {name!r} takes no argument; it is called with (params) or (params, context)"
        )
    # a second parameter with a default is the user's, unless it is called context
    return len(needed) == 2 or (len(slots) > 1 and slots[1].name == "context")
