"""The objective ``python``: a function of a user's module, found by name."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from smbo.problem import Call, Context, HasProblem, ObjectiveError, Problem, Returned, call_of

__all__ = ["PythonFunction"]


class PythonFunction:
    """A Python function, called as its signature asks (see ``smbo.problem.call_of``).

    That is with (params), with (params, context), or with each dimension by name: ``def evaluate(x, y)``.

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
        self._function = _callable(function, target)
        self._call_by(None)
        if isinstance(target, HasProblem) and isinstance(target.problem, Problem):
            self.problem = target.problem

    def __reduce__(self) -> tuple[type[PythonFunction], tuple[str, str | None]]:
        """Pickle by name: the function is imported again in the other process."""
        return PythonFunction, (self._name, self._path)

    def evaluate(self, params: Mapping[str, Any], context: Context) -> Returned:
        """Return the function's value at a point."""
        return self._call_by(context.dimensions or tuple(params))(params, context)

    def files(self) -> list[Path]:
        """Return the file of the function's module (see ``HasFiles``)."""
        found = getattr(sys.modules.get(self._name.split(":")[0]), "__file__", None)
        return [] if found is None else [Path(found)]

    def check_problem(self, problem: Problem) -> str | None:
        """Return how the function is called, if by the names of the dimensions (see ``ChecksProblem``).

        Raises:
            ObjectiveError: it cannot be called, or its arguments could be dimensions or something else.
        """
        call = self._call_by(problem.space.names, problem.space.conditional)
        return str(call) if call.by_name else None

    def _call_by(self, names: Sequence[str] | None, conditional: Sequence[str] = ()) -> Call:
        try:
            return call_of(self._function, names, name=self._name.split(":")[1], conditional=conditional)
        except ObjectiveError as error:
            raise ObjectiveError(f"python: {error}") from None


def _add(path: str) -> None:
    if not isinstance(path, str) or "\0" in path:
        raise ObjectiveError(f"python: path is {path!r}; write the path of a folder")
    folder = Path(os.path.realpath(path))  # resolve() raises where links go in a circle
    if not folder.is_dir():
        raise ObjectiveError(f"python: path is {path!r}, which is no folder")
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _find(name: str) -> Any:
    if not isinstance(name, str) or name.count(":") != 1 or not all(name.split(":")):
        raise ObjectiveError(f"python: function is {name!r}; write 'module:function'")
    module_name, attributes = name.split(":")
    if module_name.endswith(".py"):
        module = module_name.removesuffix(".py").replace("/", ".")
        raise ObjectiveError(f"python: {name!r} names a file; write its module, '{module}:{attributes}'")
    _refuse_namesake(module_name.split(".")[0])
    try:
        found: Any = importlib.import_module(module_name)
    except SystemExit as error:
        raise ObjectiveError(
            f"python: module {module_name!r} ends the program when it is imported ({_exit_text(error)}); put "
            'what it does as a program, such as reading sys.argv, under `if __name__ == "__main__":`'
        ) from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the module's own code may raise anything
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


def _exit_text(error: SystemExit) -> str:
    return "sys.exit()" if error.code is None else f"sys.exit({error.code!r})"


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
