"""Options of dimensions: given by name alone, and flags that are True or False and nothing else."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from smbo.errors import SpaceError
from smbo.plain_values import as_flag, shown

Kind = TypeVar("Kind", bound=type)

_SCALES = {
    "uniform": "log=False",
    "linear": "log=False",
    "log-uniform": "log=True",
    "loguniform": "log=True",
    "reciprocal": "log=True",
    "log": "log=True",
}


def options_by_name(n_positional: int, options: str) -> Callable[[Kind], Kind]:
    """Return a decorator of a class that refuses further positional arguments with what to write instead.

    ``Real(0.1, 10, "uniform")`` of scikit-optimize would otherwise be taken for ``log="uniform"``, which
    is true.

    Args:
        n_positional: how many arguments may be given by place.
        options: how the others are written.
    """

    def decorate(kind: Kind) -> Kind:
        initialise = kind.__init__  # type: ignore[misc]

        @functools.wraps(initialise)
        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
            if len(args) > n_positional:
                given = ", ".join(map(shown, args))
                kept = ", ".join(map(shown, args[:n_positional]))
                name = options.partition("=")[0]
                extra = args[n_positional]
                if (flag := as_flag(extra)) is not None:
                    wanted = f"{name}={flag}"
                elif name == "log" and isinstance(extra, str):
                    wanted = _SCALES.get(extra, options)
                else:
                    wanted = options
                raise SpaceError(
                    f"{kind.__name__}({given}): options are given by name; write "
                    f"{kind.__name__}({kept}, {wanted})"
                )
            initialise(self, *args, **kwargs)

        kind.__init__ = __init__  # type: ignore[misc]
        return kind

    return decorate


def checked_flag(name: str, value: Any) -> bool:
    """Return an option that is True or False (of numpy, too) as a bool.

    Raises:
        SpaceError: it is anything else.
    """
    flag = as_flag(value)
    if flag is None:
        meant = _SCALES.get(value) if name == "log" and isinstance(value, str) else None
        wanted = meant or f"{name}=True or {name}=False"
        raise SpaceError(f"{name}={shown(value)}: {name} is true or false; write {wanted}")
    return flag
