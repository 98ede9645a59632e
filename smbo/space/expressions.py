"""Formulas from users: conditions and constraints, parsed into an allow-list, never executed as code.

A name that is no plain word, or one of Python's, stands in backticks: `StringZ:aLund` <= 1, `lambda` > 0.
A formula knows numbers, strings, True, False, None, names, + - * / // % **, comparisons (chained
ones too), and, or, not, ``in`` and ``not in`` a literal list, and the functions abs, min, max, sqrt,
exp, log, log10.  Arithmetic is in double precision: a division by zero or the logarithm of a
negative number gives inf or nan, with which comparisons are false, rather than an error.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np

from smbo.errors import ExpressionError
from smbo.plain_values import shown
from smbo.space.choice_names import differ, equal
from smbo.space.formula_names import with_stand_ins
from smbo.space.formula_source import (
    MAX_DEPTH,
    Source,
    depth_of,
    parsed,
    refuse_nesting,
    too_deep,
)

_MAX_LENGTH = 8000  # characters: a sum of some hundreds of long names
_MAX_EXACT = 2**53  # whole numbers above do not fit double precision

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
    ast.Eq: equal,
    ast.NotEq: differ,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_MEMBERSHIP: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.In: lambda item, group: any(equal(item, member) for member in group),
    ast.NotIn: lambda item, group: not any(equal(item, member) for member in group),
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
    _source: Source | None = field(default=None, compare=False, repr=False)

    @classmethod
    def parse(cls, text: str) -> Expression:
        """Return the formula in ``text``.

        Raises:
            ExpressionError: it is no text, does not parse, is too long or too deep, or uses what a
                formula may not.
        """
        if not isinstance(text, str):
            raise ExpressionError(f"a formula is a text, got {shown(text)}")
        if len(text) > _MAX_LENGTH:
            raise ExpressionError(
                f"the formula {text[:40]!r}… has {len(text)} characters; at most {_MAX_LENGTH} are read"
            )
        refuse_nesting(text)
        plain, stand_ins = with_stand_ins(text.strip())
        if "\n" in plain:  # in brackets it may go over several lines
            plain = f"({plain}\n)"
        tree = parsed(text, plain)
        if depth_of(tree, counts_terms=False) > MAX_DEPTH:
            raise too_deep(text)
        source = Source(plain, stand_ins, depth_of(tree, counts_terms=True) <= MAX_DEPTH)
        quoted = source.name_nodes(tree)
        _Checker(text, source, quoted).check(tree)
        functions = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        names = frozenset(
            node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in functions
        )
        return cls(text, names, tree, source)

    @property
    def tree(self) -> ast.expr:
        """The parsed formula."""
        return self._tree

    def written(self, node: ast.expr) -> str:
        """Return a part of the formula as text, from which ``parse`` makes the same again."""
        assert self._source is not None
        return self._source.written(node)

    @property
    def is_condition(self) -> bool:
        """Whether the formula's form is boolean: a comparison, or ``and``, ``or``, ``not`` of something."""
        tree = self._tree
        is_negation = isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not)
        return is_negation or isinstance(tree, ast.Compare | ast.BoolOp)

    @property
    def is_name(self) -> bool:
        """Whether the formula is a name alone."""
        return isinstance(self._tree, ast.Name)

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
            raise ExpressionError(f"{shown(self.text)} needs {missing}, which has no value here")
        try:
            # inf and nan are the documented answers, so numpy need not warn of them
            with np.errstate(all="ignore"):
                result = _evaluate(self._tree, values)
        except (TypeError, ValueError, ArithmeticError) as error:
            raise ExpressionError(f"{shown(self.text)} cannot be evaluated: {error}") from None
        return result.item() if isinstance(result, np.generic) else result

    def __str__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple[Callable[..., Expression], tuple[Any, ...]]:
        if self._source is None:  # made of a tree, its text is for people
            return Expression, (self.text, self.names, self._tree)
        return Expression.parse, (self.text,)


class _Checker:
    """Walks a tree once and refuses whatever is not on the allow-list."""

    def __init__(self, text: str, source: Source, quoted: set[int]) -> None:
        self._text, self._source, self._quoted = text, source, quoted

    def check(self, tree: ast.expr) -> None:
        waiting = [tree]
        while waiting:
            waiting += reversed(self._children(waiting.pop()))

    def _children(self, node: ast.expr) -> list[ast.expr]:
        match node:
            case ast.Constant():
                return self._constant(node)
            case ast.Name():
                if node.id in _FUNCTIONS and id(node) not in self._quoted:
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
        raise self._error(f"{self._shown(node)} is not allowed in a formula")

    def _shown(self, node: ast.expr) -> str:
        return shown(self._source.written(node))

    def _constant(self, node: ast.Constant) -> list[ast.expr]:
        if node.value is not None and not isinstance(node.value, bool | int | float | str):
            raise self._error(f"{shown(node.value)} is not allowed in a formula")
        _refuse_inexact(node.value, self._error)
        return []

    def _binary(self, node: ast.BinOp) -> list[ast.expr]:
        if type(node.op) not in _ARITHMETIC:
            raise self._error(f"{self._shown(node)} is not allowed in a formula; use 'and', 'or', 'not', **")
        return [node.left, node.right]

    def _comparison(self, node: ast.Compare) -> list[ast.expr]:
        children = [node.left]
        for op, right in zip(node.ops, node.comparators):
            if type(op) in _MEMBERSHIP:
                if not isinstance(right, ast.List | ast.Tuple | ast.Set):
                    raise self._error("'in' needs a list on its right, such as: mode in ['a', 'b']")
                for member in right.elts:
                    _literal(member, self._not_literal)
            elif type(op) in _COMPARISONS:
                if isinstance(right, ast.List | ast.Tuple):
                    _literal(right, self._not_literal)
                else:
                    children.append(right)
            else:
                raise self._error("'is' is not allowed in a formula; use == or !=")
        return children

    def _call(self, node: ast.Call) -> list[ast.expr]:
        name = node.func.id if isinstance(node.func, ast.Name) else None
        if name not in _FUNCTIONS:
            raise self._error(
                f"{self._shown(node.func)} is no function of formulas ({', '.join(_FUNCTIONS)})"
            )
        fits = len(node.args) >= 1 if name in _SEVERAL_ARGUMENTS else len(node.args) == 1
        if node.keywords or not fits or any(isinstance(arg, ast.Starred) for arg in node.args):
            raise self._error(f"{self._shown(node)}: wrong number or kind of arguments for {name}")
        return node.args

    def _not_literal(self, node: ast.expr) -> ExpressionError:
        if isinstance(node, ast.Constant) and isinstance(node.value, int):
            return self._error(f"the number {self._shown(node)} does not fit double precision")
        return self._error(f"{self._shown(node)} is no literal number or text")

    def _error(self, reason: str) -> ExpressionError:
        return ExpressionError(f"{shown(self._text)}: {reason}")


def _refuse_inexact(value: object, error: Callable[[str], ExpressionError]) -> None:
    if isinstance(value, int) and abs(value) > _MAX_EXACT:
        raise error(f"the number {shown(value)} does not fit double precision")


def _no_literal(_node: ast.expr) -> ExpressionError:
    return ExpressionError("a literal is checked when its formula is parsed")


def _literal(node: ast.expr, error: Callable[[ast.expr], ExpressionError] = _no_literal) -> Any:
    """Return a literal number, text, True, False, None, or tuple of such."""
    match node:
        case ast.Constant(value=int() as number) if abs(number) > _MAX_EXACT:
            raise error(node)
        case ast.Constant(value=None | bool() | int() | float() | str()):
            return node.value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float()) as operand):
            return -_literal(operand, error)
        case ast.Tuple(elts=members):
            return tuple(_literal(member, error) for member in members)
        case ast.List(elts=members):
            return [_literal(member, error) for member in members]
    raise error(node)


def _evaluate(node: ast.expr, values: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant():
            return node.value
        case ast.Name():
            return values[node.id]
        case ast.BinOp():
            return _chain(node, values)
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
    raise TypeError(f"{type(node).__name__} is not allowed in a formula")


def _chain(node: ast.BinOp, values: Mapping[str, Any]) -> Any:
    """Return a sum or product of any number of terms, from the left, without recursion."""
    operations = []
    left: ast.expr = node
    while isinstance(left, ast.BinOp):
        operations.append((_ARITHMETIC[type(left.op)], left.right))
        left = left.left
    result = _number(_evaluate(left, values))
    for operate, right in reversed(operations):
        result = operate(result, _number(_evaluate(right, values)))
    return result


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
