"""Predictions of a tune and its eigentunes: the bins with their uncertainty bands, from the model alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from smbo.space import Space
from smbo.training_data import Array
from smbo.tuning.tune import Tune


class Band(NamedTuple):
    """Largest decrease and increase of each bin within the eigentunes of a tune, each (k,), not negative."""

    below: Array
    above: Array


def eigentune_band(space: Space, tune: Tune) -> Band:
    """Return the band of the eigentunes: the larger step of each pair to either side, in quadrature.

    Source: Campbell et al. (2007), "Hard interactions of quarks and gluons: a primer for LHC physics",
        eq. 43 (hep-ph/0611148), for the asymmetric errors of eigenvector sets.
    """
    if not tune.eigentunes:
        return Band(np.zeros_like(tune.outputs), np.zeros_like(tune.outputs))
    points = [point for each in tune.eigentunes for point in (each.plus, each.minus)]
    bins, _ = tune.model.moments(space.to_unit(points))
    steps = (bins - tune.outputs).reshape(len(tune.eigentunes), 2, -1)
    above = np.maximum(steps.max(axis=1), 0.0)
    below = np.maximum((-steps).max(axis=1), 0.0)
    return Band(np.sqrt((below**2).sum(axis=0)), np.sqrt((above**2).sum(axis=0)))


def predicted(space: Space, tune: Tune, params: Mapping[str, Any]) -> tuple[Array, Array]:
    """Return the model's mean of the bins at a point of the space, and its standard deviation, each (k,)."""
    mean, variance = tune.model.moments(space.to_unit([params]))
    return mean[0], np.sqrt(variance[0])
