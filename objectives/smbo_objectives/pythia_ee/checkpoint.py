"""Checkpoint of a run as a folder; a run resumed with more events equals one run, bit for bit."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from smbo_objectives.pythia_ee.generator import Generator
from smbo_objectives.pythia_ee.histograms import Histograms

__all__ = ["load", "save"]

_SUMS, _RANDOM = "histograms.npz", "random_state"


def save(folder: Path, histograms: Histograms, generator: Generator) -> None:
    """Write histograms, random-number state and count of failed events, atomically."""
    generator.save(folder / _RANDOM)
    part = folder / f".{_SUMS}.part"
    with open(part, "wb") as file:
        arrays: dict[str, Any] = {"n_failed": np.array(generator.n_failed), **histograms.state()}
        np.savez_compressed(file, **arrays)
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder / _SUMS)  # written last: without this file there is no checkpoint


def load(folder: Path | None, histograms: Histograms, generator: Generator) -> None:
    """Restore the checkpoint in a folder; do nothing if there is none.

    Raises:
        ObjectiveError: the checkpoint has other observables or more events, or cannot be read.
    """
    if folder is None or not (folder / _SUMS).exists():
        return
    with np.load(folder / _SUMS, allow_pickle=False) as kept:
        histograms.restore(kept)
        generator.n_failed = int(kept["n_failed"])
    generator.load(folder / _RANDOM)
