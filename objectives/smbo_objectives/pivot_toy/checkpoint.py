"""Checkpoint of a training as a file; a resumed training equals an uninterrupted one, bit for bit."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smbo_objectives.pivot_toy.networks import Parameters

_FILE = "training.npz"
_N_ARRAYS = 6  # weights and biases of three layers


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """State that a training resumes from, beside its settings, its schedule and its seed.

    Attributes:
        pretrained, f, r: classifier before the turns, present classifier and adversary.
        random_state: state of the generator that orders the batches; plain JSON values.
        rows_left: remaining rows of the current epoch.
        history: rows (iteration, L_f, L_r, ks), shape (n, 4).
    """

    pretrained: Parameters
    f: Parameters
    r: Parameters
    random_state: dict[str, Any]
    rows_left: NDArray[np.int64]
    history: NDArray[np.float64]


def save(checkpoint: Checkpoint, folder: Path) -> None:
    """Write a checkpoint into a folder, atomically."""
    arrays: dict[str, Any] = {
        f"{name}{index}": parameter.cpu().numpy()
        for name in ("pretrained", "f", "r")
        for index, parameter in enumerate(getattr(checkpoint, name))
    }
    state = np.array(json.dumps(checkpoint.random_state))
    part = folder / f".{_FILE}.part"
    with open(part, "wb") as file:
        np.savez(
            file, random_state=state, rows_left=checkpoint.rows_left, history=checkpoint.history, **arrays
        )
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder / _FILE)


def load(folder: Path | None, device: str) -> Checkpoint | None:
    """Return the checkpoint in a folder, None if there is none."""
    import torch

    if folder is None or not (folder / _FILE).exists():
        return None
    with np.load(folder / _FILE, allow_pickle=False) as data:

        def parameters(name: str) -> Parameters:
            return [torch.from_numpy(data[f"{name}{index}"]).to(device) for index in range(_N_ARRAYS)]

        return Checkpoint(
            pretrained=parameters("pretrained"),
            f=parameters("f"),
            r=parameters("r"),
            random_state=json.loads(str(data["random_state"])),
            rows_left=data["rows_left"],
            history=data["history"],
        )
