"""Compute every proposal of a study again from its provenance in the log, and compare.

A proposal is a function of the problem, the recipe, the seed, the log up to a sequence number, the
recipe's memory, the points proposed before it that were not in the log yet, the fixed values and the present
point from which steps were limited.  All
of that is noted with the trials that were asked for, whatever the order in which results came, and however
often drivers died in between.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Row

from smbo.history.encode import encode
from smbo.problem import Problem
from smbo.proposal.recipe import Recipe
from smbo.proposal.request import ProposalRequest
from smbo.proposal.suggest import proposal_rng, suggest
from smbo.store.change_feed import SPACE
from smbo.store.records import AttemptRecord, dump_json
from smbo.store.roles import History
from smbo.study.load import problem_from_json, with_callables_of
from smbo.study.provenance import JsonPoint, proposed_trials
from smbo.trial import Rung, Trial, TrialState

_ENDS = {str(state): state for state in TrialState if state.is_final} | {"paused": TrialState.PAUSED}
_BEGINS = ("asked", "restarted", "waiting", "promoted", "retried")


@dataclass(frozen=True)
class Difference:
    """The difference between a stored proposal and the same one computed again.

    Attributes:
        number: of the trial.
        stored, now: its point, or the recipe's memory, as stored and as computed again.
        what: which of the two.
    """

    number: int
    what: str
    stored: Any
    now: Any

    def __str__(self) -> str:
        return f"trial {self.number}: {self.what} was {_short(self.stored)}, and is now {_short(self.now)}"


@dataclass(frozen=True)
class Replayed:
    """How many proposals were computed again, and the first that differed.

    Attributes:
        n_proposals: calls of the recipe that were repeated.
        n_trials: trials whose points were the same, up to the first difference.
        n_unknown: trials asked for before the log had the provenance of points.
        difference: the first, None if there is none.
    """

    n_proposals: int
    n_trials: int
    n_unknown: int
    difference: Difference | None

    def __str__(self) -> str:
        unknown = f"; of {self.n_unknown} the log does not say what they were made from"
        said = f"{self.n_trials} trials of {self.n_proposals} proposals come out the same"
        difference = "" if self.difference is None else f"\nfirst difference: {self.difference}"
        return said + (unknown if self.n_unknown else "") + difference


@dataclass
class _Proposal:
    """A proposal in the log: its provenance, and the trials that it became."""

    first: int
    n: int
    watermark: int
    memory: Mapping[str, Any]
    beside: Sequence[JsonPoint]
    fixed: JsonPoint
    present: JsonPoint
    numbers: dict[int, int] = field(default_factory=dict)  # index among its points -> trial


def replay(store: History, name: str, problem: Problem, recipe: Recipe) -> Replayed:
    """Compute every proposal of a study again, in the order in which they were made.

    Raises:
        SpaceError, NumericalError: a proposal cannot be made.
    """
    record, rows = store.changes(name, 0)
    events = store.events(record.id)
    changes = [(each.seq, json.loads(each.payload)["before"]) for each in events if each.kind == SPACE]
    # of a space that changed, points are read in terms of the space that each proposal was made in
    read = dict if changes else problem.space.point_from_json
    trials = {row.number: replace(row, params=read(row.params)) for row in rows}
    asked = _as_asked(events)
    stored = {row.number: asked.get(row.number, row.params) for row in rows}
    proposals, n_unknown = _proposals(events)
    as_asked = {number: read(dict(point)) for number, point in asked.items()}
    past = _Past(events, trials, store.attempts(record.id), as_asked)
    memories = {dump_json({})}
    n_same = 0
    for done, proposal in enumerate(sorted(proposals, key=lambda each: (each.watermark, each.first))):
        first_trial = min(proposal.numbers.values())
        if n_unknown == 0 and dump_json(proposal.memory) not in memories:
            difference = Difference(first_trial, "the memory", proposal.memory, "none that was carried on")
            return Replayed(done, n_same, n_unknown, difference)
        before = next((each for seq, each in changes if seq > proposal.watermark), None)
        then = problem if before is None else with_callables_of(problem, problem_from_json(before))
        known = list(past.until(proposal.watermark))
        if changes:
            known = [replace(each, params=then.space.point_from_json(dict(each.params))) for each in known]
        known += proposed_trials(then, proposal.beside, proposal.first)
        fixed = then.space.values_from_json(proposal.fixed)
        present = then.space.values_from_json(proposal.present)
        data, rng = encode(then, known), proposal_rng(record.seed, proposal.first)
        request = ProposalRequest(then, recipe, data, proposal.n, rng, proposal.memory, fixed, present)
        proposed, memory = suggest(request)
        memories.add(dump_json(memory))
        for index, number in sorted(proposal.numbers.items()):
            now = then.space.point_to_json(proposed[index])
            if dump_json(dict(sorted(now.items()))) != dump_json(dict(sorted(stored[number].items()))):
                return Replayed(done, n_same, n_unknown, Difference(number, "the point", stored[number], now))
            n_same += 1
    return Replayed(len(proposals), n_same, n_unknown, None)


def _proposals(events: Sequence[Row[Any]]) -> tuple[list[_Proposal], int]:
    """Return the proposals in the log, and the number of trials without one."""
    found: dict[str, _Proposal] = {}
    n_unknown = 0
    for event in events:
        if event.kind != "asked":
            continue
        origin = json.loads(event.payload)
        if "first" in origin:
            found[origin["proposal"]] = _Proposal(
                origin["first"],
                origin["n"],
                origin["watermark"],
                origin["memory"],
                origin["beside"],
                origin.get("fixed", {}),
                origin.get("present", {}),
            )
        if origin.get("proposal") in found:
            found[origin["proposal"]].numbers[origin["index"]] = event.number
        else:
            n_unknown += 1
    return list(found.values()), n_unknown


def _as_asked(events: Sequence[Row[Any]]) -> dict[int, JsonPoint]:
    """Return the points, as they were asked for, of trials whose context was observed to be another."""
    found: dict[int, JsonPoint] = {}
    for event in events:
        if event.kind in _ENDS and '"asked"' in event.payload:
            found.setdefault(event.number, json.loads(event.payload)["asked"])
    return found


# What an evaluation adds to a trial, before there is any.
_NOTHING: Mapping[str, Any] = {
    "value": None,
    "sem": None,
    "cost": None,
    "feasible": None,
    "metrics": {},
    "outputs": None,
    "outputs_variance": None,
}


def _rung_of(trial: Trial, token: int | None) -> Rung | None:
    return next((each for each in trial.rungs if each.token == token), None)


class _Past:
    """A study's trials as they stood at successive sequence numbers."""

    def __init__(
        self,
        events: Sequence[Row[Any]],
        trials: Mapping[int, Trial],
        attempts: Sequence[AttemptRecord],
        asked: Mapping[int, Mapping[str, Any]],
    ) -> None:
        self._asked = asked
        self._events = deque(events)
        self._latest = trials
        self._attempts = {attempt.token: attempt for attempt in attempts}
        self._then: dict[int, Trial] = {}
        self._paused: set[int] = set()  # tokens of attempts that have reached the end of a rung
        # why trials failed, by number, before they were evaluated again
        self._reasons: dict[int, deque[str | None]] = defaultdict(deque)
        for event in events:
            if event.kind == "retried":
                self._reasons[event.number].append(json.loads(event.payload).get("reason"))

    def until(self, seq: int) -> Iterator[Trial]:
        """Return the trials as they stood after a change; to be called with ascending ``seq``."""
        while self._events and self._events[0].seq <= seq:
            event = self._events.popleft()
            if event.number is not None:
                self._apply(event)
        return iter([self._then[number] for number in sorted(self._then)])

    def _apply(self, event: Row[Any]) -> None:
        if event.kind == "paused":
            self._paused.add(event.token)
        latest = self._latest[event.number]
        trial = replace(latest, rungs=tuple(rung for rung in latest.rungs if rung.token in self._paused))
        if event.kind in _BEGINS:
            params = self._asked.get(event.number, trial.params)
            new = replace(trial, params=params, **_NOTHING)
            before = self._then.get(event.number, new)
            self._then[event.number] = replace(before, state=TrialState.RUNNING)
        elif event.kind == "failed" and self._reasons[event.number]:
            reason = self._reasons[event.number].popleft()
            self._then[event.number] = replace(trial, state=TrialState.FAILED, reason=reason, **_NOTHING)
        elif event.kind == "paused" and (at := _rung_of(trial, event.token)) is not None:
            # the trial may have gone on since: what it had then is what its rung has
            told = {name: getattr(at, name) for name in _NOTHING}
            self._then[event.number] = replace(trial, state=TrialState.PAUSED, fidelity=at.fidelity, **told)
        elif event.kind == "told" or _ENDS.get(event.kind) is trial.state:
            self._then[event.number] = trial
        elif event.kind in _ENDS:
            # the trial changed later: paused at a rung, or given up for lost and found after all
            state, attempt = _ENDS[event.kind], self._attempts.get(event.token)
            at_rung = attempt if state is TrialState.PAUSED else None
            self._then[event.number] = replace(
                trial,
                state=state,
                value=at_rung.value if at_rung else None,
                sem=at_rung.sem if at_rung else None,
                cost=at_rung.cost if at_rung else None,
            )


def _short(value: Any) -> str:
    text = dump_json(value)
    return text if len(text) <= 200 else f"{text[:197]}..."
