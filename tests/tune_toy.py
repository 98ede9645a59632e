"""A simulator whose truth is known: two spectra of 12 bins; of three parameters one does nothing."""

from __future__ import annotations

import numpy as np

from smbo.history.encode import encode
from smbo.problem import ChiSquare, Problem
from smbo.space import Real, Space
from smbo.space.designs import design_rows
from smbo.training_data import Array, TrainingData
from smbo.trial import Trial, TrialState

SPACE = Space({"slope": Real(0.5, 2.5), "width": Real(0.2, 1.0), "idle": Real(-1.0, 1.0)})
TRUTH = {"slope": 1.4, "width": 0.5, "idle": 0.3}
CENTRES = np.linspace(0.05, 2.25, 12)


def spectra(slope: float, width: float, idle: float = 0.0) -> Array:
    """Return what the simulator would say after infinitely many events, shape (24,)."""
    falling = slope * np.exp(-slope * CENTRES)
    peak = np.exp(-0.5 * ((CENTRES - 1.0) / width) ** 2) / width
    return np.concatenate([falling, peak])


def study_of(
    seed: int, n: int = 40, noise: float = 0.02, error: float = 0.03, theory: float = 0.0
) -> tuple[Problem, TrainingData]:
    """Return a problem with pseudo-data of its own, and noisy evaluations over the whole space."""
    rng = np.random.default_rng(seed)
    true = spectra(**TRUTH)
    errors = np.full(24, error)
    data = true + errors * rng.standard_normal(24)
    loss = ChiSquare.of_observables(
        {"falling": (data[:12], errors[:12]), "peak": (data[12:], errors[12:])}, theory=theory
    )
    problem = Problem(SPACE, loss=loss)
    points = SPACE.from_unit(SPACE.snap(design_rows("sobol", 3, seed, 0, n)))
    trials = []
    for number, point in enumerate(points):
        outputs = spectra(**point) + noise * rng.standard_normal(24)
        trials.append(
            Trial(
                number,
                point,
                number,
                TrialState.COMPLETE,
                value=0.0,
                feasible=True,
                outputs=outputs,
                outputs_variance=np.full(24, noise**2),
            )
        )
    return problem, encode(problem, trials)
