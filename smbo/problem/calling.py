"""How a Python function is called as an objective: with the point, the point and its context, or by name.

One decision for job files, ``Study.run`` and every worker, by the function's signature and the names of the
dimensions.
"""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from smbo.errors import ObjectiveError
from smbo.problem.objective import Context
from smbo.problem.outcome import Returned

_CONTEXT, _POINT = "context", "params"
# second arguments that cannot be a misspelt dimension
_CONTEXT_WORDS = (_CONTEXT, "ctx", "_")

_FORMS = "(params), (params, context), or an argument for each dimension"


@dataclass(frozen=True)
class Call:
    """A function and how it is called as an objective.

    >>> def area(width, height=2.0):
    ...     return width * height
    >>> call = call_of(area, ["width", "height"])
    >>> str(call), call({"width": 3.0, "height": 5.0}, Context(seed=1))
    ('area(width, height)', 15.0)

    Attributes:
        function: what is called.
        name: of the function, for messages.
        by_name: whether each dimension is an argument of its own, passed by keyword; else the first
            argument is the point.
        context: how the context is passed: as the second argument, by keyword, or not at all.
        arguments: names of the dimensions that are passed by keyword, in the order of the space.
    """

    function: Callable[..., Returned]
    name: str
    by_name: bool
    context: Literal["second", "keyword", "no"]
    arguments: tuple[str, ...] = ()

    def __call__(self, params: Mapping[str, Any], context: Context) -> Returned:
        """Return the function's result at a point."""
        named = {_CONTEXT: context} if self.context == "keyword" else {}
        if self.by_name:
            return self.function(**named, **params)
        if self.context == "second":
            return self.function(dict(params), context)
        return self.function(dict(params), **named)

    def __str__(self) -> str:
        words = list(self.arguments) if self.by_name else [_POINT]
        if self.context != "no":
            words.append(_CONTEXT if self.context == "second" or self.by_name else f"{_CONTEXT}=…")
        return f"{self.name}({', '.join(words)})"


def call_of(
    function: Callable[..., Any],
    names: Collection[str] | None,
    *,
    name: str | None = None,
    conditional: Collection[str] = (),
) -> Call:
    """Return how a function is called, by its signature and the names of the dimensions.

    Every dimension is an argument of its own where the function takes them all by name (``**values``
    takes any) and needs nothing else but ``context``.  Otherwise the first argument is the point.

    Args:
        names: of all dimensions; None where they are not known yet: then only functions are refused that
            serve no dimensions at all.
        name: of the function, for messages.
        conditional: names of the dimensions that not every point has.

    Raises:
        ObjectiveError: the function cannot be called as an objective, or its arguments could be the
            dimensions or something else.
    """
    named = name or _name_of(function)
    parameters = _parameters(named, function)
    if parameters is None:
        return Call(function, named, False, "no")
    signature = _Signature(named, parameters)
    dimensions = () if names is None else tuple(names)
    if signature.names_all(dimensions):
        signature.refuse_missing_defaults(conditional)
        takes_context = _CONTEXT in signature.keywords and _CONTEXT not in dimensions
        return Call(function, named, True, "keyword" if takes_context else "no", dimensions)
    if names is not None:
        signature.refuse_misnamed(dimensions)
    return Call(function, named, False, signature.place_of_context(is_final=names is not None))


def _name_of(function: Any) -> str:
    found = getattr(function, "func", function)  # functools.partial has its function there
    return str(getattr(found, "__qualname__", None) or type(found).__qualname__).replace("<lambda>", "lambda")


def _parameters(name: str, function: Any) -> Sequence[inspect.Parameter] | None:
    """Return a function's parameters, None for one written in C that does not tell them."""
    inner = function if inspect.isroutine(function) else getattr(function, "__call__", function)  # noqa: B004
    inner = getattr(function, "func", inner)
    kind = next(
        (
            word
            for word, is_it in (
                ("async", inspect.iscoroutinefunction(inner) or inspect.isasyncgenfunction(inner)),
                ("a generator", inspect.isgeneratorfunction(inner)),
            )
            if is_it
        ),
        None,
    )
    if kind is not None:
        raise ObjectiveError(
            f"{name} is {kind}: calling it evaluates nothing; write a plain function"
            + (", which calls asyncio.run itself" if kind == "async" else " that returns its result")
        )
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    # a context that functools.partial has set is the user's own
    bound = function.keywords if isinstance(function, functools.partial) else {}
    return tuple(each for each in parameters if each.name != _CONTEXT or _CONTEXT not in bound)


class _Signature:
    """The parameters of one function, sorted by what may be passed to them."""

    def __init__(self, name: str, parameters: Sequence[inspect.Parameter]) -> None:
        self._name = name
        plain = [each.replace(annotation=each.empty) for each in parameters]
        self._text = str(inspect.Signature(plain))
        positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        by_keyword = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        self.slots = [each.name for each in parameters if each.kind in positional]
        self.keywords = [each.name for each in parameters if each.kind in by_keyword]
        self.only_keywords = [each.name for each in parameters if each.kind is each.KEYWORD_ONLY]
        self.only_positional = [each.name for each in parameters if each.kind is each.POSITIONAL_ONLY]
        self.takes_any = any(each.kind is each.VAR_KEYWORD for each in parameters)
        self.takes_more = any(each.kind is each.VAR_POSITIONAL for each in parameters)
        named = (*positional, inspect.Parameter.KEYWORD_ONLY)
        self.needed = [each.name for each in parameters if each.kind in named and each.default is each.empty]

    def names_all(self, dimensions: Collection[str]) -> bool:
        """Return whether every dimension can be passed by name, and nothing else is needed."""
        if not dimensions or any(each in self.only_positional for each in self.needed):
            return False
        if not set(self.needed) <= {*dimensions, _CONTEXT}:
            return False
        if not self.takes_any and not set(dimensions) <= set(self.keywords):
            return False
        if self.slots[:1] == [_POINT]:
            if _POINT in dimensions:
                raise ObjectiveError(
                    f"{self._said}: {_POINT!r} could be the point or the dimension of that name; rename one"
                )
            return False
        # (*args, **kwargs) passes on what it gets, whatever that is
        return not (self.takes_more and not self.keywords)

    def refuse_missing_defaults(self, conditional: Collection[str]) -> None:
        """Refuse an argument without a default for a dimension that not every point has."""
        for name in self.needed:
            if name in conditional:
                raise ObjectiveError(
                    f"{self._said}: {name!r} is conditional, and points at which it is inactive do not "
                    f"have it; give the argument a default, {name}=None"
                )

    def refuse_misnamed(self, dimensions: Sequence[str]) -> None:
        """Refuse arguments of which some are dimensions, and the others neither that nor the context."""
        if self.slots[:1] == [_POINT]:
            return
        taken = [name for name in (*self.slots, *self.only_keywords) if name in dimensions]
        strange = [name for name in self.needed if name not in dimensions and not self._is_context(name)]
        missing = [name for name in dimensions if name not in self.keywords]
        if not taken or (len(taken) == 1 and not strange and self.slots[:1] == taken):
            return  # one argument may be called as a dimension and be the point all the same
        if strange:
            close = difflib.get_close_matches(strange[0], dimensions, n=1)
            meant = f" (did you mean {close[0]!r}?)" if close else ""
            raise ObjectiveError(
                f"{self._said}: {taken[0]!r} is a dimension and {strange[0]!r} is not{meant}; take {_FORMS}: "
                f"{', '.join(dimensions)}"
            )
        if set(taken) <= set(self.only_positional):
            raise ObjectiveError(f"{self._said}: dimensions are passed by name; leave out the '/'")
        raise ObjectiveError(
            f"{self._said}: {', '.join(map(repr, taken))} are dimensions, and there is no argument for "
            f"{', '.join(map(repr, missing))}; add it, or **others, or take (params)"
        )

    def _is_context(self, name: str) -> bool:
        return name in _CONTEXT_WORDS or name.startswith("_")

    def place_of_context(self, *, is_final: bool) -> Literal["second", "keyword", "no"]:
        """Return how a function of the point takes the context.

        Args:
            is_final: whether the function cannot be called by name any more.
        """
        if not (self.slots or self.takes_more or self.takes_any or self.only_keywords):
            raise ObjectiveError(f"{self._said} takes no argument; an objective takes {_FORMS}")
        needed = [name for name in self.needed if name in self.slots]
        strange = [name for name in self.only_keywords if name in self.needed and name != _CONTEXT]
        if is_final and (len(needed) > 2 or strange or not (self.slots or self.takes_more)):
            raise ObjectiveError(
                f"{self._said} needs ({', '.join(self.needed)}); an objective takes {_FORMS}"
            )
        if _CONTEXT in self.only_keywords:
            return "keyword"
        # a second argument with a default is the user's own, unless it is called context
        return "second" if len(needed) == 2 or self.slots[1:2] == [_CONTEXT] else "no"

    @property
    def _said(self) -> str:
        return f"{self._name}{self._text}"
