"""Check of a tune's Jacobian against finite differences of the simulator by reweighted events.

The errors of a tune are inversely proportional to the slopes of the bins.  The model's slopes are
estimated from runs all over the ranges; reweighting the events of the tune to a nearby point gives the
simulator's own, with no noise but that of the weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from smbo.errors import ProblemError
from smbo.space import Space
from smbo.training_data import Array
from smbo.tuning.minimum import metric_of
from smbo.tuning.tune import Tune

MIN_RUNS = 2  # needed for the standard error of their mean


@dataclass(frozen=True)
class SlopeCheck:
    """The simulator's change from the tune to a nearby point, in units of the model's.

    Attributes:
        name: of the parameter that the point changes.
        ratio: Σ metric (model's change) (simulator's change) / Σ metric (model's change)², the bins weighted
            as in the tune; its error is the standard error over the runs.  NaN where the
            reweighting was refused.
        reason: why the reweighting was refused, else None.
    """

    name: str
    ratio: float
    error: float
    reason: str | None = None


def check_slopes(
    space: Space,
    tune: Tune,
    near: Mapping[str, Mapping[str, Any]],
    runs: Mapping[str, Sequence[Array | None]],
    reasons: Mapping[str, str],
) -> list[SlopeCheck]:
    """Return the ratio of the simulator's changes to the model's, parameter by parameter.

    Args:
        space: of the study.
        near: {parameter: nearby point that changes it alone}.
        runs: {parameter: changes of all bins (k,) in each independent run, None where refused}.
        reasons: {parameter: why refused}.

    Raises:
        ProblemError: fewer than two runs, or changes of another number of bins than the tune has.
    """
    metric = metric_of(tune.statistic, tune.outputs_std**2)
    here, _ = tune.model.moments(tune.unit[None])
    found = []
    for name, point in near.items():
        if name in reasons:
            found.append(SlopeCheck(name, np.nan, np.nan, reasons[name]))
            continue
        there, _ = tune.model.moments(space.to_unit([point]))
        found.append(_compare(name, metric, there[0] - here[0], runs[name]))
    return found


def _compare(name: str, metric: Array, model: Array, runs: Sequence[Array | None]) -> SlopeCheck:
    changes = np.array([run for run in runs if run is not None])
    if len(changes) < MIN_RUNS or changes.shape[1:] != model.shape:
        raise ProblemError(
            f"slopes of {name}: {len(changes)} runs of {changes.shape[1:]} bins; {MIN_RUNS} or more of "
            f"{model.shape} are needed"
        )
    ratios = changes @ (metric * model) / max(float(metric @ model**2), 1e-300)
    return SlopeCheck(name, float(ratios.mean()), float(ratios.std(ddof=1) / np.sqrt(len(ratios))))
