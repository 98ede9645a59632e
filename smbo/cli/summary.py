"""Where a study stands, as values: what `status`, `show` and the end of `run` have in common."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from smbo.analysis.pareto import ParetoSet
from smbo.errors import SmboError
from smbo.fidelity import early_stopping_to_json
from smbo.report.wording import percent
from smbo.store.budget import exhausted
from smbo.study import Study
from smbo.trial import Recommendation, Trial, TrialState

_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_MOST_CAUSES = 3  # of failures in a summary; `smbo show` has them all


@dataclass(frozen=True)
class Standing:
    """Where a study stands.

    Attributes:
        counts: trials by state, the states that occur.
        best: the trial with the best told value.
        recommendation: by the posterior.
        used_up: which limit of the budget is reached, or why no more is needed, in words; None while there
            is something left.
        too_many_failures: whether that limit is the one on failures.
        is_stopped: somebody asked for an end.
        n_open: trials that run, wait to be run again, or may go on to a higher fidelity.
    """

    counts: dict[str, int]
    best: Trial | None
    recommendation: Recommendation | None
    used_up: str | None
    too_many_failures: bool
    is_stopped: bool
    n_open: int

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left to do: the budget is used up and nothing is open."""
        return self.used_up is not None and self.n_open == 0

    @property
    def nothing_succeeded(self) -> bool:
        """Whether trials failed and none is complete."""
        return self.counts.get("failed", 0) > 0 and self.counts.get("complete", 0) == 0

    @property
    def word(self) -> str:
        """The state of the whole, in a word or two."""
        if self.is_finished:
            return "given up" if self.too_many_failures else "finished"
        return "stopped" if self.is_stopped else "unfinished"


def standing(study: Study, *, recommend: bool = True) -> Standing:
    """Return where a study stands; ``recommend=False`` saves fitting the surrogate."""
    trials = study.trials
    budget, spent = study.budget, study.spent
    failures_left = budget.failures is None or spent.failures < budget.failures
    used_up = exhausted(budget, spent)
    too_many_failures = used_up is not None and not failures_left
    used_up = study.termination() or used_up
    return Standing(
        counts=dict(Counter(str(trial.state) for trial in trials)),
        best=study.best,
        recommendation=recommendation_of(study) if recommend else None,
        used_up=used_up,
        too_many_failures=too_many_failures,
        is_stopped=study.is_stopped,
        n_open=sum(trial.state in (TrialState.RUNNING, TrialState.WAITING) for trial in trials)
        + _may_climb(study),
    )


def _may_climb(study: Study) -> bool:
    """Return whether a trial may go on to a higher fidelity, and there is time left for it."""
    budget = study.budget
    is_closing = exhausted(budget, study.spent) is not None
    if exhausted(replace(budget, trials=None), study.spent) is not None:
        return False
    return study._driver.next_promotion(is_closing=is_closing) is not None


def rungs_text(study: Study) -> str | None:
    """Return how many trials have come to which fidelity, on one line; None where there is none."""
    fidelity, stopping = study.problem.fidelity, study.problem.early_stopping
    if fidelity is None:
        return None
    reached: Counter[float] = Counter()
    for trial in study.trials:
        reached.update(rung.fidelity for rung in trial.rungs)
        if trial.state is TrialState.COMPLETE:
            reached[trial.fidelity or fidelity.high] += 1
    counts = ", ".join(f"{n} at {level:g}" for level, n in sorted(reached.items()))
    way = f"{line_text(fidelity.name, 40)} {fidelity.low:g} to {fidelity.high:g}"
    word = next(iter(early_stopping_to_json(stopping)))  # type: ignore[arg-type]  # a problem has made it one
    return f"{way} ({word}); {counts or 'none yet'}"


def recommended_text(said: Recommendation) -> str:
    """Return what the posterior says of a recommended point: of each objective, where there are several."""
    if not said.means:
        return f"{said.mean:.6g}{_spread(said.std)}"
    return ", ".join(
        f"{line_text(name, 40)} {mean:.6g}{_spread(said.stds[name])}" for name, mean in said.means.items()
    )


def feasible_text(said: Recommendation) -> str:
    """Return how sure it is that a recommended point meets the outcome constraints; "" without any."""
    if said.p_feasible is None:
        return ""
    if said.p_feasible == 1.0:  # each was measured there, without noise
        return ", feasible as measured"
    return f", feasible with a probability of {percent(said.p_feasible)}"


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
    """Return what is known of several objectives; None with one, or while nothing is complete."""
    try:
        return study.pareto() if study.problem.multi_objective is not None else None
    except SmboError:  # nothing complete and feasible yet, or a recipe that is code
        return None


def pareto_text(found: ParetoSet) -> str:
    """Return how large a Pareto set is, on one line."""
    corner = ", ".join(f"{line_text(name, 40)} {value:.4g}" for name, value in found.reference.items())
    return (
        f"{len(found.seen)} trials by the values told, {len(found.believed)} by the posterior; "
        f"hypervolume {found.hypervolume:.6g} from {corner}"
    )


def total_cost(study: Study) -> float | None:
    """Return what all evaluations have cost, at all fidelities together; None where none told it."""
    if study.spent.cost > 0.0:
        return study.spent.cost  # added up where the budget limits it, of all attempts
    told = [rung.cost for trial in study.trials for rung in trial.rungs]
    told += [trial.cost for trial in study.trials if trial.state is not TrialState.PAUSED]
    known = [cost for cost in told if cost is not None]
    return sum(known) if known else None


def preference_text(study: Study) -> str:
    """Return by which rule one point of a Pareto set is recommended."""
    if not study.problem.weights:
        return "the knee"
    weights = ", ".join(f"{line_text(name, 40)} {weight:g}" for name, weight in study.problem.weights.items())
    return f"nearest by the weights {weights}"


def recommendation_of(study: Study) -> Recommendation | None:
    """Return the study's recommendation, None while nothing can be recommended."""
    try:
        return study.recommend()
    except SmboError:  # nothing complete and feasible yet, or a recipe that is code
        return None


def failure_text(trial: Trial) -> str:
    """Return why a trial failed, on one line: the word for it, and what the evaluation said last."""
    said = [line.strip() for line in (trial.error or "").splitlines() if line.strip()]
    reason = trial.reason or "failed"
    return f"{reason}: {line_text(said[-1])}" if said and said[-1] != reason else reason


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


def point_text(params: Any) -> str:
    """Return a point on one line."""
    return ", ".join(f"{name}={value_text(value)}" for name, value in params.items())


def line_text(text: str, longest: int = 200) -> str:
    """Return text that somebody else wrote on one line, without control characters."""
    text = text if len(text) <= longest else text[: longest - 1] + "…"
    return text if text.isprintable() else repr(text)


def value_text(value: object) -> str:
    """Return a value for a table: floats in six digits, text without control characters."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.6g}"
    return line_text(str(value), 60)
