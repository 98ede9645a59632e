"""Events from Pythia 8, in batches of flat arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smbo.problem import EvaluationFailed, ObjectiveError
from smbo_objectives.pythia_ee.sample import Sample
from smbo_objectives.pythia_ee.spaces import PARAMETERS

__all__ = ["PROCESS", "Generator", "pythia_seed"]

PROCESS = (
    "Print:quiet = on",
    "Beams:idA = 11",
    "Beams:idB = -11",
    "Beams:eCM = 91.2",
    "PDF:lepton = off",
    "WeakSingleBoson:ffbar2gmZ = on",
    "23:onMode = off",
    "23:onIfAny = 1 2 3 4 5",
    "Random:setSeed = on",
)

# With variations, z is proposed so many times more often than needed.  At 1, Pythia's default, no proposal is
# rejected where the distribution is largest, so that rejections by another setting there have no weight: the
# change by a lower aLund was six times too small.
HEADROOM = 2.0

_LARGEST_SEED = 900_000_000  # Pythia's own limit; 0 would mean the clock


def pythia_seed(seed: int) -> int:
    """Return a seed that Pythia takes, 1 … 900,000,000."""
    return 1 + seed % _LARGEST_SEED


class Generator:
    """One initialised run of Pythia.

    Args:
        params: values by parameter name (the keys of PARAMETERS).
        seed: seed of the run, any integer.
        max_failed_fraction: share of failed events above which the run counts as failed.
        variations: fragmentation settings, in the form of ``VariationFrag:List``, for which samples have
            weights.  Those of z (aLund, bLund, rFactC, rFactB) use random numbers of their own: the
            events differ from those of the same seed without variations.

    Raises:
        ObjectiveError: Pythia is not installed, or does not know a parameter.
        EvaluationFailed: Pythia refuses a value, or its initialisation fails.
    """

    def __init__(
        self,
        params: Mapping[str, Any],
        seed: int,
        max_failed_fraction: float = 0.01,
        variations: Sequence[str] = (),
    ) -> None:
        self._pythia = _configured(params, seed)
        self._groups = [f"smbo{number}" for number in range(len(variations))]
        if variations:
            listed = ",".join(f"{name} {what}" for name, what in zip(self._groups, variations))
            for line in (f"VariationFrag:List = {{{listed}}}", f"VariationFrag:zHead = {HEADROOM}"):
                if not self._pythia.readString(line):
                    raise ObjectiveError(f"pythia-ee: this version of Pythia does not take {line!r}")
        self._max_failed_fraction = max_failed_fraction
        self.n_failed = 0
        if not self._pythia.init():
            raise EvaluationFailed(f"init: Pythia does not start with {dict(params)}")

    def save(self, path: Path) -> None:
        """Write the random-number state; ``load`` it in a new run of this point to continue.

        Raises:
            ObjectiveError: the file cannot be written.
        """
        if not self._pythia.rndm.dumpState(str(path)):
            raise ObjectiveError(
                f"pythia-ee: the state of Pythia's random numbers cannot be written to {path}"
            )

    def load(self, path: Path) -> None:
        """Restore the random-number state that ``save`` wrote.

        Raises:
            ObjectiveError: the file cannot be read.
        """
        if not self._pythia.rndm.readState(str(path)):
            raise ObjectiveError(f"pythia-ee: {path} does not hold the state of Pythia's random numbers")

    def batches(self, n_events: int, batch_size: int) -> Iterator[Sample]:
        """Yield n_events good events; the events do not depend on the batch size.

        Raises:
            EvaluationFailed: more than the allowed fraction of events failed.
        """
        n_good = 0
        # a few are always allowed: one failure among the first events is not significant
        allowed = max(10, int(self._max_failed_fraction * n_events))
        while n_good < n_events:
            asked = min(batch_size, n_events - n_good)
            sample = self._batch(asked)
            self.n_failed += asked - sample.n_events
            if self.n_failed > allowed:
                raise EvaluationFailed(
                    f"events: {self.n_failed} of {n_good + asked} failed, more than the {allowed} allowed"
                )
            n_good += sample.n_events
            if sample.n_events:
                yield sample

    def _batch(self, n_events: int) -> Sample:
        events = self._pythia.nextBatch(n_events)
        if len(events) == 0:
            return _no_events()
        particles = events["prt"].layout
        offsets = np.asarray(particles.offsets)
        record = particles.content

        def integers(name: str) -> Any:
            return np.asarray(record.content(name).data)[: offsets[-1]].astype(np.int64)

        momentum = record.content("p")
        four = [np.asarray(momentum.content(key).data)[: offsets[-1]] for key in ("px", "py", "pz", "e")]
        event = np.repeat(np.arange(len(events)), np.diff(offsets))
        start = offsets[:-1][event]
        first, last = integers("daughter1"), integers("daughter2")
        return Sample(
            n_events=len(events),
            event=event,
            pdg_id=integers("id"),
            status=integers("status"),
            # Pythia numbers rows within the event and writes 0 for none
            first_daughter=np.where(first > 0, start + first, -1),
            last_daughter=np.where(last > 0, start + last, -1),
            momentum=np.stack(four[:3], axis=1),
            energy=four[3],
            weights=self._weights(events) if self._groups else None,
        )

    def _weights(self, events: Any) -> NDArray[np.float64]:
        """Return the weights of a batch's events at each variation, in order, (n, g)."""
        names = list(self._pythia.infoPython().weightNameVector())
        columns = [names.index(name) for name in self._groups]
        return np.asarray(events["info"]["weights"], dtype=np.float64)[:, columns]


def _configured(params: Mapping[str, Any], seed: int) -> Any:
    try:
        import pythia8mc
    except ImportError as error:
        raise ObjectiveError(f"pythia-ee: {error}; install smbo[hep]") from error
    pythia = pythia8mc.Pythia("", False)
    for line in (*PROCESS, f"Random:seed = {pythia_seed(seed)}"):
        if not pythia.readString(line):
            raise ObjectiveError(f"pythia-ee: this version of Pythia does not take {line!r}")
    for name, value in params.items():
        _set(pythia, name, value)
    return pythia


def _set(pythia: Any, name: str, value: Any) -> None:
    if name not in PARAMETERS:
        raise ObjectiveError(
            f"pythia-ee: no parameter {name!r}; there are {', '.join(PARAMETERS)}: mend the space"
        )
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ObjectiveError(f"pythia-ee: {name} is {value!r}; a number is needed: mend the space")
    parameter = PARAMETERS[name]
    # readString returns False and keeps the old value: the result would be that of another point
    if not pythia.readString(f"{parameter.setting} = {float(value)!r}"):
        raise EvaluationFailed(
            f"setting: Pythia refuses {parameter.setting} = {value}; its range is "
            f"{parameter.low} to {parameter.high}"
        )


def _no_events() -> Sample:
    none = np.zeros(0, dtype=np.int64)
    return Sample(0, none, none, none, none, none, np.zeros((0, 3)), np.zeros(0))
