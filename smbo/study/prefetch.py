"""Proposals thought out in a process beside the driver, which goes on to serve leases and outcomes.

While all slots are busy, the next points are prepared from what is known by then, so that a slot
that becomes free need not wait for a model to be fitted.  The price is that a point may not know
of the evaluations that ended meanwhile; so no more is prepared than the slots will soon need.
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
from smbo.store.records import params_hash
from smbo.store.roles import ChangeFeed
from smbo.store.store import SqlStore
from smbo.study.provenance import JsonPoint, Proposed, propose_trials
from smbo.trial import Trial

# A slot may idle this part of its time: where thinking takes less, a point is better thought out
# when the slot is free and all results are known.
_IDLE_PART = 0.01

_MEMORY = 0.3  # weight of the latest duration in a running mean


def n_ahead(n_slots: int, thinking_seconds: float | None, evaluation_seconds: float | None) -> int:
    """Return how many proposals to have ready while all slots are busy.

    None where there is one slot (each point then knows all results before it), or where thinking
    takes next to no time beside an evaluation; else as many as slots become free while one call
    thinks, and one more.

    Args:
        thinking_seconds: of one call; None if not known yet.
        evaluation_seconds: the mean; None if not known yet.
    """
    if n_slots < 2 or thinking_seconds is None or evaluation_seconds is None:
        return 0
    if thinking_seconds <= _IDLE_PART * evaluation_seconds:
        return 0
    if evaluation_seconds <= 0:
        return n_slots
    return min(n_slots, 1 + math.ceil(n_slots * thinking_seconds / evaluation_seconds))


@dataclass(frozen=True)
class Request:
    """What is asked of the thinker: n points, after those that are proposed already.

    Attributes:
        n: how many.
        beside: proposed before, and not asked for yet.
        memory: after those; None for the study's own.
    """

    n: int
    beside: tuple[JsonPoint, ...] = ()
    memory: dict[str, Any] | None = None


@dataclass(frozen=True)
class ThinkerMaker:
    """Makes a thinker wherever it is sent.  It pickles if the problem does.

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

    def __call__(self) -> Callable[[Request], Proposed]:
        return Thinker(SqlStore(self.url, create=False), self.name, self.problem, self.recipe, self.fixed)


class Thinker:
    """Reads a study's log, as far as it has come, and proposes."""

    def __init__(
        self, store: ChangeFeed, name: str, problem: Problem, recipe: Recipe, fixed: Point | None = None
    ) -> None:
        self._store, self._name, self._problem, self._recipe = store, name, problem, recipe
        self._fixed = fixed
        self._trials: dict[int, Trial] = {}
        self._cursor = 0

    def __call__(self, request: Request) -> Proposed:
        record, changed = self._store.changes(self._name, self._cursor)
        self._cursor = record.last_seq
        for trial in changed:
            params = self._problem.space.point_from_json(trial.params)
            self._trials[trial.number] = replace(trial, params=params)
        trials = [self._trials[number] for number in sorted(self._trials)]
        if request.memory is not None:
            record = replace(record, memory=request.memory)
        # what was asked for since the request was made is in the log
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


class Aside(Protocol):
    """A function that is called elsewhere (``smbo_scheduler.background.Aside`` is one)."""

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


class Ahead:
    """The proposals that are ready, and the one that is being thought out.

    Args:
        aside: calls a ``Thinker``.
        clock: monotonic seconds.
    """

    def __init__(self, aside: Aside, clock: Callable[[], float]) -> None:
        self._aside = aside
        self._clock = clock
        self._batches: list[_Batch] = []
        self._asked_for = 0
        self._asked_at = 0.0
        self._thinking_seconds: float | None = None
        self._is_valid = True
        self._is_space_small = False

    @property
    def is_thinking(self) -> bool:
        """Whether points are on their way."""
        return self._aside.is_busy

    @property
    def n_ready(self) -> int:
        """How many points are ready."""
        return len(self._left())

    def n_wanted(self, n_slots: int, evaluation_seconds: float | None) -> int:
        """Return how many points to have ready while all slots are busy."""
        return n_ahead(n_slots, self._thinking_seconds, evaluation_seconds)

    def think(self, n: int) -> None:
        """Have points thought out, so that n are ready, unless some are being thought out."""
        ready = self._left()
        n_missing = n - len(ready)
        if n_missing <= 0 or self._aside.is_busy:
            return
        n_missing = 1 if self._is_space_small else n_missing
        memory = dict(self._batches[-1].proposed.memory) if self._batches else None
        self._asked_for, self._asked_at, self._is_valid = n_missing, self._clock(), True
        self._aside.call(Request(n_missing, ready, memory))

    def look(self) -> None:
        """Take what has been thought out.

        Raises:
            SpaceExhausted: nothing more can be proposed, and nothing is ready.
            Whatever else proposing raised.
        """
        if not self._aside.is_busy:
            return
        try:
            answer = self._aside.answer()
        except SpaceExhausted:
            # one by one, the last few points may yet be had
            if self._asked_for == 1 and not self._batches:
                raise
            self._is_space_small = True
            return
        if answer is None:
            return
        self._thinking_seconds = running_mean(self._thinking_seconds, self._clock() - self._asked_at)
        if self._is_valid:
            self._batches.append(_Batch(answer[0]))

    def first(self, n: int) -> tuple[Proposed, int, int] | None:
        """Return at most n points that are ready, as a proposal and the range of them; None if none are."""
        if not self._batches:
            return None
        batch = self._batches[0]
        return batch.proposed, batch.n_used, min(batch.n_used + n, len(batch.proposed.points))

    def use(self, stop: int) -> None:
        """Hear that the points that ``first`` gave are asked for."""
        self._batches[0].n_used = stop
        if not self._batches[0].left:
            del self._batches[0]

    def drop(self) -> None:
        """Drop what is ready, and what is on its way: others have asked for the same points."""
        self._batches.clear()
        self._is_valid = False

    def close(self) -> None:
        """End the process."""
        self._aside.close()

    def _left(self) -> tuple[JsonPoint, ...]:
        return tuple(point for batch in self._batches for point in batch.left)


def running_mean(before: float | None, latest: float) -> float:
    """Return a mean that forgets: of durations, the latest of which say most."""
    return latest if before is None else (1 - _MEMORY) * before + _MEMORY * latest


def thinks_long(recipe: Recipe) -> bool:
    """Return whether proposing takes long enough to be worth a process: whether a model is fitted."""
    return recipe.rule is not None or recipe.surrogate is not None
