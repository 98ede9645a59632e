"""Compute proposals in a background process, so that the driver keeps serving heartbeats and results.

While all slots are busy, the next points are proposed from the results recorded so far, so that a slot
that becomes free need not wait for a model to be fitted.  The price is that a point may be proposed
without results that came meanwhile; so no more are proposed than the slots will soon need.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from smbo.errors import SpaceExhausted
from smbo.problem import Problem
from smbo.proposal.recipe import Recipe
from smbo.space import Point
from smbo.store.records import StudyRecord, params_hash
from smbo.store.roles import ChangeFeed
from smbo.store.store import SqlStore
from smbo.study.load import renewed
from smbo.study.provenance import JsonPoint, Proposed, propose_trials
from smbo.trial import Trial

# A slot may idle this share of its time: where proposing takes less, a point is better proposed
# when the slot is free and all results are known.
_IDLE_SHARE = 0.01

_LATEST_WEIGHT = 0.3  # weight of the latest duration in a running mean


def n_prefetched(n_slots: int, proposing_seconds: float | None, evaluation_seconds: float | None) -> int:
    """Return how many proposals to have ready while all slots are busy.

    None where there is one slot (each point is then proposed from all results before it), or where
    proposing takes next to no time beside an evaluation; else as many as slots become free during one call,
    and one more.

    Args:
        proposing_seconds: of one call; None if not known yet.
        evaluation_seconds: the mean; None if not known yet.
    """
    if n_slots < 2 or proposing_seconds is None or evaluation_seconds is None:
        return 0
    if proposing_seconds <= _IDLE_SHARE * evaluation_seconds:
        return 0
    if evaluation_seconds <= 0:
        return n_slots
    return min(n_slots, 1 + math.ceil(n_slots * proposing_seconds / evaluation_seconds))


@dataclass(frozen=True)
class PrefetchRequest:
    """A request for n points, after those that are proposed already.

    Attributes:
        n: how many.
        beside: points proposed before, and not asked for yet.
        memory: of the recipe after those; None for the study's own.
    """

    n: int
    beside: tuple[JsonPoint, ...] = ()
    memory: dict[str, Any] | None = None


@dataclass(frozen=True)
class ProposerFactory:
    """Makes a ``Proposer`` in the process that the factory is sent to; pickles if the problem does.

    Attributes:
        url: of the store.
        name, problem, recipe: of the study.
        fixed: values that all points are to have, as of ``fixing.checked``.
    """

    url: str
    name: str
    problem: Problem
    recipe: Recipe
    fixed: Point = field(default_factory=dict)

    def __call__(self) -> Callable[[PrefetchRequest], Proposed]:
        return Proposer(SqlStore(self.url, create=False), self.name, self.problem, self.recipe, self.fixed)


class Proposer:
    """Reads the changes of a study's log, and proposes."""

    def __init__(
        self, store: ChangeFeed, name: str, problem: Problem, recipe: Recipe, fixed: Point | None = None
    ) -> None:
        self._store, self._name, self._problem, self._recipe = store, name, problem, recipe
        self._fixed = fixed
        self._trials: dict[int, Trial] = {}
        self._cursor = 0
        self._record: StudyRecord | None = None

    def __call__(self, request: PrefetchRequest) -> Proposed:
        record, changed = self._store.changes(self._name, self._cursor, None, self._record)
        if self._record is None or record.problem is not self._record.problem:  # read whole, maybe anew
            self._problem = renewed(self._problem, record)
            record, changed = self._store.changes(self._name, 0, None, record)
            self._trials.clear()
        self._cursor, self._record = record.last_seq, record
        for trial in changed:
            params = self._problem.space.point_from_json(trial.params)
            self._trials[trial.number] = replace(trial, params=params)
        trials = [self._trials[number] for number in sorted(self._trials)]
        if request.memory is not None:
            record = replace(record, memory=request.memory)
        # points asked for since the request was made are in the log
        asked = {params_hash(trial.params) for trial in changed}
        beside = [point for point in request.beside if params_hash(point) not in asked]
        return propose_trials(
            self._problem,
            self._recipe,
            record,
            trials,
            request.n,
            beside=beside,
            fixed=self._fixed,
        )


class Background(Protocol):
    """A function that another process runs (``smbo_scheduler.background.BackgroundProcess`` is one)."""

    @property
    def is_busy(self) -> bool: ...
    def call(self, request: Any) -> None: ...
    def answer(self) -> tuple[Any] | None: ...
    def close(self) -> None: ...


@dataclass
class _Batch:
    """A proposal, of which ``n_used`` points are asked for."""

    proposed: Proposed
    n_used: int = 0

    @property
    def left(self) -> tuple[JsonPoint, ...]:
        return self.proposed.points[self.n_used :]


class Prefetch:
    """The proposals that are ready, and the one that is being computed.

    Args:
        background: calls a ``Proposer``.
        clock: monotonic seconds.
    """

    def __init__(self, background: Background, clock: Callable[[], float]) -> None:
        self._background = background
        self._clock = clock
        self._batches: list[_Batch] = []
        self._asked_for = 0
        self._asked_at = 0.0
        self._proposing_seconds: float | None = None
        self._is_valid = True
        self._is_space_small = False

    @property
    def is_busy(self) -> bool:
        """Whether points are being proposed."""
        return self._background.is_busy

    @property
    def has_answered(self) -> bool:
        """Whether the process, which first imports what it needs, has proposed points before."""
        return self._proposing_seconds is not None

    @property
    def n_ready(self) -> int:
        """How many points are ready."""
        return len(self._left())

    def n_wanted(self, n_slots: int, evaluation_seconds: float | None) -> int:
        """Return how many points to have ready while all slots are busy."""
        return n_prefetched(n_slots, self._proposing_seconds, evaluation_seconds)

    def start(self, n: int) -> None:
        """Start to propose the missing ones of n points, unless a proposal is being computed."""
        ready = self._left()
        n_missing = n - len(ready)
        if n_missing <= 0 or self._background.is_busy:
            return
        n_missing = 1 if self._is_space_small else n_missing
        memory = dict(self._batches[-1].proposed.memory) if self._batches else None
        self._asked_for, self._asked_at, self._is_valid = n_missing, self._clock(), True
        self._background.call(PrefetchRequest(n_missing, ready, memory))

    def collect(self) -> None:
        """Take the proposal that has been computed, if it is ready.

        Raises:
            SpaceExhausted: nothing more can be proposed, and nothing is ready.
            Whatever else proposing raised.
        """
        if not self._background.is_busy:
            return
        try:
            answer = self._background.answer()
        except SpaceExhausted:
            # one by one, the last few points of the space may yet be proposed
            if self._asked_for == 1 and not self._batches:
                raise
            self._is_space_small = True
            return
        if answer is None:
            return
        self._proposing_seconds = running_mean(self._proposing_seconds, self._clock() - self._asked_at)
        if self._is_valid:
            self._batches.append(_Batch(answer[0]))

    def first(self, n: int) -> tuple[Proposed, int, int] | None:
        """Return at most n points that are ready, as a proposal and the range of them; None if none are."""
        if not self._batches:
            return None
        batch = self._batches[0]
        return batch.proposed, batch.n_used, min(batch.n_used + n, len(batch.proposed.points))

    def mark_used(self, stop: int) -> None:
        """Drop the points of ``first``, up to ``stop``, that have become trials."""
        self._batches[0].n_used = stop
        if not self._batches[0].left:
            del self._batches[0]

    def drop(self) -> None:
        """Drop the points that are ready, or being computed: others have asked for the same ones."""
        self._batches.clear()
        self._is_valid = False

    def close(self) -> None:
        """End the process."""
        self._background.close()

    def _left(self) -> tuple[JsonPoint, ...]:
        return tuple(point for batch in self._batches for point in batch.left)


def running_mean(before: float | None, latest: float) -> float:
    """Return an exponentially weighted mean of durations."""
    return latest if before is None else (1 - _LATEST_WEIGHT) * before + _LATEST_WEIGHT * latest


def fits_a_model(recipe: Recipe) -> bool:
    """Return whether a recipe fits a model, which takes long enough for a background process."""
    return recipe.rule is not None or recipe.surrogate is not None
