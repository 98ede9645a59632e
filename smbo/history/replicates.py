"""Merge replicates (evaluations of the same point) into one row of the training data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from smbo.training_data import Replicates, TrainingData

# stands for the variance of an error recorded as zero; the least other one is 1e-150
_LEAST_VARIANCE = 1e-160


def merged(data: TrainingData) -> TrainingData:
    """Return the training data with the replicates of each point merged into the row of the first.

    The row's value is their mean, weighted by one over their variances where errors are known; replicates
    with and without a known error stay apart, and so do feasible and infeasible ones.  A Gaussian
    process that honours ``TrainingData.replicates`` has the same posterior as from the single rows.
    Training data of more than one value a row (outputs, objectives, slacks, fidelities) stays as it is.
    """
    several = (
        data.outputs,
        data.outcome_constraints,
        data.objective_values,
        data.fidelities,
        data.replicates,
    )
    if len(data) < 2 or any(each is not None for each in several):
        return data
    is_unknown = np.isnan(data.variances)
    labels = np.column_stack([data.points, is_unknown, data.feasible]) + 0.0  # no -0.0: other bytes
    keys = np.ascontiguousarray(labels).view(np.dtype((np.void, labels.itemsize * labels.shape[1]))).ravel()
    _, first, rows = np.unique(keys, return_index=True, return_inverse=True)
    if len(first) == len(data):
        return data
    order = np.argsort(first)  # by number, as training data is
    place = np.empty(len(first), dtype=np.intp)
    place[order] = np.arange(len(first))
    rows = place[rows]
    kept = data.rows(first[order])
    weights = np.where(is_unknown, 1.0, 1.0 / np.maximum(data.variances, _LEAST_VARIANCE))
    sums = np.bincount(rows, weights)
    return replace(
        kept,
        values=np.bincount(rows, weights * data.values) / sums,
        variances=np.where(np.isnan(kept.variances), np.nan, 1.0 / sums),
        replicates=Replicates(rows, data.values, data.variances),
    )
