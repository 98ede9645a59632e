"""Summary of a study, as values and as text: what `status`, `show` and the end of `run` have in common."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from smbo.analysis.pareto import ParetoSet, best_of
from smbo.cli.job.level_set import contour_lines
from smbo.cli.job.observed import context_of_options
from smbo.cli.job.quantities import duration_text
from smbo.errors import SmboError
from smbo.fidelity import early_stopping_to_json
from smbo.problem import Problem
from smbo.proposal.recommend import what_is_missing
from smbo.report.visible_text import visible_line
from smbo.report.wording import percent
from smbo.store.budget import exhausted
from smbo.study import Study
from smbo.trial import Recommendation, Trial, TrialState

_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")

# parts of a traceback; those of an ExceptionGroup stand behind "|"
_TRACEBACK = re.compile(r"\s*(?:\+ Exception Group )?Traceback \(most recent call last\)")
_FRAME = re.compile(r'^[\s|]*File "[^"\n]*", line \d+', re.MULTILINE)
_EXCEPTION = re.compile(r"^(?:[ |]*\| )?([A-Za-z_][\w.]*(?:: .*)?)$", re.MULTILINE)
_LONGEST_CHANGE = 1000  # of a space, in words
_MOST_CAUSES = 3  # of failures in a summary; `smbo show` has them all


@dataclass(frozen=True)
class StudySummary:
    """State of a study, its best trial and its recommendation.

    Attributes:
        counts: number of trials by state, for the states that occur.
        best: the trial with the best told value.
        recommendation: the best point by the posterior mean.
        end_reason: which limit of the budget is reached, or which rule terminated the study, in words; None
            before.
        too_many_failures: whether that limit is the one on failures.
        is_stopped: whether `smbo stop` asked for an end.
        n_open: trials that run, wait to be run again, or may be promoted to a higher fidelity.
    """

    counts: dict[str, int]
    best: Trial | None
    recommendation: Recommendation | None
    end_reason: str | None
    too_many_failures: bool
    is_stopped: bool
    n_open: int

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left to do: the budget is used up and nothing is open."""
        return self.end_reason is not None and self.n_open == 0

    @property
    def nothing_succeeded(self) -> bool:
        """Whether trials failed and none is complete."""
        return self.counts.get("failed", 0) > 0 and self.counts.get("complete", 0) == 0

    @property
    def state(self) -> str:
        """The state of the study, in a word or two."""
        if self.is_finished:
            return "given up" if self.too_many_failures else "finished"
        return "stopped" if self.is_stopped else "unfinished"


def summarize(study: Study, *, recommend: bool = True) -> StudySummary:
    """Return the summary of a study; ``recommend=False`` saves fitting the surrogate."""
    trials = study.trials
    budget, spent = study.budget, study.spent
    failures_left = budget.failures is None or spent.failures < budget.failures
    exhausted_limit = exhausted(budget, spent)
    return StudySummary(
        counts=dict(Counter(str(trial.state) for trial in trials)),
        best=None if study.problem.context else study.best,
        recommendation=recommendation_of(study) if recommend else None,
        end_reason=study.termination() or exhausted_limit,
        too_many_failures=exhausted_limit is not None and not failures_left,
        is_stopped=study.is_stopped,
        n_open=sum(trial.state in (TrialState.RUNNING, TrialState.WAITING) for trial in trials)
        + _may_be_promoted(study),
    )


def _may_be_promoted(study: Study) -> bool:
    """Return whether a trial may be promoted to a higher fidelity, and the budget has room for it."""
    budget = study.budget
    is_closing = exhausted(budget, study.spent) is not None
    if exhausted(replace(budget, trials=None), study.spent) is not None:
        return False
    return study._driver.next_promotion(is_closing=is_closing) is not None


def summary_lines(study: Study, summary: StudySummary) -> list[str]:
    """Return what the end of a run says of its study."""
    counts = ", ".join(f"{n} {state}" for state, n in sorted(summary.counts.items())) or "nothing evaluated"
    cost = total_cost(study)
    costing = "" if cost is None else f", at a cost of {cost:g}"
    lines = [f"{study.name}: {counts}; {duration_text(study.spent.seconds)} in all{costing}"]
    if (found := summary.recommendation) is not None:
        if study.problem.context:
            lines.append(context_text(study.problem, found))
        name = "" if found.means else f"{line_text(study.problem.value_name, 40)} "
        lines.append(f"recommended ({found.place}): {name}{recommended_text(found)}{feasible_text(found)}")
    elif (missing := missing_text(study)) is not None:
        lines.append(f"nothing to recommend yet: {missing}")
    if (pareto := pareto_of(study)) is not None:
        lines.append(f"Pareto set: {pareto_text(pareto)}")
    lines += contour_lines(study)
    if (feasible := feasibility_line(study)) is not None:
        lines.append(feasible)
    if summary.end_reason is not None:
        lines.append(f"ended because {summary.end_reason}")
    return [*lines, *failures_summary(study.trials)]


def space_lines(study: Study) -> list[str]:
    """Return the changes of a study's space, one a line; none where it has not changed."""
    found = []
    for each in study.space_changes:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(each.when))
        said = line_text("; ".join(each.said), _LONGEST_CHANGE)
        found.append(f"changed before trial {each.first_number} ({when}): {said}")
    return found


def rungs_text(study: Study) -> str | None:
    """Return how many trials have reached which fidelity, on one line; None without a fidelity."""
    fidelity, stopping = study.problem.fidelity, study.problem.early_stopping
    if fidelity is None:
        return None
    reached: Counter[float] = Counter()
    for trial in study.trials:
        reached.update(rung.fidelity for rung in trial.rungs)
        if trial.state is TrialState.COMPLETE:
            reached[trial.fidelity or fidelity.high] += 1
    counts = ", ".join(f"{n} at {level:g}" for level, n in sorted(reached.items()))
    of = f"{line_text(fidelity.name, 40)} {fidelity.low:g} to {fidelity.high:g}"
    word = next(iter(early_stopping_to_json(stopping)))  # type: ignore[arg-type]  # a problem has made it one
    return f"{of} ({word}); {counts or 'none yet'}"


def recommended_text(found: Recommendation) -> str:
    """Return posterior mean and standard deviation at a recommended point, of each objective."""
    if not found.means:
        return f"{found.mean:.6g}{_spread(found.std)}"
    return ", ".join(
        f"{line_text(name, 40)} {mean:.6g}{_spread(found.stds[name])}" for name, mean in found.means.items()
    )


def feasible_text(found: Recommendation) -> str:
    """Return the probability that a recommended point meets the outcome constraints; "" without any."""
    if found.p_feasible is None:
        return ""
    if found.p_feasible == 1.0:  # each was measured there, without noise
        return ", feasible as measured"
    return f", feasible with a probability of {percent(found.p_feasible)}"


def n_feasible(trials: Sequence[Trial]) -> tuple[int, int]:
    """Return how many complete trials are feasible, and how many are complete."""
    complete = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    return sum(trial.feasible is not False for trial in complete), len(complete)


def feasibility_line(study: Study) -> str | None:
    """Return how many evaluations met the outcome constraints; None without any, or before the first."""
    feasible, complete = n_feasible(study.trials)
    if not study.problem.constraints or complete == 0:
        return None
    limits = " and ".join(line_text(text, 80) for text in study.problem.constraints)
    first = "" if feasible else "; until one does, the search goes for feasibility first"
    return f"{feasible} of {complete} complete trials meet {limits}{first}"


def _spread(std: float) -> str:
    return "" if std != std else f" ± {std:.2g}"


def pareto_of(study: Study) -> ParetoSet | None:
    """Return the Pareto set; None with one objective, or while nothing is complete."""
    try:
        return study.pareto() if study.problem.multi_objective is not None else None
    except SmboError:  # nothing complete and feasible yet, or a recipe that is code
        return None


def pareto_text(found: ParetoSet) -> str:
    """Return how large a Pareto set is, on one line."""
    corner = ", ".join(f"{line_text(name, 40)} {value:.4g}" for name, value in found.reference.items())
    return (
        f"{len(found.observed)} trials by the observed values, {len(found.predicted)} by the posterior; "
        f"hypervolume {found.hypervolume:.6g} from {corner}"
    )


def total_cost(study: Study) -> float | None:
    """Return the cost of all evaluations, at all fidelities together; None where none told its cost."""
    if study.spent.cost > 0.0:
        return study.spent.cost  # added up where the budget limits it, of all attempts
    costs = [rung.cost for trial in study.trials for rung in trial.rungs]
    costs += [trial.cost for trial in study.trials if trial.state is not TrialState.PAUSED]
    known = [cost for cost in costs if cost is not None]
    return sum(known) if known else None


def preference_text(study: Study) -> str:
    """Return which point of a Pareto set is recommended: the knee, or the nearest by the weights."""
    if not study.problem.weights:
        return "the knee"
    weights = ", ".join(f"{line_text(name, 40)} {weight:g}" for name, weight in study.problem.weights.items())
    return f"nearest by the weights {weights}"


def recommendation_of(study: Study, context: Mapping[str, Any] | None = None) -> Recommendation | None:
    """Return the study's recommendation, None while nothing can be recommended.

    Args:
        context: of contextual variables; None for the last observed.
    """
    try:
        return study.recommend(context_of_options(study, ()) if context is None else context)
    except SmboError:  # nothing complete and feasible yet, or a recipe that is code
        return None


def context_text(problem: Problem, found: Recommendation, how: str = "as last observed") -> str:
    """Return for which context a point is recommended, in words."""
    said = ", ".join(f"{line_text(name, 40)} {value_text(found.params[name])}" for name in problem.context)
    return f"what is best depends on the context, here {said} ({how})"


def missing_text(study: Study) -> str | None:
    """Return why no trial is the best one yet, on one line; None where one is, and before the first trial."""
    if study.problem.level_set is not None or best_of(study.problem, study.trials) or not study.trials:
        return None
    return line_text(what_is_missing(study.problem, study.trials))


def failure_text(trial: Trial) -> str:
    """Return why a trial failed, on one line: its reason and what its error says."""
    said = _said(trial.error or "")
    reason = line_text(trial.reason or "failed")
    return f"{reason}: {line_text(said)}" if said and said != reason else reason


def _said(error: str) -> str:
    """Return the exception of a traceback, without further lines and notes; of other texts the last line."""
    if _TRACEBACK.match(error):
        frames = list(_FRAME.finditer(error))
        found = _EXCEPTION.search(error, frames[-1].end()) if frames else None
        if found is not None:
            return found[1]
    lines = [line.strip() for line in error.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def failures_summary(trials: Sequence[Trial]) -> list[str]:
    """Return the commonest causes of failure, one line each with how often and where."""
    failed = [trial for trial in trials if trial.state is TrialState.FAILED]
    # "aborted at x=0.41" and "aborted at x=0.66" are one cause; the reasons "exit 3" and "exit 4" are two
    kinds = {trial.number: (trial.reason, _NUMBER.sub("#", failure_text(trial))) for trial in failed}
    causes = Counter(kinds.values())
    lines = []
    for kind, count in causes.most_common(_MOST_CAUSES):
        last = max((trial for trial in failed if kinds[trial.number] == kind), key=lambda trial: trial.number)
        lines.append(f"{count} failed with {failure_text(last)} (trial {last.number}, for one)")
    if len(causes) > _MOST_CAUSES:
        n_left = len(causes) - _MOST_CAUSES
        lines.append(f"… and {n_left} other cause{'s' if n_left > 1 else ''}")
    return lines


def line_text(text: str, longest: int = 200) -> str:
    """Return text that somebody else wrote on one line, control and format characters as escapes."""
    text = text if len(text) <= longest else text[: longest - 1] + "…"
    return visible_line(text)


def value_text(value: object) -> str:
    """Return a value for a table: floats in six digits, text without control characters."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.6g}"
    return line_text(str(value), 60)
