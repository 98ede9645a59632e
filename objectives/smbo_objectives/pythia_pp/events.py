"""Minimum-bias events from Pythia 8: the charged final particles within |η| < 2.5, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smbo.problem import EvaluationFailed, ObjectiveError
from smbo_objectives.pythia_ee.generator import pythia_seed
from smbo_objectives.pythia_pp.spaces import SETTINGS

__all__ = ["HIGHEST_ETA", "Events", "events_of"]

HIGHEST_ETA = 2.5
_BATCH_SIZE = 1_000
_MAX_FAILED_FRACTION = 0.01
PROCESS = (
    "Print:quiet = on",
    "Beams:idA = 2212",
    "Beams:idB = 2212",
    "SoftQCD:inelastic = on",
    # a primary particle lives longer than 0.3e-10 s: shorter-lived ones decay, mm/c
    "ParticleDecays:limitTau0 = on",
    "ParticleDecays:tau0Max = 10",
    "Random:setSeed = on",
)
_CHARGED = (11, 13, 211, 321, 2212, 3112, 3222, 3312, 3334)
_STRANGE_BARYONS = (3112, 3222, 3312, 3334)
_LARGEST_ID = 10_000


@dataclass(frozen=True, eq=False)
class Events:
    """A batch of n events: each charged particle's event number, GeV and η, shapes (m,).

    ``is_strange_baryon`` is true of those that live less than 300 ps.
    """

    n_events: int
    event: NDArray[np.int64]
    pt: NDArray[np.float64]
    eta: NDArray[np.float64]
    is_strange_baryon: NDArray[np.bool_]


def events_of(params: Mapping[str, Any], energy_gev: float, seed: int, n_events: int) -> Iterator[Events]:
    """Yield n_events good events of a point at one energy, in batches.

    Raises:
        ObjectiveError: Pythia is not installed, or a parameter is unknown.
        EvaluationFailed: Pythia refuses a value, does not start, or fails on too many events.
    """
    pythia = _configured(params, energy_gev, seed)
    if not pythia.init():
        raise EvaluationFailed(f"init: Pythia does not start with {dict(params)} at {energy_gev:g} GeV")
    n_good, n_failed = 0, 0
    allowed = max(10, int(_MAX_FAILED_FRACTION * n_events))
    while n_good < n_events:
        asked = min(_BATCH_SIZE, n_events - n_good)
        batch = _taken(pythia.nextBatch(asked))
        n_failed += asked - batch.n_events
        if n_failed > allowed:
            raise EvaluationFailed(f"events: {n_failed} of {n_good + asked} failed, more than {allowed}")
        n_good += batch.n_events
        yield batch


def _configured(params: Mapping[str, Any], energy_gev: float, seed: int) -> Any:
    try:
        import pythia8mc
    except ImportError as error:
        raise ObjectiveError(f"pythia-pp: {error}; install smbo[hep]") from error
    pythia = pythia8mc.Pythia("", False)
    for line in (*PROCESS, f"Beams:eCM = {energy_gev!r}", f"Random:seed = {pythia_seed(seed)}"):
        if not pythia.readString(line):
            raise ObjectiveError(f"pythia-pp: this version of Pythia does not take {line!r}")
    for name, value in params.items():
        if name not in SETTINGS:
            raise ObjectiveError(f"pythia-pp: no parameter {name!r}; there are {', '.join(SETTINGS)}")
        # readString returns False and keeps the old value: the result would be that of another point
        if not pythia.readString(f"{SETTINGS[name]} = {value!r}"):
            raise EvaluationFailed(f"setting: Pythia refuses {SETTINGS[name]} = {value}")
    return pythia


def _taken(batch: Any) -> Events:
    if len(batch) == 0:
        none = np.zeros(0)
        return Events(0, np.zeros(0, dtype=np.int64), none, none, np.zeros(0, dtype=bool))
    particles = batch["prt"].layout
    offsets = np.asarray(particles.offsets)
    record = particles.content
    rows = slice(0, offsets[-1])
    species = np.minimum(np.abs(np.asarray(record.content("id").data)[rows].astype(np.int64)), _LARGEST_ID)
    momentum = record.content("p")
    px, py, pz = (np.asarray(momentum.content(key).data)[rows] for key in ("px", "py", "pz"))
    pt = np.hypot(px, py)
    final = (np.asarray(record.content("status").data)[rows] > 0) & np.isin(species, _CHARGED) & (pt > 0.0)
    event = np.repeat(np.arange(len(batch)), np.diff(offsets))[final]
    eta = np.arcsinh(pz[final] / pt[final])
    inside = np.abs(eta) < HIGHEST_ETA
    return Events(
        len(batch),
        event[inside],
        pt[final][inside],
        eta[inside],
        np.isin(species[final][inside], _STRANGE_BARYONS),
    )
