"""Compare the slopes of a tune's model with those of new, reweighted events (``smbo tune --slopes``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from smbo.errors import ProblemError
from smbo.problem import Context, Objective, Reweightable
from smbo.proposal.suggest import trial_seed
from smbo.space import Space
from smbo.tuning import SlopeCheck, Tune, check_slopes

_N_RUNS = 8  # their scatter is the error of a slope, itself known to a quarter
_FIRST_TRIAL = 2**30  # number whose seed comes first: beyond the trials of any study


def slopes_beside(
    objective: Objective | None, space: Space, tune: Tune, study_seed: int, events: int
) -> list[SlopeCheck]:
    """Generate so many events at a tune and compare their slopes with those of the tune's model.

    Raises:
        ProblemError: the objective cannot reweight events, or for no parameter of the tune.
    """
    if not isinstance(objective, Reweightable):
        raise ProblemError("--slopes: this study's objective does not reweight its events")
    near = {name: point for name, point in objective.near(tune.params).items() if name in tune.names}
    if not near:
        raise ProblemError(f"--slopes: none of {', '.join(tune.names)} can be reweighted")
    runs: dict[str, list[Any]] = {name: [] for name in near}
    reasons: dict[str, str] = {}
    points: list[Mapping[str, Any]] = list(near.values())
    for number in range(_N_RUNS):
        context = Context(seed=trial_seed(study_seed, _FIRST_TRIAL + number), fidelity=_share(events, number))
        for name, change in zip(near, objective.neighbours(tune.params, points, context), strict=True):
            runs[name].append(change.changes)
            if change.reason is not None:
                reasons.setdefault(name, change.reason)
    return check_slopes(space, tune, near, runs, reasons)


def _share(events: int, number: int) -> int:
    """Return how many of the events the number-th run has."""
    return int(np.diff(np.linspace(0, events, _N_RUNS + 1).astype(int))[number])
