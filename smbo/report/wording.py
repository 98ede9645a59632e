"""Numbers and comparisons as text: rounded values, errors, and the headline of a report."""

from __future__ import annotations

import math
from typing import Any

from smbo.analysis.summary import Comparison, Measured
from smbo.problem import Problem


def number(value: Any, digits: int = 4) -> str:
    """Return a value as text, a float to ``digits`` significant digits; a dash for None and NaN."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


def plus_minus(value: float, error: float) -> str:
    """Return "value ± error", both rounded to the error's second significant digit."""
    if not math.isfinite(error) or error <= 0 or not math.isfinite(value):
        return number(value)
    decimals = 1 - math.floor(math.log10(error))
    if decimals > 8 or decimals < -4:
        return f"{value:.4g} ± {error:.2g}"
    places = max(0, decimals)
    return f"{round(value, decimals):.{places}f} ± {round(error, decimals):.{places}f}"


def interval(low: Any, high: Any) -> str:
    """Return "low – high", floats rounded to the second significant digit of their difference."""
    floats = isinstance(low, float) and isinstance(high, float) and math.isfinite(low) and math.isfinite(high)
    if not floats or not high > low:
        return f"{number(low, 3)} – {number(high, 3)}"
    decimals = 1 - math.floor(math.log10(high - low))
    if not 0 <= decimals <= 6:
        return f"{low:.3g} – {high:.3g}"
    return f"{low:.{decimals}f} – {high:.{decimals}f}"


def percent(probability: float) -> str:
    """Return a probability in percent, within 0.1 % and 99.9 %: an estimate is never certain."""
    return f"{100.0 * min(max(probability, 0.001), 0.999):.3g} %"


def measurement(result: Measured) -> str:
    return plus_minus(result.mean, result.sem)


def noise_remark(problem: Problem) -> str:
    """Return how a value by the model differs from single and fresh evaluations, beside which it stands."""
    if problem.loss is not None:
        return "of outputs without noise; noise adds to the loss of every evaluation, fresh ones too"
    return "without the noise of an evaluation"


def times(n: int, thing: str) -> str:
    """Return "1 thing" or "n things"."""
    return f"{n} {thing}" if n == 1 else f"{n} {thing}s"


def headline(comparison: Comparison | None) -> str:
    """Return one sentence that says which point is better."""
    if comparison is None:
        return "The recommended point was not re-evaluated."
    if comparison.baseline is None:
        ours = measurement(comparison.recommended)
        return f"Re-evaluated with fresh seeds, the recommended point gives {ours}."
    name = comparison.baseline_name or "baseline"
    if comparison.winner is None and not math.isfinite(comparison.standard_errors):
        ours, theirs = measurement(comparison.recommended), measurement(comparison.baseline)
        return f"Re-evaluated, the recommended point gives {ours} and “{name}” {theirs}."
    if comparison.winner is None:
        return f"No significant difference between the recommended point and “{name}”."
    if comparison.winner == "baseline":
        return f"“{name}” is better than the recommended point."
    return f"The recommended point is better than “{name}”."


def explanation(comparison: Comparison | None) -> str:
    """Return a sentence with the numbers behind the headline."""
    if comparison is None:
        return "Its value below is the model's prediction, from the evaluations of the study alone."
    name, ours = comparison.baseline_name, _with_count("recommended", comparison.recommended)
    if comparison.baseline is None:
        return f"Fresh evaluations: {ours}{f'; the {name} gave no value to compare with' if name else ''}."
    theirs = _with_count(str(name), comparison.baseline)
    return f"Fresh evaluations: {ours}, {theirs}. {_significance(comparison)}"


def _with_count(name: str, result: Measured) -> str:
    return f"{name} {measurement(result)} ({times(result.n, 'evaluation')})"


def _significance(comparison: Comparison) -> str:
    if comparison.winner is None and not math.isfinite(comparison.standard_errors):
        return "No standard errors are known, so the significance of the difference cannot be judged."
    if not math.isfinite(comparison.standard_errors):
        return "The evaluations have no noise, so any difference counts."
    direction = "better" if comparison.gain > 0 else "worse"
    return (
        f"The recommended point is {number(abs(comparison.gain), 3)} {direction}, which is "
        f"{abs(comparison.standard_errors):.1f} standard errors of the difference; "
        f"it is significant from {comparison.threshold:.1f} on (95 % confidence, Student's t)."
    )
