"""Numbers and verdicts in words, for people to read."""

from __future__ import annotations

import math
from typing import Any

from smbo.analysis.summary import Measured, Verdict


def number(value: Any, digits: int = 4) -> str:
    """Return a value in as many significant digits as a reader needs; a dash for nothing known."""
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
    """Return "low – high" in as many digits as it takes to tell the two apart."""
    floats = isinstance(low, float) and isinstance(high, float) and math.isfinite(low) and math.isfinite(high)
    if not floats or not high > low:
        return f"{number(low, 3)} – {number(high, 3)}"
    decimals = 1 - math.floor(math.log10(high - low))
    if not 0 <= decimals <= 6:
        return f"{low:.3g} – {high:.3g}"
    return f"{low:.{decimals}f} – {high:.{decimals}f}"


def percent(probability: float) -> str:
    """Return a probability in percent, never as the certainty that it is not."""
    return f"{100.0 * min(max(probability, 0.001), 0.999):.3g} %"


def measurement(result: Measured) -> str:
    return plus_minus(result.mean, result.sem)


def times(n: int, thing: str) -> str:
    """Return "1 thing" or "n things"."""
    return f"{n} {thing}" if n == 1 else f"{n} {thing}s"


def headline(verdict: Verdict | None) -> str:
    """Return in one plain sentence which point is better."""
    if verdict is None:
        return "The recommended point was not re-evaluated."
    if verdict.baseline is None:
        return (
            f"Re-evaluated with fresh seeds, the recommended point gives {measurement(verdict.recommended)}."
        )
    name = verdict.baseline_name or "baseline"
    if verdict.winner is None and not math.isfinite(verdict.standard_errors):
        ours, theirs = measurement(verdict.recommended), measurement(verdict.baseline)
        return f"Re-evaluated, the recommended point gives {ours} and “{name}” {theirs}."
    if verdict.winner is None:
        return f"No significant difference between the recommended point and “{name}”."
    if verdict.winner == "baseline":
        return f"“{name}” is better than the recommended point."
    return f"The recommended point is better than “{name}”."


def explanation(verdict: Verdict | None) -> str:
    """Return what the headline rests on."""
    if verdict is None:
        return (
            "What is said of it below is the model's belief, drawn from the evaluations of the study alone."
        )
    ours = f"recommended {measurement(verdict.recommended)} ({times(verdict.recommended.n, 'evaluation')})"
    if verdict.baseline is None:
        tail = f"; the {verdict.baseline_name} gave no value to compare with" if verdict.baseline_name else ""
        return f"Fresh evaluations: {ours}{tail}."
    theirs = (
        f"{verdict.baseline_name} {measurement(verdict.baseline)} ({times(verdict.baseline.n, 'evaluation')})"
    )
    return f"Fresh evaluations: {ours}, {theirs}. {_significance(verdict)}"


def _significance(verdict: Verdict) -> str:
    if verdict.winner is None and not math.isfinite(verdict.standard_errors):
        return "No standard errors are known, so whether the difference counts cannot be said."
    if not math.isfinite(verdict.standard_errors):
        return "The evaluations carry no noise, so the difference is what it is."
    direction = "better" if verdict.gain > 0 else "worse"
    return (
        f"The recommended point is {number(abs(verdict.gain), 3)} {direction}, which is "
        f"{abs(verdict.standard_errors):.1f} standard errors of the difference; "
        f"from {verdict.threshold:.1f} on it counts (95 % confidence, Student's t)."
    )
