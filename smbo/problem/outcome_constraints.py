"""Slacks of the outcome constraints: the distances from violation that surrogates model.

"n_background >= 100" holds where its slack, n_background - 100, is not negative.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from smbo.space.expressions import Expression
from smbo.training_data import OutcomeConstraintValues

# Slacks are clipped to this, so that their squares stay within the range of a float.
_MAX_SLACK = 1e75
# Step of the central differences of a slack, in a metric's standard errors.
_STEP = 1e-3


def sem_name(metric: str) -> str:
    """Return the name under which a metric's standard error is kept among the metrics."""
    return metric + "_sem"


@dataclass(frozen=True)
class ConstraintSlacks:
    """The outcome constraints as slacks, each a formula that is not negative where it holds.

    Attributes:
        formulas: of all constraints that are comparisons of numbers, in order.
        is_whole: whether these represent all constraints; "a == b", "not …" and "… or …" have no slack.
    """

    formulas: tuple[Expression, ...]
    is_whole: bool

    @classmethod
    def of(cls, constraints: Iterable[Expression]) -> ConstraintSlacks:
        """Return the slacks of constraints; a chained comparison has several, as has "… and …"."""
        formulas: list[Expression] = []
        is_whole = True
        for constraint in constraints:
            found = _formulas(constraint, constraint.tree)
            is_whole &= found is not None
            formulas += [Expression.parse(text) for text in found or ()]
        return cls(tuple(formulas), is_whole)

    def of_metrics(
        self, metrics: Sequence[Mapping[str, float]], feasible: Iterable[bool]
    ) -> OutcomeConstraintValues:
        """Return the slacks of n evaluations.

        Args:
            metrics: of each, among them "<name>_sem", the standard error of metric "<name>", where known.
            feasible: whether each meets all constraints.
        """
        shape = (len(metrics), len(self.formulas))
        values, variances = np.full(shape, np.nan), np.full(shape, np.nan)
        for row, known in enumerate(metrics):
            for column, formula in enumerate(self.formulas):
                values[row, column], variances[row, column] = _slack(formula, known)
        told = np.fromiter(feasible, dtype=np.bool_, count=len(metrics))
        # an infeasible evaluation without a negative slack is left to the classifier of feasibility
        with np.errstate(invalid="ignore"):
            is_violated = (values < 0.0).any(axis=1)
        return OutcomeConstraintValues(
            tuple(formula.text for formula in self.formulas), values, variances, told | is_violated
        )


def _formulas(whole: Expression, node: ast.expr) -> list[str] | None:
    """Return formulas that are not negative where a part of a condition holds, None where there are none."""
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
        parts = [_formulas(whole, value) for value in node.values]
        return (
            None if any(part is None for part in parts) else [text for part in parts for text in part or ()]
        )
    if not isinstance(node, ast.Compare):
        return None
    texts, left = [], node.left
    for operation, right in zip(node.ops, node.comparators):
        if isinstance(operation, ast.GtE | ast.Gt):
            high, low = left, right
        elif isinstance(operation, ast.LtE | ast.Lt):
            high, low = right, left
        else:
            return None
        texts.append(f"({whole.written(high)}) - ({whole.written(low)})")
        left = right
    return texts


def _slack(formula: Expression, metrics: Mapping[str, float]) -> tuple[float, float]:
    """Return a slack and the variance of its error; NaN where unknown."""
    slack = _number(formula, metrics) if formula.names <= metrics.keys() else math.nan
    if not math.isfinite(slack):
        return math.nan, math.nan
    slack = min(max(slack, -_MAX_SLACK), _MAX_SLACK)
    variance = math.nan
    for name in sorted(formula.names):
        sem = metrics.get(sem_name(name), math.nan)
        if not (math.isfinite(sem) and sem >= 0.0):
            continue
        step = _STEP * sem if sem > 0.0 else 1.0
        up, down = (_number(formula, {**metrics, name: metrics[name] + sign * step}) for sign in (1.0, -1.0))
        change = (up - down) / (2.0 * step) * sem
        if math.isfinite(change) and abs(change) < _MAX_SLACK:
            variance = change**2 + (0.0 if math.isnan(variance) else variance)
    return slack, variance


def _number(formula: Expression, metrics: Mapping[str, float]) -> float:
    value = formula.evaluate(metrics)
    return float(value) if not isinstance(value, str) else math.nan
