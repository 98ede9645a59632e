"""Outcome constraints in a report: the probability that the recommended point meets them."""

from __future__ import annotations

from collections.abc import Sequence

from smbo.analysis.summary import RECOMMENDED, Checks
from smbo.problem import Problem
from smbo.report import wording
from smbo.trial import Recommendation, Trial, TrialState


def feasibility_cards(
    problem: Problem, trials: Sequence[Trial], recommendation: Recommendation, checks: Checks | None
) -> list[tuple[str, str, str]]:
    """Return (label, figure, remark) for the row of key figures; none without outcome constraints."""
    if not problem.constraints:
        return []
    complete = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    n = sum(trial.feasible is not False for trial in complete)
    limits = " and ".join(problem.constraints)
    remark = f"probability that {limits}; {n} of {len(complete)} evaluations met it"
    cards = [("Feasible, recommended", _probability(recommendation.p_feasible), remark)]
    if fresh := [problem.outcome(outcome) for _, outcome in (checks or {}).get(RECOMMENDED, ())]:
        met = sum(problem.is_feasible(outcome) for outcome in fresh)
        cards.append(("Feasible, re-evaluated", f"{met} of {len(fresh)}", f"fresh evaluations met {limits}"))
    return cards


def _probability(probability: float | None) -> str:
    if probability is None:
        return "unknown"
    if probability == 1.0:
        return "as measured"
    return wording.percent(probability)
