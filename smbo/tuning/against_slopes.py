"""The slopes that a tune's errors rest on, beside those of the simulator itself.

An error is as large as the slopes are small.  The model's come from runs all over the ranges; events that are
weighed as if they were of a point near by tell the simulator's own at the tune, with their own noise only.
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

FEWEST_RUNS = 2  # whose scatter is the error


@dataclass(frozen=True)
class SlopeCheck:
    """The simulator's change from the tune to a point near by, in units of the model's.

    Attributes:
        name: of the parameter that the point changes.
        ratio: Σ metric (model's change) (simulator's change) / Σ metric (model's change)², the bins weighed
            as in the tune; its error is the standard error over the runs.  NaN where it is refused.
        reason: why there is none.
    """

    name: str
    ratio: float
    error: float
    reason: str | None = None


def against_slopes(
    space: Space,
    tune: Tune,
    near: Mapping[str, Mapping[str, Any]],
    runs: Mapping[str, Sequence[Array | None]],
    reasons: Mapping[str, str],
) -> list[SlopeCheck]:
    """Return how the simulator's changes compare with the model's, parameter by parameter.

    Args:
        space: of the study.
        near: a point near the tune by the parameter that it changes.
        runs: changes of all bins (k,) by independent runs, for each of these points; None where refused.
        reasons: why, by parameter.

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
        found.append(_compared(name, metric, there[0] - here[0], runs[name]))
    return found


def _compared(name: str, metric: Array, model: Array, runs: Sequence[Array | None]) -> SlopeCheck:
    changes = np.array([run for run in runs if run is not None])
    if len(changes) < FEWEST_RUNS or changes.shape[1:] != model.shape:
        raise ProblemError(
            f"slopes of {name}: {len(changes)} runs of {changes.shape[1:]} bins; {FEWEST_RUNS} or more of "
            f"{model.shape} are needed"
        )
    ratios = changes @ (metric * model) / max(float(metric @ model**2), 1e-300)
    return SlopeCheck(name, float(ratios.mean()), float(ratios.std(ddof=1) / np.sqrt(len(ratios))))
