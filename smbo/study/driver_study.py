"""The drivers' side of a durable study: ask for trials, promote them, record results.

The user's side is ``smbo.study.study.Study``, which holds a ``DriverStudy``.  A proposal that another
process overtook is made again.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from smbo.analysis.view import Snapshot, View
from smbo.errors import BudgetExhausted, PointError
from smbo.fidelity import Promotion
from smbo.history.promotion import Reports
from smbo.problem import Problem
from smbo.problem.space_change import with_space
from smbo.proposal.compatibility import check_recipe
from smbo.proposal.recipe import Recipe
from smbo.proposal.suggest import first_levels, next_promotion, trial_seed
from smbo.space import Integer, Point, Real, Space
from smbo.space.fixed import checked
from smbo.space.step_limits import present_point
from smbo.store import budget as budgets
from smbo.store.ask import Asking
from smbo.store.budget import Budget, Spent
from smbo.store.connect import spool_folder
from smbo.store.records import Place, Result, StaleProposal, StudyRecord
from smbo.store.store import SqlStore
from smbo.study.provenance import Proposed, propose_from
from smbo.study.trial_log import Look, StudyLog
from smbo.trial import Trial, TrialState

logger = logging.getLogger(__name__)

# A proposal is refused when another ask came while it was computed.  The second one may take another
# number than it was made for, so that it is refused only for a point that others took.  The third is
# made with the study locked: else faster drivers could have it refused for ever.
_RACES = 2


@dataclass(frozen=True)
class _Wanted:
    """The arguments of an ask: owner and number of the trials, its key, and its fixed values.

    Trials that wait are among them, or all are new.  ``present`` is the point from which steps are limited,
    None for that of the last trial.
    """

    owner: str
    n: int
    key: str | None
    fixed: Point
    takes_waiting: bool
    present: Mapping[str, Any] | None = None


class DriverStudy(View):
    """A study as its drivers see it; what a run, the CLI and ``Study`` itself are built on.

    Args:
        store: of the study.
        record: of the study, at any time.
        problem, recipe: of the study.
    """

    def __init__(self, store: SqlStore, problem: Problem, recipe: Recipe, record: StudyRecord) -> None:
        self.store, self.recipe = store, recipe
        self.id, self.name, self.seed, self._uid = record.id, record.name, record.seed, record.uid
        self.log = StudyLog(store, record, problem, self.decode)
        self._numeric: tuple[Problem, bool] | None = None

    @property
    def problem(self) -> Problem:  # type: ignore[override]
        """The problem, in the space of the last look at the store."""
        return self.log.problem

    @property
    def _is_numeric(self) -> bool:
        """Whether the points of the store are those of the user."""
        known, problem = self._numeric, self.problem
        if known is None or known[0] is not problem:
            kinds = problem.space.dimensions.values()
            is_plain = not problem.space.earlier and all(isinstance(each, Real | Integer) for each in kinds)
            known = self._numeric = problem, is_plain
        return known[1]

    def change_space(
        self, given: Problem | Space | Mapping[str, Any], defaults: Mapping[str, Any] | None
    ) -> tuple[str, ...]:
        """Change the study's space in one transaction; see ``Study.change_space``."""
        with self.store.together(self.id):
            _, trials = self.log.with_trials()
            before = self.problem
            problem, said = with_space(before, given, defaults, trials)
            if said:
                check_recipe(problem, self.recipe)
                event = {"said": list(said), "first": len(trials), "before": before.to_json()}
                self.store.change_problem(self.id, problem.to_json(), event)
        self.log.read()
        for text in said:
            logger.info("study %s: its space changes: %s", self.name, text)
        return said

    def _snapshot(self) -> Snapshot:
        record, trials = self.log.with_trials()
        return Snapshot(self.problem, self.recipe, self.seed, trials, record.memory)

    @property
    def budget(self) -> Budget:
        """What the study may spend, as it stands now."""
        return Budget.from_json(self.log.read().budget)

    @property
    def spent(self) -> Spent:
        """What the study has used of its budget."""
        return self.store.spent(self.id)

    @property
    def is_stopped(self) -> bool:
        """Whether ``Study.stop`` was called since the last run began."""
        return self.log.read().is_stopped

    def set_going(self) -> None:
        """Take ``Study.stop`` back; a run does so when it begins."""
        if self.is_stopped:
            self.store.set_stopped(self.id, False)

    @property
    def spool_folder(self) -> Path:
        """Where results wait to be recorded unless ``Study.run`` is told otherwise: beside the store."""
        # the uid: claims of a study that was deleted must not block a new one of its name
        return spool_folder(self.store.url) / f"{self.name}-{self._uid}"

    @property
    def waiting(self) -> frozenset[int]:
        """Numbers of the trials that wait to be run, again or for the first time."""
        return self.log.waiting()

    def trial(self, number: int) -> Trial:
        """Return one trial as it stands now.

        Raises:
            UnknownTrial: it was never asked for.
        """
        return self.log.trial(number)

    def reports(self) -> Mapping[int, Reports]:
        """Return all intermediate values: (step, value) pairs in the order of steps, by trial number.

        Where several attempts reported at a step, the latest counts.
        """
        return self.log.reports()

    def record(self, told: Trial, place: Place | None = None) -> Trial:
        """Record a trial that ``record_result`` has finished, under its token."""
        result = Result.of(told)
        if self.problem.context:
            result = replace(result, params=self.problem.space.point_to_json(told.params))
        recorded = self.store.tell(self.id, told.number, told.token, result, place or Place())
        return self.decoded([recorded])[0]

    def retry(self, numbers: Sequence[int]) -> None:
        """Have failed trials wait to be evaluated again, under their numbers, points and seeds."""
        self.store.retry(self.id, numbers)
        if numbers:
            logger.info("study %s: %d failed trials wait to be evaluated again", self.name, len(numbers))

    def ask_for(
        self,
        owner: str,
        n: int,
        *,
        key: str | None = None,
        fixed: Point | None = None,
        takes_waiting: bool = True,
        present: Mapping[str, Any] | None = None,
    ) -> list[Trial]:
        """Return n running trials that ``owner`` (a word, then details) evaluates.

        Args:
            fixed: values that new points are to have, as of ``fixing.checked``.
            takes_waiting: whether trials that wait, whatever their values, come first.
            present: point from which steps are limited; None for that of the last trial.
        """
        wanted = _Wanted(owner, n, key, fixed or {}, takes_waiting, present)
        for proposal in range(_RACES + 1):
            if self.problem.multi_fidelity is not None and takes_waiting:
                self.promote_waiting(n, fixed=wanted.fixed)
            if key is not None:
                given = self.problem.space.point_to_json(wanted.fixed)
                earlier = self.store.asked_before(self.id, key, n, given)
                if earlier:
                    return self.decoded(earlier)
            if proposal == _RACES:
                break
            with suppress(StaleProposal):
                # where steps are limited a point of another number may be out of reach
                is_final = proposal > 0 and not self.problem.step_limits
                return self._asked(self._request(wanted, is_final=is_final))
        return self._noted(
            self.store.ask_locked(
                self.id, lambda: self._request(wanted, is_final=True), is_keyed=key is not None
            )
        )

    def _request(self, wanted: _Wanted, *, is_final: bool) -> Asking:
        """Read the log and propose."""
        look = self.log.look(wanted.n if wanted.takes_waiting else math.inf)
        return self._propose(look, wanted, is_final=is_final)

    def ask_proposed(self, owner: str, proposed: Proposed, start: int, stop: int) -> list[Trial]:
        """Return running trials at points ``start`` to ``stop`` of a proposal made beforehand.

        Under whatever numbers are next; waiting trials come first, by ``ask_for``.

        Raises:
            StaleProposal: another ask took one of these points, or trials are waiting.
            BudgetExhausted: the study may not have so many more.
        """
        levels = first_levels(
            self.problem, proposed.memory, proposed.first_number + start, start, stop - start
        )
        request = Asking(
            n=stop - start,
            points=proposed.points[start:stop],
            first_number=proposed.first_number + start,
            watermark=proposed.watermark,
            memory=proposed.memory,
            seed_of=self.seed_of,
            owner=owner,
            is_final=True,
            origins=proposed.origins(start, stop, is_whole=start == 0),
            fidelities=levels,
            rungs=[self.problem.rung_of(level) for level in levels],
        )
        return self._asked(request)

    def promote_waiting(self, most: int, *, is_closing: bool = False, fixed: Point | None = None) -> int:
        """Promote trials that qualify until ``most`` wait to be run; return how many wait.

        Each decision is a transaction of its own, with its grounds in the change feed.

        Args:
            is_closing: no new trials are to come; see ``Study.promote``.
            fixed: values of the new point that could be evaluated instead.
        """
        if self.problem.multi_fidelity is None:
            self.log.read()
            return self.log.n_waiting
        while True:
            record, trials = self.log.with_trials()
            waiting = sum(trial.state is TrialState.WAITING for trial in trials)
            decision = self._promotion(record, trials, is_closing, fixed) if waiting < most else None
            if decision is None:
                return waiting
            rung = self.problem.rung_of(decision.next_fidelity)
            why = {
                "from": decision.fidelity,
                "rank": decision.rank,
                "of": decision.n_rung,
                "watermark": record.last_seq,
            }
            assert rung is not None
            with suppress(StaleProposal, BudgetExhausted):  # another driver was faster; decide anew
                self.store.promote(
                    self.id,
                    decision.number,
                    decision.next_fidelity,
                    rung,
                    why=why,
                    watermark=record.last_seq,
                )

    def next_promotion(self, *, is_closing: bool = False, fixed: Point | None = None) -> Promotion | None:
        """Return which trial would be promoted as of the last read, None if none qualifies.

        Args:
            is_closing, fixed: as for ``promote_waiting``.
        """
        if self.problem.multi_fidelity is None:
            return None
        return self._promotion(*self.log.last_read(), is_closing, fixed)

    def _promotion(
        self, record: StudyRecord, trials: Sequence[Trial], is_closing: bool, fixed: Point | None
    ) -> Promotion | None:
        busy = (TrialState.RUNNING, TrialState.WAITING)
        is_closing = is_closing and all(trial.state not in busy for trial in trials)
        budget = Budget.from_json(record.budget)
        if budget.needs_sums:
            affordable = Budget(cost=budget.cost, fidelity=budget.fidelity)
            if budgets.exhausted(affordable, self.store.spent(self.id)) is not None:
                return None
        return next_promotion(
            self.problem,
            self.recipe,
            self.seed,
            trials,
            record.memory,
            is_closing=is_closing,
            fixed=fixed,
        )

    def _propose(self, look: Look, wanted: _Wanted, *, is_final: bool) -> Asking:
        """Prepare an ask, outside any transaction."""
        record, problem, fixed = look.record, look.problem, wanted.fixed
        if fixed and problem.space.earlier:
            fixed = checked(problem.space, fixed)  # they may have been checked before the space changed
        n_new = max(0, wanted.n - look.n_waiting) if wanted.takes_waiting else wanted.n
        proposed = None
        if n_new:
            # the transaction checks the budget again; this check saves a proposal that could not be used
            budget = Budget.from_json(record.budget)
            if budget != Budget():
                budgets.check_budget(self.name, budget, record.spent, n_new)
            assert look.data is not None
            proposed = propose_from(
                problem,
                self.recipe,
                record,
                look.data,
                n_new,
                fixed=fixed,
                present=self._present(problem, wanted.present),
            )
        memory = proposed.memory if proposed else record.memory
        levels = first_levels(problem, memory, record.next_number, 0, n_new)
        return Asking(
            n=wanted.n,
            points=proposed.points if proposed else (),
            first_number=record.next_number,
            watermark=record.last_seq,
            memory=memory,
            seed_of=self.seed_of,
            owner=wanted.owner,
            key=wanted.key,
            is_final=is_final,
            fixed=problem.space.point_to_json(fixed),
            takes_waiting=wanted.takes_waiting,
            origins=proposed.origins(0, n_new, is_whole=True) if proposed else (),
            fidelities=levels,
            rungs=[problem.rung_of(level) for level in levels],
        )

    def _present(self, problem: Problem, given: Mapping[str, Any] | None) -> Point:
        """Return the values from which steps are limited."""
        limits = problem.step_limits or {}
        trials = self.log.last_read()[1] if limits and given is None else []
        last = trials[-1].params if trials else None
        return present_point(problem.space, limits, given, last, begins=bool(problem.try_first))

    def _asked(self, request: Asking) -> list[Trial]:
        return self._noted(self.store.ask(self.id, request))

    def _noted(self, asked: Sequence[Trial]) -> list[Trial]:
        trials = self.decoded(asked)
        self.log.note(trials)
        return trials

    # --- between the store's values and the user's

    def seed_of(self, number: int) -> int:
        """Return the seed of a trial's own random numbers."""
        return trial_seed(self.seed, number)

    def decoded(self, trials: Sequence[Trial]) -> list[Trial]:
        """Return trials of the store with the space's own objects for their categories."""
        try:
            return self._decoded(trials)
        except PointError:  # of a space that this process has not read yet
            self.log.read()
            return self._decoded(trials)

    def _decoded(self, trials: Sequence[Trial]) -> list[Trial]:
        fidelity = self.problem.fidelity
        if self._is_numeric and fidelity is None:
            return list(trials)
        found = []
        for trial in trials:
            level = trial.fidelity
            told = level if fidelity is None or level is None else fidelity.as_number(level)
            found.append(replace(trial, params=self.decode(dict(trial.params)), fidelity=told))
        return found

    def decode(self, params: dict[str, Any]) -> Mapping[str, Any]:
        """Return a point of JSON values that the store holds; numbers are unchanged."""
        return params if self._is_numeric else self.problem.space.point_from_json(params)
