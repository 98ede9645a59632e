"""Linear forms of known constraints: rows weights · values <= bound, in the user's units or in logarithms.

A comparison of linear expressions is a row in the user's units, one of products of powers (a / b <= 10) a
row in logarithms.  Chains, ``and``, ``abs(…) <= c``, ``max(…) <= c`` and ``min(…) >= c`` are several rows.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from smbo.space.expressions import Expression

Terms: TypeAlias = dict[str, float]


@dataclass(frozen=True)
class Form:
    """The sum of weights times values, and a constant."""

    terms: Terms
    constant: float

    def plus(self, other: Form, factor: float) -> Form:
        """Return this form plus another times a factor."""
        terms = dict(self.terms)
        for name, weight in other.terms.items():
            terms[name] = terms.get(name, 0.0) + factor * weight
        return Form(terms, self.constant + factor * other.constant)

    @property
    def number(self) -> float | None:
        """The value of a form without terms, None of any other."""
        return None if any(self.terms.values()) else self.constant


@dataclass(frozen=True)
class Row:
    """One inequality: the sum of weights times values (or their logarithms) is at most ``bound``.

    Attributes:
        text: the constraint that it is part of.
        weights: by dimension.
        of_logs: whether the weights are of the logarithms of the values.
        strict: whether the sum is below the bound.
        is_equality: whether it is half of an equation.
    """

    text: str
    weights: Mapping[str, float]
    bound: float
    of_logs: bool = False
    strict: bool = False
    is_equality: bool = False


@dataclass(frozen=True)
class Known:
    """What a formula may be rewritten with.

    Attributes:
        constants: numbers by name.
        derived: parsed expressions of derived dimensions, by name.
        positive: names of dimensions whose values are above 0.
    """

    constants: Mapping[str, float]
    derived: Mapping[str, Expression]
    positive: frozenset[str]


@dataclass(frozen=True)
class Comparison:
    """One comparison of a constraint as rows; linear and logarithmic ones say the same.

    Attributes:
        linear: in the user's units, () where it is not linear.
        logarithmic: in logarithms, () where it is no comparison of products.
    """

    linear: tuple[Row, ...]
    logarithmic: tuple[Row, ...]


def comparisons_of(formula: Expression, known: Known) -> list[Comparison] | None:
    """Return a constraint as comparisons that all hold, None where it is no conjunction of comparisons.

    A comparison that is neither linear nor one of products has no rows.
    """
    links = _links(formula.tree)
    if links is None:
        return None
    return [
        Comparison(
            tuple(_linear_rows(formula.text, link, known)), tuple(_log_rows(formula.text, link, known))
        )
        for link in links
    ]


@dataclass(frozen=True)
class _Link:
    """``left`` is at most ``right``, or equal to it."""

    left: ast.expr
    right: ast.expr
    strict: bool
    is_equality: bool


def _links(tree: ast.expr) -> list[_Link] | None:
    if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And):
        parts = [_links(value) for value in tree.values]
        return None if None in parts else [link for part in parts for link in part or ()]
    if not isinstance(tree, ast.Compare):
        return None
    links = []
    operands = [tree.left, *tree.comparators]
    for left, operation, right in zip(operands, tree.ops, operands[1:]):
        if isinstance(operation, ast.Lt | ast.LtE):
            links.append(_Link(left, right, isinstance(operation, ast.Lt), False))
        elif isinstance(operation, ast.Gt | ast.GtE):
            links.append(_Link(right, left, isinstance(operation, ast.Gt), False))
        elif isinstance(operation, ast.Eq):
            links.append(_Link(left, right, False, True))
        else:
            return None
    return links


def _linear_rows(text: str, link: _Link, known: Known) -> Iterator[Row]:
    pairs = [(link.left, link.right)] if link.is_equality else list(_unfolded(link.left, link.right))
    forms = [_difference(left, right, known) for left, right in pairs]
    if not all(form is not None and _can_be_row(form, link) for form in forms):
        return
    for form in forms:
        assert form is not None
        weights = {name: weight for name, weight in form.terms.items() if weight}
        if not weights:
            continue  # it always holds
        yield Row(text, weights, -form.constant, False, link.strict, link.is_equality)
        if link.is_equality:
            opposite = {name: -weight for name, weight in weights.items()}
            yield Row(text, opposite, form.constant, False, False, True)


def _can_be_row(form: Form, link: _Link) -> bool:
    """Whether the form is finite, and holds always where it names no dimension."""
    if not all(map(math.isfinite, (*form.terms.values(), form.constant))):
        return False
    number = form.number
    return number is None or number < 0.0 or (number == 0.0 and not link.strict)


def _unfolded(left: ast.expr, right: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield pairs without ``abs``, ``max`` and ``min`` that together say left <= right."""
    match left, right:
        case ast.Call(func=ast.Name(id="max"), args=parts), _:
            for part in parts:
                yield from _unfolded(part, right)
        case _, ast.Call(func=ast.Name(id="min"), args=parts):
            for part in parts:
                yield from _unfolded(left, part)
        case ast.Call(func=ast.Name(id="abs"), args=[part]), _:
            yield part, right
            yield ast.UnaryOp(ast.USub(), part), right
        case _:
            yield left, right


def _difference(left: ast.expr, right: ast.expr, known: Known) -> Form | None:
    """Return left - right, or that times a denominator that is positive; None where it is not linear."""
    for numerator, other, sign in ((left, right, 1.0), (right, left, -1.0)):
        if isinstance(numerator, ast.BinOp) and isinstance(numerator.op, ast.Div):
            above, below = linear_form(numerator.left, known), linear_form(numerator.right, known)
            bound = linear_form(other, known)
            if above is None or below is None or bound is None or bound.number is None:
                continue
            if below.number is None and _is_positive(below, known):
                form = above.plus(below, -bound.number)
                return Form({name: sign * w for name, w in form.terms.items()}, sign * form.constant)
    first, second = linear_form(left, known), linear_form(right, known)
    return None if first is None or second is None else first.plus(second, -1.0)


def _is_positive(form: Form, known: Known) -> bool:
    weights = {name: weight for name, weight in form.terms.items() if weight}
    return form.constant >= 0 and all(w > 0 and name in known.positive for name, w in weights.items())


def linear_form(node: ast.expr, known: Known) -> Form | None:
    """Return an expression as a linear form of dimensions, None where it is not linear."""
    total, sign = Form({}, 0.0), 1.0
    while isinstance(node, ast.BinOp) and isinstance(
        node.op, ast.Add | ast.Sub
    ):  # long sums nest to the left
        right = linear_form(node.right, known)
        if right is None:
            return None
        total = total.plus(right, -sign if isinstance(node.op, ast.Sub) else sign)
        node = node.left
    rest = _factor(node, known)
    return None if rest is None else rest.plus(total, 1.0)


def _factor(node: ast.expr, known: Known) -> Form | None:
    match node:
        case ast.Constant(value=bool() | int() | float() as number):
            return Form({}, float(number))
        case ast.Name(id=name) if name in known.constants:
            return Form({}, known.constants[name])
        case ast.Name(id=name) if name in known.derived:
            return linear_form(known.derived[name].tree, known)
        case ast.Name(id=name):
            return Form({name: 1.0}, 0.0)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
            form = linear_form(operand, known)
            return (
                None
                if form is None
                else Form({}, 0.0).plus(form, -1.0 if isinstance(sign, ast.USub) else 1.0)
            )
        case ast.BinOp(op=ast.Add() | ast.Sub()):
            return linear_form(node, known)
        case ast.BinOp(left=left, op=ast.Mult() | ast.Div() | ast.Pow() as operation, right=right):
            first, second = linear_form(left, known), linear_form(right, known)
            return None if first is None or second is None else _product(first, operation, second)
    return None


def _product(first: Form, operation: ast.operator, second: Form) -> Form | None:
    left, right = first.number, second.number
    zero = Form({}, 0.0)
    if isinstance(operation, ast.Mult):
        if right is not None:
            return zero.plus(first, right)
        return zero.plus(second, left) if left is not None else None
    if isinstance(operation, ast.Div):
        return zero.plus(first, 1.0 / right) if right else None
    if left is not None and right is not None:
        try:
            power = left**right
        except (OverflowError, ZeroDivisionError):
            return None
        return Form({}, power) if isinstance(power, float) else None
    return first if right == 1.0 else None


def _log_rows(text: str, link: _Link, known: Known) -> Iterator[Row]:
    left, right = _log_form(link.left, known), _log_form(link.right, known)
    if left is None or right is None:
        return
    form = left.plus(right, -1.0)
    weights = {name: weight for name, weight in form.terms.items() if weight}
    if weights and all(map(math.isfinite, (*weights.values(), form.constant))):
        yield Row(text, weights, -form.constant, True, link.strict, link.is_equality)
        if link.is_equality:
            opposite = {name: -weight for name, weight in weights.items()}
            yield Row(text, opposite, form.constant, True, False, True)


def _log_form(node: ast.expr, known: Known) -> Form | None:
    """Return the logarithm of a product of powers of positive dimensions as a linear form of logarithms."""
    match node:
        case ast.Name(id=name) if name in known.positive:
            return Form({name: 1.0}, 0.0)
        case ast.BinOp(left=left, op=ast.Mult() | ast.Div() as operation, right=right):
            first, second = _log_form(left, known), _log_form(right, known)
            if first is None or second is None:
                return None
            return first.plus(second, 1.0 if isinstance(operation, ast.Mult) else -1.0)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            first, power = _log_form(left, known), linear_form(right, known)
            if first is None or power is None or power.number is None:
                return None
            return Form({}, 0.0).plus(first, power.number)
        case ast.Call(func=ast.Name(id="sqrt"), args=[part]):
            inner = _log_form(part, known)
            return None if inner is None else Form({}, 0.0).plus(inner, 0.5)
    form = linear_form(node, known)
    number = None if form is None else form.number
    return Form({}, math.log(number)) if number is not None and number > 0 else None
