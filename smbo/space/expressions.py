"""Formulas from users: conditions and constraints, parsed into an allow-list, never executed as code.

A formula knows numbers, strings, True, False, None, names, + - * / // % **, comparisons (chained
ones too), and, or, not, ``in`` and ``not in`` a literal list, and the functions abs, min, max, sqrt,
exp, log, log10.  Arithmetic is in double precision: a division by zero or the logarithm of a
negative number gives inf or nan, with which comparisons are false, rather than an error.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np

from smbo.errors import ExpressionError

_MAX_LENGTH = 2000  # characters; formulas are written by hand
_MAX_DEPTH = 40  # nested nodes; far below the recursion limit of the walk

_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.true_divide,
    ast.FloorDiv: np.floor_divide,
    ast.Mod: np.mod,
    ast.Pow: np.power,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_MEMBERSHIP: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.In: lambda item, group: any(item == member for member in group),
    ast.NotIn: lambda item, group: all(item != member for member in group),
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": np.abs,
    "min": lambda *values: reduce(np.minimum, values),
    "max": lambda *values: reduce(np.maximum, values),
    "sqrt": np.sqrt,
    "exp": np.exp,
    "log": np.log,
    "log10": np.log10,
}
_SEVERAL_ARGUMENTS = ("min", "max")


@dataclass(frozen=True)
class Expression:
    """A parsed formula.

    Attributes:
        text: as it was written.
        names: the names it refers to.
    """

    text: str
    names: frozenset[str] = field(compare=False)
    _tree: ast.expr = field(compare=False, repr=False)

    @classmethod
    def parse(cls, text: str) -> Expression:
        """Return the formula in ``text``.

        Raises:
            ExpressionError: it is no text, does not parse, is too long or too deep, or uses what a
                formula may not.
        """
        if not isinstance(text, str):
            raise ExpressionError(f"a formula is a text, got {text!r}")
        if len(text) > _MAX_LENGTH:
            raise ExpressionError(
                f"the formula {text[:40]!r}… has {len(text)} characters; at most {_MAX_LENGTH} are read"
            )
        try:
            tree = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            reason = error.msg if isinstance(error, SyntaxError) else str(error)
            raise ExpressionError(f"{text!r} is no formula: {reason}{_meant(text)}") from None
        _Checker(text).check(tree, depth=0)
        names = frozenset(
            node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id not in _FUNCTIONS
        )
        return cls(text, names, tree)

    @property
    def is_condition(self) -> bool:
        """Whether the formula's form is boolean: a comparison, or ``and``, ``or``, ``not`` of something."""
        tree = self._tree
        is_negation = isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not)
        return is_negation or isinstance(tree, ast.Compare | ast.BoolOp)

    def evaluate(self, values: Mapping[str, Any]) -> Any:
        """Return the value of the formula, given one for each name.

        Args:
            values: scalars, or arrays of one length (float, or object arrays of categories); then
                the result is an array of that length where it depends on any of them.

        Raises:
            ExpressionError: a name is missing, or an operation does not fit its operands (a text
                plus a number, None < 3).
        """
        missing = sorted(self.names - values.keys())
        if missing:
            raise ExpressionError(f"{self.text!r} needs {missing}, which has no value here")
        try:
            # inf and nan are the documented answers, so numpy need not warn of them
            with np.errstate(all="ignore"):
                result = _evaluate(self._tree, values)
        except (TypeError, ValueError) as error:
            raise ExpressionError(f"{self.text!r} cannot be evaluated: {error}") from None
        return result.item() if isinstance(result, np.generic) else result

    def __str__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple[Callable[[str], Expression], tuple[str]]:
        return Expression.parse, (self.text,)


def _meant(text: str) -> str:
    """Return what to write instead of an operator that other languages have."""
    meant = {"=>": ">=", "=<": "<=", "&&": "and", "||": "or", "≥": ">=", "≤": "<=", "≠": "!="}
    found = [f"{right!r} for {wrong!r}" for wrong, right in meant.items() if wrong in text]
    if not found and re.search(r"(?<![<>=!])=(?!=)", text):
        found = ["'==' for '='"]
    return f"; write {' and '.join(found)}" if found else ""


class _Checker:
    """Walks a tree once and refuses whatever is not on the allow-list."""

    def __init__(self, text: str) -> None:
        self._text = text

    def check(self, node: ast.expr, depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise self._error(f"it is nested more than {_MAX_DEPTH} deep")
        for child in self._children(node):
            self.check(child, depth + 1)

    def _children(self, node: ast.expr) -> list[ast.expr]:
        match node:
            case ast.Constant():
                return self._constant(node)
            case ast.Name():
                if node.id in _FUNCTIONS:
                    raise self._error(f"{node.id} is a function: write {node.id}(…)")
                return []
            case ast.BinOp():
                return self._binary(node)
            case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.UAdd()):
                return [node.operand]
            case ast.BoolOp():
                return node.values
            case ast.Compare():
                return self._comparison(node)
            case ast.Call():
                return self._call(node)
        raise self._error(f"{ast.unparse(node)[:60]!r} is not allowed in a formula")

    def _constant(self, node: ast.Constant) -> list[ast.expr]:
        if node.value is not None and not isinstance(node.value, bool | int | float | str):
            raise self._error(f"{node.value!r} is not allowed in a formula")
        if isinstance(node.value, int) and abs(node.value) > 2**53:
            raise self._error(f"the number {str(node.value)[:20]}… does not fit double precision")
        return []

    def _binary(self, node: ast.BinOp) -> list[ast.expr]:
        if type(node.op) not in _ARITHMETIC:
            raise self._error(
                f"{ast.unparse(node)[:60]!r} is not allowed in a formula; use 'and', 'or', 'not', **"
            )
        return [node.left, node.right]

    def _comparison(self, node: ast.Compare) -> list[ast.expr]:
        children = [node.left]
        for op, right in zip(node.ops, node.comparators):
            if type(op) in _MEMBERSHIP:
                if not isinstance(right, ast.List | ast.Tuple | ast.Set):
                    raise self._error("'in' needs a list on its right, such as: mode in ['a', 'b']")
                for member in right.elts:
                    _literal(member, self._error)
            elif type(op) in _COMPARISONS:
                if isinstance(right, ast.List | ast.Tuple):
                    _literal(right, self._error)
                else:
                    children.append(right)
            else:
                raise self._error("'is' is not allowed in a formula; use == or !=")
        return children

    def _call(self, node: ast.Call) -> list[ast.expr]:
        name = node.func.id if isinstance(node.func, ast.Name) else None
        if name not in _FUNCTIONS:
            raise self._error(
                f"{ast.unparse(node.func)[:60]!r} is no function of formulas ({', '.join(_FUNCTIONS)})"
            )
        fits = len(node.args) >= 1 if name in _SEVERAL_ARGUMENTS else len(node.args) == 1
        if node.keywords or not fits or any(isinstance(arg, ast.Starred) for arg in node.args):
            raise self._error(f"{ast.unparse(node)[:60]!r}: wrong number or kind of arguments for {name}")
        return node.args

    def _error(self, reason: str) -> ExpressionError:
        return ExpressionError(f"{self._text!r}: {reason}")


def _literal(node: ast.expr, error: Callable[[str], ExpressionError] = ExpressionError) -> Any:
    """Return a literal number, text, True, False, None, or tuple of such."""
    match node:
        case ast.Constant(value=None | bool() | int() | float() | str()):
            return node.value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
        case ast.Tuple(elts=members):
            return tuple(_literal(member, error) for member in members)
        case ast.List(elts=members):
            return [_literal(member, error) for member in members]
    raise error(f"{ast.unparse(node)[:60]!r} is no literal number or text")


def _evaluate(node: ast.expr, values: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant():
            return node.value
        case ast.Name():
            return values[node.id]
        case ast.BinOp():
            operate = _ARITHMETIC[type(node.op)]
            return operate(_number(_evaluate(node.left, values)), _number(_evaluate(node.right, values)))
        case ast.UnaryOp(op=ast.Not()):
            return np.logical_not(_truth(_evaluate(node.operand, values)))
        case ast.UnaryOp():
            number = _number(_evaluate(node.operand, values))
            return -number if isinstance(node.op, ast.USub) else number
        case ast.BoolOp():
            combine = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
            return _combined(combine, node, values)
        case ast.Compare():
            return _compare(node, values)
        case ast.Call(func=ast.Name(id=name)):
            return _FUNCTIONS[name](*(_number(_evaluate(argument, values)) for argument in node.args))
    raise TypeError(f"{ast.unparse(node)} is no formula")


def _combined(combine: Any, node: ast.BoolOp, values: Mapping[str, Any]) -> Any:
    """Return all (any) of the operands; a scalar one that decides short-circuits the rest, as in Python."""
    decides = combine is np.logical_or
    result = _truth(_evaluate(node.values[0], values))
    for operand in node.values[1:]:
        if not isinstance(result, np.ndarray) and bool(result) == decides:
            return decides
        result = combine(result, _truth(_evaluate(operand, values)))
    return result


def _compare(node: ast.Compare, values: Mapping[str, Any]) -> Any:
    result: Any = True
    left = _evaluate(node.left, values)
    for op, comparator in zip(node.ops, node.comparators):
        if type(op) in _MEMBERSHIP:
            assert isinstance(comparator, ast.List | ast.Tuple | ast.Set)
            right = [_literal(member) for member in comparator.elts]
            link = _elementwise(_MEMBERSHIP[type(op)], left, right)
        else:
            is_group = isinstance(comparator, ast.List | ast.Tuple)
            right = _literal(comparator) if is_group else _evaluate(comparator, values)
            link = _elementwise(_COMPARISONS[type(op)], left, right)
        result = np.logical_and(result, link)
        left = right
    return result


def _elementwise(compare: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    """Return a comparison, element by element.

    Categories are compared as Python objects: numpy would spread a tuple over the array, and has
    no answer for a text beside a number.
    """
    are_arrays = isinstance(left, np.ndarray), isinstance(right, np.ndarray)
    numbers = bool | int | float | np.number | np.bool_
    if not any(are_arrays):
        return bool(compare(left, right))
    if all(
        item.dtype != object if is_array else isinstance(item, numbers)
        for item, is_array in zip((left, right), are_arrays)
    ):
        return compare(left, right)
    length = len(left) if are_arrays[0] else len(right)
    lefts = left.tolist() if are_arrays[0] else [left] * length
    rights = right.tolist() if are_arrays[1] else [right] * length
    return np.fromiter((bool(compare(a, b)) for a, b in zip(lefts, rights)), bool, length)


def _number(value: Any) -> Any:
    """Return a scalar or an array as double precision."""
    if isinstance(value, np.ndarray):
        return value.astype(np.float64)
    if isinstance(value, bool | int | float | np.number | np.bool_):
        return np.float64(value)
    raise TypeError(f"{value!r} is no number")


def _truth(value: Any) -> Any:
    return value.astype(bool) if isinstance(value, np.ndarray) else bool(value)
