"""The durable study: ask and tell as ``Optimizer`` does, each in one transaction of a SQL store."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, Self, overload

from smbo.analysis.view import Snapshot, View
from smbo.errors import AskError, StoreError, UnknownTrial
from smbo.history.promotion import ends_early
from smbo.history.record import ToldResult, checked_report, record_result
from smbo.optimizer import checked_count, checked_seed
from smbo.plain_values import as_whole_number, shown
from smbo.problem import Problem, Returned
from smbo.proposal.compatibility import check_recipe
from smbo.proposal.presets import preset, recipe_to_json
from smbo.proposal.recipe import Recipe
from smbo.space import Space
from smbo.space.context import ask_settings, same_choice
from smbo.space.fixed import checked
from smbo.store.ask import check_key
from smbo.store.budget import Budget, Spent
from smbo.store.change_feed import SPACE
from smbo.store.records import Result, StudyRecord
from smbo.store.store import SqlStore
from smbo.study.driver_study import DriverStudy
from smbo.study.load import of_the_study, problem_and_recipe, refuse_mismatch, with_stored_eta
from smbo.trial import Trial, TrialState

if TYPE_CHECKING:
    from smbo.study.evaluator import AnyObjective
    from smbo.study.replay import Replayed
    from smbo.study.run import ExecutorFactory, RunReport
    from smbo.study.table_import import Imported
    from smbo_scheduler.jobs import Executor, Limits
    from smbo_scheduler.loop import Progress, Stop
    from smbo_scheduler.retry import RetryPolicy

__all__ = ["Budget", "Study"]

logger = logging.getLogger(__name__)

MOST_AT_ONCE = 1024


class SpaceChange(NamedTuple):
    """A change of a study's space.

    Attributes:
        when: seconds since 1970, UTC.
        first_number: of the first trial after it.
        said: what changed, in words.
    """

    when: float
    first_number: int
    said: tuple[str, ...]


class Study(View):
    """A problem, a recipe, a seed, a budget, and the durable log of its trials.

    Made by ``Study.open`` and ``Study.load``.  Any number of processes may work on one study;
    each sees the results of the others.  Trials asked for by hand do not expire.

    >>> import tempfile
    >>> from smbo import Budget, Study
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     url = f"sqlite:///{folder}/runs.db"
    ...     with Study.open(url, "parabola", {"x": (-5.0, 5.0)}, seed=1, budget=Budget(trials=12)) as study:
    ...         report = study.run(lambda params: (params["x"] - 2.0) ** 2)
    ...     with Study.load(url, "parabola") as study:  # in any process, at any time
    ...         print(report.why, len(study.trials), study.best.value < 0.1)
    budget 12 True
    """

    def __init__(self, store: SqlStore, problem: Problem, recipe: Recipe, record: StudyRecord) -> None:
        # all methods that change the study; for ``smbo.study`` and ``smbo.cli``, not for users
        self._driver = DriverStudy(store, problem, recipe, record)
        self.recipe = recipe

    @property
    def problem(self) -> Problem:  # type: ignore[override]
        """The problem, in the space of the last look at the store."""
        return self._driver.problem

    def _snapshot(self) -> Snapshot:
        return self._driver._snapshot()

    @classmethod
    def open(
        cls,
        url: str | Path,
        name: str,
        problem: Problem | Space | Mapping[str, Any],
        recipe: str | Mapping[str, Any] | Recipe = "auto",
        seed: int | None = None,
        budget: Budget | None = None,
    ) -> Study:
        """Return the study of this name: a new one, or the stored one with its trials.

        Args:
            url: such as "sqlite:///runs.db"; a ``pathlib.Path`` stands for the SQLite file there.
            name: 1 to 100 letters, digits and ``._-``.
            problem: or just its space.
            recipe: how to propose; a name, {name: settings} or a Recipe.
            seed: of all randomness; None takes the stored one, or a fresh one for a new study.
            budget: limits that it states replace lower ones.

        Raises:
            StudyMismatch: the stored study is of another problem, recipe or seed, or the budget
                would be lowered.
            StoreError: the store or the name cannot be used.
        """
        problem = problem if isinstance(problem, Problem) else Problem(problem)  # type: ignore[arg-type]
        written, recipe = recipe, preset(recipe)
        check_recipe(problem, recipe, written)
        new_seed = checked_seed(seed)
        if budget is not None and budget.fidelity is not None and problem.fidelity is None:
            raise StoreError(
                f"budget: fidelity={budget.fidelity:g}, and the problem has no fidelity to count"
            )
        wanted = {"problem": problem.to_json(), "recipe": recipe_to_json(recipe)}
        store = SqlStore(url)
        try:
            record = store.create_study(
                name, wanted["problem"], wanted["recipe"], new_seed, budget or Budget()
            )
            problem = with_stored_eta(problem, record)
            refuse_mismatch(record, {**wanted, "problem": problem.to_json()}, seed)
            store.raise_budget(record.id, budget or Budget())
        except BaseException:
            store.close()
            raise
        if not isinstance(recipe.design, str) and budget is not None and budget.trials is not None:
            said = recipe.design.about_budget(problem.space, budget.trials)
            if said is not None:
                logger.warning("study %s: %s", name, said)
        logger.info("study %s in %s: %d trials so far", name, store.shown, record.next_number)
        stored = (
            problem_and_recipe(record)[0].space if "earlier" in record.problem["space"] else problem.space
        )
        return cls(store, of_the_study(problem, stored), recipe, record)

    @classmethod
    def load(cls, url: str | Path, name: str) -> Study:
        """Return a stored study.

        A known constraint that is Python code is stored by its name only: such a study can be
        looked at, but proposes points only when it is opened with its problem.

        Raises:
            UnknownStudy: there is none of that name.
            StoreError: there is no such store, or it cannot be read.
        """
        store = SqlStore(url, create=False)
        try:
            record = store.study(name)
            return cls(store, *problem_and_recipe(record), record)
        except BaseException:
            store.close()
            raise

    @staticmethod
    def names(url: str | Path) -> list[str]:
        """Return the names of the studies in a store, sorted.

        Raises:
            StoreError: there is no such store.
        """
        store = SqlStore(url, create=False)
        try:
            return store.names()
        finally:
            store.close()

    # --- ask and tell

    @overload
    def ask(
        self,
        n: None = None,
        *,
        key: str | None = None,
        fixed: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        present: Mapping[str, Any] | None = None,
    ) -> Trial: ...
    @overload
    def ask(
        self,
        n: int,
        *,
        key: str | None = None,
        fixed: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        present: Mapping[str, Any] | None = None,
    ) -> list[Trial]: ...
    def ask(
        self,
        n: int | None = None,
        *,
        key: str | None = None,
        fixed: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        present: Mapping[str, Any] | None = None,
    ) -> Trial | list[Trial]:
        """Return the next trial, or a list of n, running from now on.

        Trials that wait to be run again come first, then those that are promoted to a higher fidelity.

        Args:
            n: how many.
            key: of this ask; repeating it gives the same trials again.
            fixed: values that the points are to have, by name; the search is over the rest.  Then all of
                the trials are new.  Where one point alone has these values it is asked for (n times),
                evaluated before or not.
            context: present values of the problem's contextual variables, by name, for all n.
            present: where the parameters with step limits stand, None for the point of the last trial, asked
                for or told.  Of n points each is a step from the one before.

        Raises:
            BudgetExhausted: the study may not have so many more.
            SpaceExhausted: a finite space has no point left.
            AskError: n is no whole number from 1 up, or far too many, or no point has the fixed values, or a
                value of the context is missing, or out of its range.
        """
        count = 1 if n is None else checked_count(n, MOST_AT_ONCE)
        if fixed or context:
            self._driver.log.read()  # the space may have changed
        settings = ask_settings(self.problem.space, self.problem.context, fixed, context)
        trials = self._driver.ask_for(
            "hand",
            count,
            key=check_key(key),
            fixed=settings,
            present=present,
            takes_waiting=not settings and present is None,
        )
        return trials[0] if n is None else trials

    def promote(self) -> Trial | None:
        """Return the next trial that is promoted to a higher fidelity, running; None if none is.

        For the end of a search, when no new points are wanted: ``ask`` promotes by itself.  Once
        no evaluation is under way, the best trial is promoted although its rung is not full, so that
        one at least is evaluated at the highest fidelity.
        """
        if self._driver.promote_waiting(1, is_closing=True) == 0:
            return None
        (trial,) = self._driver.ask_for("hand", 1)
        return trial

    def report(self, trial: Trial | int, step: float, value: float) -> bool:
        """Record an intermediate value of a running trial; return whether it may end early now.

        If so, tell the trial with ``status="pruned"`` and the value, or evaluate it to the end.

        Raises:
            UnknownTrial: it was never asked for.
            TellError: step or value is no number.
        """
        known = self._find(trial)
        if known.token is None:
            raise UnknownTrial(f"trial {known.number} was told, not asked for; it has nothing to report")
        driver = self._driver
        step, value = checked_report(known, step, value)
        driver.store.report(driver.id, known.number, known.token, step, value)
        return ends_early(self.problem, known.number, driver.reports(), driver.trials)

    def tell(
        self,
        trial: Trial | int | Mapping[str, Any],
        result: Returned | None = None,
        sem: float | Mapping[str, float] | None = None,
        cost: float | None = None,
        *,
        status: str | None = None,
        reason: str | None = None,
        error: str | None = None,
        outputs: Any = None,
        covariance: Any = None,
        context: Mapping[str, Any] | None = None,
    ) -> Trial:
        """Record the result of a trial, or of a point of one's own; return the trial.

        It is on disk when this returns.  Telling the same again does nothing.

        Args:
            trial: as ``ask`` gave it, its number, or a point.
            result: a number, (value, standard error), metrics by name, or an Outcome.  NaN and
                infinities are failures.
            sem: standard error of the value; of several objectives, by name.
            cost: of the evaluation.
            status: "failed" (with a ``reason``) or "cancelled" where there is no result.
            reason, error: why, in a word and at length.
            outputs, covariance: a vector output and the covariance of its errors, in place of a value
                (metrics may be given beside them); see ``Outcome.of_outputs``.
            context: values of contextual variables as observed during the evaluation, in place of those
                that ``ask`` was told; a metric of the result that has the name of one counts likewise.

        Raises:
            AlreadyTold: the trial has another result.
            UnknownTrial: it was never asked for.
            PointError: a point of one's own is not in the space.
            TellError: the result cannot be recorded.
        """
        known, driver = self._find(trial), self._driver
        given = ToldResult(result, sem, cost, status, reason, error, outputs, covariance, context)
        told = record_result(self.problem, known, given)
        if not isinstance(trial, Mapping):
            return driver.record(told)
        params = self.problem.space.point_to_json(told.params)
        recorded = driver.store.add(driver.id, params, Result.of(told), driver.seed_of)
        return driver.decoded([recorded])[0]

    def add_many(self, points: Iterable[Mapping[str, Any]], results: Iterable[Returned | None]) -> int:
        """Record results at points of one's own, such as those of an earlier campaign.

        The same as telling them one by one, and about ten times as fast: on disk in pieces of some
        thousands.  What cannot be recorded raises before anything of its piece is.

        Args:
            points: in the space; or a pandas.DataFrame with a column per parameter.
            results: of each, as for ``tell``; None stands for a failure.

        Returns:
            How many were recorded.

        Raises:
            PointError, TellError: naming the place of the first that cannot be recorded.
        """
        from smbo.study.bulk_import import add_many

        driver = self._driver
        return add_many(driver.store, driver.id, self.problem, driver.seed_of, points, results)

    def import_table(self, path: str | Path, **columns: Any) -> Imported:
        """Record the rows of a CSV, JSON or Parquet file as trials, such as what `smbo export` wrote.

        Rows that the study has already are left out, rows that do not fit are named in the answer.

        Args:
            path: of the file.
            columns: which column holds what, where names differ; see ``table_import.columns_of``.

        Raises:
            ProblemError: the file cannot be read, or lacks a column that is needed.
        """
        from smbo.problem.tables import read_table
        from smbo.study.table_import import columns_of, import_table

        table = read_table(path)
        return import_table(self, table, columns_of(self.problem, table, **columns))

    def _find(self, given: Trial | int | Mapping[str, Any]) -> Trial:
        """Return the trial given (by itself or by number), or a new one for a point of one's own."""
        if isinstance(given, Mapping):
            return Trial(-1, self.problem.space.check(given), 0)  # number and seed come with the transaction
        number = as_whole_number(given.number if isinstance(given, Trial) else given)
        if number is None:
            raise UnknownTrial(
                f"{shown(given)} is neither a trial nor its number nor a point (of a table's row: dict(row))"
            )
        known = self._driver.log.point_of(number)
        if not isinstance(given, Trial):
            return known
        asked = self.problem.space.in_present_terms(given.params)
        if not same_choice(self.problem.context, asked, known.params):
            # a trial of another study, maybe: its result would be recorded at the wrong point
            raise UnknownTrial(
                f"trial {number} was asked for at {dict(known.params)!r}, not {dict(given.params)!r}"
            )
        return given

    # --- state

    @property
    def name(self) -> str:
        """The study's name."""
        return self._driver.name

    @property
    def seed(self) -> int:
        """The study's seed."""
        return self._driver.seed

    @property
    def budget(self) -> Budget:
        """What the study may spend, as it stands now."""
        return self._driver.budget

    @property
    def spent(self) -> Spent:
        """What the study has used of its budget."""
        return self._driver.spent

    @property
    def is_stopped(self) -> bool:
        """Whether ``stop`` was called since the last run began."""
        return self._driver.is_stopped

    def trial(self, number: int) -> Trial:
        """Return one trial as it stands now.

        Raises:
            UnknownTrial: it was never asked for.
        """
        return self._driver.trial(number)

    # --- running

    def run(
        self,
        objective: AnyObjective,
        executor: Executor | ExecutorFactory | Any = None,
        n_trials: int | None = None,
        timeout_seconds: float | None = None,
        *,
        limits: Limits | None = None,
        resources: Mapping[str, float] | None = None,
        retries: RetryPolicy | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        stop: Callable[[], Stop] | None = None,
        spool: str | Path | None = None,
        outbox: str = "spool",
        lease_seconds: float = 60.0,
        prefetch: bool | None = None,
        isolation: str | None = None,
        fixed: Mapping[str, Any] | None = None,
        context: Callable[[], Mapping[str, Any]] | Mapping[str, Any] | None = None,
    ) -> RunReport:
        """Evaluate trials until the budget is used up; continue the trials that an earlier run left.

        Any number of runs, in any processes and on any hosts, may work on one study at a time: they
        share its budget, and live runs take over the trials of dead ones.

        Args:
            objective: a function of (params), of (params, context), or of the dimensions by name
                (``def f(x, y)``, with ``context`` if it takes that too; see ``smbo.problem.call_of``), an
                Objective, or an ObjectiveSpec.  What it raises is a failure of that trial.
            executor: None for this process, a Dask client, an Executor (which has its target), the name
                of an installed one, or a function (target, outbox) -> Executor.
            n_trials: how many trials this call may start, besides the study's budget.
            timeout_seconds: start no more after this; running evaluations are waited for.
            limits, resources: of each evaluation.
            retries: how often evaluations are repeated; see ``smbo_scheduler.retry``.
            on_progress, stop: see ``smbo_scheduler.loop.run``.
            spool: folder where results wait to be recorded, which all workers must reach; beside
                the store if None.
            outbox: "spool", or "store" to have workers put results straight into PostgreSQL, where
                they share no folder with the driver.
            lease_seconds: how long the heartbeat of a driver, or of an evaluation, on another machine
                may stand still before it is taken for dead and its trials are run by others.
            prefetch: whether to prefetch proposals in a background process while all slots are busy;
                None does so where evaluations run elsewhere.  Such a proposal lacks results that
                came meanwhile; ``replay`` repeats it from the same inputs.
            isolation: "process" to evaluate in a warm child process, where a crash (a signal, ``os._exit``,
                the kernel's memory killer) is a failed evaluation and no more; "fresh" in a new one each
                time; "thread" where the run or the Dask worker is, with its state.  None for "process"
                on Dask, and for "thread" in this process, unless ``limits`` need a child.
            fixed: values that the new trials of this run are to have, by name; see ``ask``.  Trials
                that were asked for before keep theirs, are run again where they were lost, and are
                promoted to higher fidelities.
            context: of a problem with contextual variables: a function that returns their present values by
                name, called before each ask, or the values where they do not change.  An evaluation that
                returns one as a metric corrects it.

        Returns:
            Why and how it ended.  Where the first evaluations all fail by one programming error (an
            ImportError, a misspelt name, a command that is not found) the run ends with
            ``why="broken"`` and the traceback as ``error``; nothing is counted, and once it is mended the
            same call goes on.

        Raises:
            ObjectiveError: the objective cannot be used, or its arguments are not those of the problem.
            AskError: no point has the fixed values, or the context is missing or unusable.
        """
        from smbo.study.run import run_study
        from smbo.study.run_settings import RunSettings

        settings = RunSettings.of(
            n_trials=n_trials,
            timeout_seconds=timeout_seconds,
            limits=limits,
            resources=resources,
            retries=retries,
            on_progress=on_progress,
            stop=stop,
            spool=spool,
            outbox=outbox,
            lease_seconds=lease_seconds,
            prefetch=prefetch,
            isolation=isolation,
            fixed=checked(self.problem.space, fixed),
            context=self._context_source(context),
        )
        return run_study(self._driver, objective, executor, settings)

    def _context_source(self, given: Any) -> Callable[[], Mapping[str, Any]] | None:
        """Return what observes the context of a run, which is called before each ask."""
        if (given is None) == bool(self.problem.context):
            names = list(self.problem.context)
            said = f"the context {names} is observed" if names else "the problem has no context"
            raise AskError(
                f"run(context={shown(given)}): {said}; give a function that returns {{name: value}}"
            )
        return given if given is None or callable(given) else lambda: given

    def change_space(
        self, space: Problem | Space | Mapping[str, Any], defaults: Mapping[str, Any] | None = None
    ) -> tuple[str, ...]:
        """Search another space from now on, in all processes; return what changes, in words.

        Ranges may be widened and narrowed, choices added and retired, parameters added, and removed by making
        them constants; known constraints, conditions and priors may change too.  All trials stay, in terms of
        the new space, and those under way go on and may be told.  ``best`` and ``recommend`` are of the new
        space.  Other drivers of the study search it from their next ask on.  See docs/spaces.md.

        Args:
            space: the whole new one; or the problem with it, otherwise the same but for points to try first.
            defaults: values that new parameters have had so far, by name.

        Returns:
            () where nothing changes, and nothing is recorded.

        Raises:
            SpaceError: a parameter cannot be changed so, or a default is missing or does not fit.
            ProblemError: the problem differs in more than its space and points of it.
        """
        return self._driver.change_space(space, defaults)

    @property
    def space_changes(self) -> tuple[SpaceChange, ...]:
        """The changes of the space so far, in their order."""
        events = self._driver.store.events(self._driver.id, kind=SPACE)
        told = [(event.created, json.loads(event.payload)) for event in events]
        return tuple(SpaceChange(when, each["first"], tuple(each["said"])) for when, each in told)

    def retry(self, trials: Iterable[Trial | int] | None = None, *, reason: str | None = None) -> list[Trial]:
        """Have failed trials evaluated again, after a mend, and return them as they wait for the next run.

        Each keeps its number, point and seed.  The budget has been charged with it and is not charged again;
        the log keeps the earlier attempts and what they said.

        Args:
            trials: which, or their numbers; None for all that were asked for and failed.
            reason: only those that failed for this reason (``Trial.reason``).

        Raises:
            UnknownTrial: there is no such trial.
            TellError: one of ``trials`` has not failed.
        """
        if trials is None:
            failed = [each for each in self.trials if each.state is TrialState.FAILED]
            wanted = [each for each in failed if each.token is not None]  # told ones have none
        else:
            wanted = [self.trial(each.number if isinstance(each, Trial) else each) for each in trials]
        numbers = [each.number for each in wanted if reason is None or each.reason == reason]
        self._driver.retry(numbers)
        return [self.trial(number) for number in numbers]

    def replay(self) -> Replayed:
        """Compute every proposal again from its recorded inputs, and compare; see ``Replayed``.

        Equal to the last bit on the same build of the libraries, whatever the order in which
        results came.
        """
        from smbo.study.replay import replay

        return replay(self._driver.store, self.name, self.problem, self.recipe)

    def stop(self) -> None:
        """Ask all drivers of this study, in any process, to start no more trials."""
        self._driver.store.set_stopped(self._driver.id, True)

    def close(self) -> None:
        """Close the store; recorded results stay."""
        self._driver.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"study {self.name!r} is not pickled: it holds a connection; open the study where it is needed, "
            "Study.load(url, name), or hand on its trials"
        )

    def __repr__(self) -> str:
        return f"Study({self.name!r} in {self._driver.store.shown}, recipe={self.recipe!r}, seed={self.seed})"
