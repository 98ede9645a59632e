"""Known constraints at points from users that lie on a boundary but for the rounding of a sum or product."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from smbo.errors import ExpressionError
from smbo.space.expressions import Expression

_ROUNDING = 1e-12  # 3 * 0.1 <= 0.3 misses by 2e-16 of the largest number that it is computed from


def holds_but_for_rounding(rule: Expression, point: Mapping[str, Any]) -> bool:
    """Return whether a constraint holds where its ``<=`` and ``>=`` may miss by 1e-12 of the largest number.

    >>> holds_but_for_rounding(Expression.parse("3 * a <= b"), {"a": 0.1, "b": 0.3})
    True
    >>> holds_but_for_rounding(Expression.parse("3 * a < b"), {"a": 0.1, "b": 0.3})
    False
    """
    loosened = Expression(rule.text, rule.names, _loosened(rule.tree, point))
    try:
        return bool(loosened.evaluate(point))
    except ExpressionError:  # texts are compared, to which no slack can be added
        return False


def _loosened(node: ast.expr, point: Mapping[str, Any]) -> ast.expr:
    """Return a condition with slack in the comparisons that it demands; those under ``not`` stay."""
    if isinstance(node, ast.BoolOp):
        return ast.BoolOp(node.op, [_loosened(each, point) for each in node.values])
    if not isinstance(node, ast.Compare):
        return node
    sides = [node.left, *node.comparators]
    links = [
        ast.Compare(left, [operator], [_with_slack(left, operator, right, point)])
        for left, operator, right in zip(sides, node.ops, node.comparators, strict=False)
    ]
    return ast.BoolOp(ast.And(), [*links]) if len(links) > 1 else links[0]


def _with_slack(left: ast.expr, operator: ast.cmpop, right: ast.expr, point: Mapping[str, Any]) -> ast.expr:
    """Return the right side of a comparison, moved by the rounding of both sides."""
    if not isinstance(operator, ast.LtE | ast.GtE):
        return right
    slack = _ROUNDING * max(_size(left, point), _size(right, point))
    return ast.BinOp(right, ast.Add(), ast.Constant(slack if isinstance(operator, ast.LtE) else -slack))


def _size(side: ast.expr, point: Mapping[str, Any]) -> float:
    """Return the largest of the numbers that a side is computed from."""
    parts = [point.get(node.id) for node in ast.walk(side) if isinstance(node, ast.Name)]
    parts += [node.value for node in ast.walk(side) if isinstance(node, ast.Constant)]
    return max((abs(each) for each in parts if isinstance(each, int | float)), default=0.0)
