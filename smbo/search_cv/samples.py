"""Samples of a training set: a fold's indices, and the classes that each sample is of."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def as_indices(fold: Any) -> NDArray[Any]:
    """Return a fold's samples as indices, (n,), whether they are given as such or as a mask."""
    given = np.asarray(fold)
    return np.flatnonzero(given) if given.dtype == bool else given


def classes(y: Any, rows: Any) -> NDArray[np.intp]:
    """Return the class of each of some samples, (n,), counted from 0.

    Args:
        y: labels, (n,), or an indicator matrix or several outputs, (n, k), dense or sparse: of those each
            combination is a class.
        rows: indices of the samples.
    """
    labels = y.tocsr()[rows].toarray() if hasattr(y, "tocsr") else np.asarray(y)[rows]
    _, found = np.unique(labels, axis=0 if labels.ndim > 1 else None, return_inverse=True)
    return found.reshape(-1)


def least_samples(y: Any) -> int:
    """Return how many samples show a classifier two of each class, or of each of several labels."""
    if len(getattr(y, "shape", (0,))) > 1 and y.shape[1] > 1:
        return 2 * (int(y.shape[1]) + 1)
    return 2 * (int(classes(y, slice(None)).max()) + 1)
