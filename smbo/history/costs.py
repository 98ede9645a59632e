"""What evaluations cost, as training data of a model of the cost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from smbo.problem import Problem
from smbo.training_data import EvaluationCosts
from smbo.trial import Trial, TrialState

_PARTIAL = (TrialState.PRUNED, TrialState.CANCELLED)  # what they cost is not what an evaluation costs


def evaluation_costs(problem: Problem, trials: Sequence[Trial]) -> EvaluationCosts | None:
    """Return the costs of all evaluations of trials, at each fidelity; None where none is known."""
    ladder, spent = problem.multi_fidelity, 0.0
    params, rates, gaps = [], [], []
    for trial in trials:
        ends = [(rung.fidelity, rung.cost) for rung in trial.rungs]
        if trial.state.is_final:
            ends.append((trial.fidelity or 1.0, trial.cost))
        below = 0.0
        for fidelity, cost in ends:
            spent += cost or 0.0
            if cost is not None and fidelity > below and trial.state not in _PARTIAL:
                params.append(trial.params)
                rates.append(cost if ladder is None else cost / ladder.fidelity.cost(below, fidelity))
                gaps.append(0.0 if ladder is None else ladder.fidelity.fidelity_gap(fidelity))
            below = fidelity
    if not params:
        return None
    points = problem.space.to_unit(params)
    return EvaluationCosts(points, np.array(rates), None if ladder is None else np.array(gaps), spent)
