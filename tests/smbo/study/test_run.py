"""Running a study: outcomes, retries, limits of a run, and what an interrupted run leaves."""

from __future__ import annotations

import itertools
import os
import time
from collections import deque

import pytest

from smbo.errors import EvaluationFailed, ObjectiveError, StoreError, StoreUnavailable
from smbo.problem import Outcome, Problem
from smbo.space import Categorical, Integer, Real
from smbo.store.budget import Budget
from smbo.study import Study
from smbo.study.drivers import owner_text
from smbo.study.protocol import StopReason
from smbo.study.run import installed_executor, run_study
from smbo.study.run_settings import RunSettings
from smbo.trial import TrialState
from smbo_scheduler.jobs import Job, JobOutcome, JobStatus, Limits
from smbo_scheduler.loop import RunEnd, Stop
from smbo_scheduler.outbox.processes import ProcessName, process_name, this_process
from smbo_scheduler.outbox.spool import Spool
from smbo_scheduler.retry import RetryPolicy
from smbo_scheduler.worker.child import close_children

SPACE = {"x": Real(0.0, 1.0), "kind": Categorical(["a", ("b", 2)])}


def parabola(params):
    return (params["x"] - 0.3) ** 2


def sleeps(params):
    time.sleep(60)
    return 1.0


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/runs.db"


def opened(url, **more):
    return Study.open(url, "s", **{"problem": SPACE, "recipe": "random", "seed": 1, **more})


class ScriptedExecutor:
    """Ends each job as a script says, "ok" with 1.0, and once it is cancelled so."""

    def __init__(self, script, slots=1):
        self.script = iter(script)
        self.slots = slots
        self.waiting: deque[Job] = deque()
        self.submitted: list[Job] = []
        self.adopted: list[Job] = []
        self.ready: list[JobOutcome] = []

    runs_elsewhere = False

    def trouble(self):
        return None

    def capacity(self):
        return self.slots

    def submit(self, job):
        self.submitted.append(job)
        self.waiting.append(job)

    def adopt(self, jobs):
        self.adopted += jobs
        self.waiting.extend(jobs)

    def settle(self, outcome):
        pass

    def cancel(self, job):
        self.waiting.remove(job)
        self.ready.append(JobOutcome(job, JobStatus.CANCELLED, reason="cancelled"))

    def close(self):
        pass

    def poll(self, timeout_seconds):
        if self.ready:
            return [self.ready.pop()]
        word = next(self.script, None)
        if word is None or not self.waiting:
            return []
        job, ending = self.waiting.popleft(), JobStatus(word)
        if ending is not JobStatus.OK:
            return [JobOutcome(job, ending, reason=ending.value, error="story")]
        result = {
            "value": 1.0,
            "sem": None,
            "cost": None,
            "metrics": {},
            "outputs": None,
            "outputs_variance": None,
        }
        return [JobOutcome(job, ending, result=result, host="h", pid=7, started=1.0, ended=2.0)]


def states(study):
    return [(trial.state.value, trial.reason) for trial in study.trials]


def test_a_run_ends_when_the_budget_is_used_up_and_says_why(url):
    with opened(url, budget=Budget(trials=7)) as study:
        report = study.run(parabola)
        assert (report.end, report.why, report.n_by_status) == (
            RunEnd.FINISHED,
            StopReason.BUDGET,
            {JobStatus.OK: 7},
        )
        assert [trial.value for trial in study.trials] == [parabola(trial.params) for trial in study.trials]
        assert study.spent.seconds > 0
        assert study.run(parabola).n_by_status == {}


def test_a_run_proposes_what_ask_and_tell_by_hand_do(url, tmp_path):
    with opened(url, recipe="gp") as run, opened(f"sqlite:///{tmp_path}/hand.db", recipe="gp") as hand:
        run.run(parabola, n_trials=8)
        for _ in range(8):
            trial = hand.ask()
            hand.tell(trial, parabola(trial.params))
        assert [trial.params for trial in run.trials] == [trial.params for trial in hand.trials]


def test_the_objective_gets_its_point_its_seed_and_a_folder_of_its_own(url):
    seen = []

    def objective(params, context):
        assert list(context.folder.iterdir()) == []
        seen.append((dict(params), context.seed))
        context.report(1, 0.5)
        return Outcome(1.0, sem=0.5, cost=3.0, metrics={"a": 2.0})

    with opened(url) as study:
        study.run(objective, n_trials=3)
        assert seen == [(trial.params, trial.seed) for trial in study.trials]
        trial = study.trials[0]
        assert (trial.sem, trial.cost, trial.metrics) == (0.5, 3.0, {"a": 2.0})


@pytest.mark.parametrize(
    ("objective", "reason"),
    [
        (lambda params: 1 / 0, "objective-error"),
        (lambda params: float("nan"), "non-finite"),
        (lambda params: {"other": 1.0}, "bad-output"),
    ],
    ids=["raises", "nan", "lacks its value"],
)
def test_what_goes_wrong_in_an_objective_is_a_failed_trial_with_its_reason(url, objective, reason):
    with opened(url, budget=Budget(trials=2)) as study:
        study.run(objective)
        assert [state for state, _ in states(study)] == ["failed", "failed"]
        if reason != "bad-output" or "bad" in states(study)[0][1]:
            assert states(study)[0][1] == reason
        assert study.trials[0].error


@pytest.mark.parametrize("returned", [None, "text"])
def test_an_objective_that_returns_no_result_ends_the_run_and_nothing_is_counted(url, returned):
    """Where ``return`` is missing, all of the budget was spent."""
    with opened(url, budget=Budget(trials=9)) as study:
        report = study.run(lambda params: returned)
        assert report.why is StopReason.BROKEN
        assert f"the result's value is {returned!r}" in (report.error or "")
        assert {state for state, _ in states(study)} == {"waiting"}
        assert study.run(parabola).why is StopReason.BUDGET
        assert len(study.trials) == 9


def test_a_run_ends_when_no_result_is_one_that_the_problem_can_use_and_keeps_what_was_measured(url):
    problem = Problem(SPACE, constraints=["size <= 3"])
    with Study.open(url, "misfit", problem, "sobol", seed=1, budget=Budget(trials=30)) as study:
        report = study.run(lambda params: Outcome(2.5, cost=7.0, metrics={"sise": 1.0}))
        assert (report.why, len(study.trials)) == (StopReason.MISFIT, 3)
        said = {(trial.reason, trial.error, trial.cost) for trial in study.trials}
        assert said == {
            ("bad-output", "the constraints ['size <= 3'] need ['size'], which the result lacks", 7.0)
        }
        assert study.trials[0].metrics == {"value": 2.5, "sise": 1.0}


def test_results_that_do_not_fit_now_and_then_end_nothing(url):
    with opened(url, budget=Budget(trials=8)) as study:
        report = study.run(
            lambda params, context: 1.0 if context.seed == study.trials[0].seed else {"b": 1.0}
        )
        assert (report.why, len(study.trials)) == (StopReason.BUDGET, 8)


def test_an_objective_may_name_its_reason(url):
    def objective(params):
        raise EvaluationFailed("generator aborted")

    with opened(url) as study:
        study.run(objective, n_trials=1)
        assert states(study) == [("failed", "generator aborted")]


def test_so_many_failures_as_the_budget_allows_end_the_run(url):
    with opened(url, budget=Budget(trials=9, failures=2)) as study:
        report = study.run(lambda params: 1 / 0)
        assert (report.why, len(study.trials)) == (StopReason.FAILURES, 2)


def test_a_lost_trial_is_run_again_with_its_point_and_seed_under_a_new_token(url):
    executor = ScriptedExecutor(["lost", "lost", "ok", "ok"])
    with opened(url) as study:
        study.run(parabola, executor, n_trials=2)
        first, second, third, fourth = executor.submitted
        assert first.number == second.number == third.number == 0
        assert first.payload == second.payload == third.payload
        assert len({job.token for job in executor.submitted}) == 4
        assert fourth.number == 1
        assert states(study) == [("complete", None), ("complete", None)]


def test_a_trial_that_is_lost_too_often_fails_and_costs_no_budget(url):
    executor = ScriptedExecutor(["lost", "lost", "ok"])
    with opened(url, budget=Budget(trials=1)) as study:
        study.run(parabola, executor, retries=RetryPolicy(losses=1))
        assert states(study) == [("failed", "lost"), ("complete", None)]


def test_a_run_that_loses_one_trial_after_the_other_ends(url):
    with opened(url, budget=Budget(trials=99)) as study:
        report = study.run(
            parabola, ScriptedExecutor(itertools.repeat("lost")), retries=RetryPolicy(losses=0)
        )
        assert report.why is StopReason.LOST
        assert len(study.trials) == 3


def test_timeouts_are_failures_unless_retries_are_asked_for(url):
    with opened(url) as study:
        study.run(parabola, ScriptedExecutor(["timeout", "memory"]), n_trials=2)
        assert states(study) == [("failed", "timeout"), ("failed", "memory")]
        patient = RetryPolicy(retries_at_limits=1)
        study.run(parabola, ScriptedExecutor(["timeout", "ok"]), n_trials=1, retries=patient)
        assert states(study)[2] == ("complete", None)


def test_limits_and_resources_travel_with_each_job(url):
    executor = ScriptedExecutor(["ok"])
    with opened(url) as study:
        study.run(parabola, executor, n_trials=1, limits=Limits(9.0, 10**9), resources={"GPU": 1})
    assert (executor.submitted[0].limits, executor.submitted[0].resources) == (Limits(9.0, 10**9), {"GPU": 1})


def test_never_more_trials_are_asked_for_than_there_are_slots(url):
    executor = ScriptedExecutor(itertools.repeat("ok"), slots=3)
    pending = []
    with opened(url, budget=Budget(trials=8)) as study:
        study.run(parabola, executor, on_progress=lambda progress: pending.append(len(progress.running)))
        assert max(pending) == 3
        assert [trial.number for trial in study.trials] == list(range(8))


def test_n_trials_and_timeout_seconds_limit_one_call(url):
    now = itertools.count()
    with opened(url, budget=Budget(trials=50)) as study:
        assert study.run(parabola, n_trials=3).why is StopReason.N_TRIALS
        assert len(study.trials) == 3
        settings = RunSettings(timeout_seconds=40, clock=lambda: float(next(now)))
        report = run_study(study._driver, parabola, settings=settings)
        assert report.why is StopReason.TIMEOUT
        assert 3 < len(study.trials) < 50
        assert all(trial.state is TrialState.COMPLETE for trial in study.trials)


def test_a_budget_of_time_counts_all_runs_together(url):
    now = itertools.count()
    with opened(url, budget=Budget(time_seconds=60.0)) as study:
        report = run_study(study._driver, parabola, settings=RunSettings(clock=lambda: float(next(now))))
        assert report.why is StopReason.BUDGET
        assert 0 < len(study.trials) < 60
        assert study.run(parabola).n_by_status == {}


def test_a_finite_space_that_is_used_up_ends_the_run(url):
    with Study.open(url, "s", {"n": Integer(1, 3)}, recipe="random", seed=1) as study:
        report = study.run(lambda params: float(params["n"]))
        assert report.why is StopReason.SPACE
        assert sorted(trial.value for trial in study.trials) == [1.0, 2.0, 3.0]


def test_a_stop_from_another_process_ends_the_run_and_the_next_run_goes_on(url):
    def stops(params):
        with Study.load(url, "s") as other:
            other.stop()
        return 1.0

    with opened(url, budget=Budget(trials=4)) as study:
        assert study.run(stops).why is StopReason.STOPPED
        assert len(study.trials) == 1
        assert study.run(parabola).why is StopReason.BUDGET
        assert len(study.trials) == 4


def test_a_cancelled_run_leaves_its_trials_waiting_for_the_next_one(url):
    stops = iter([Stop.GO, Stop.CANCEL, Stop.CANCEL])
    with opened(url, budget=Budget(trials=2)) as study:
        report = study.run(parabola, ScriptedExecutor([]), stop=lambda: next(stops))
        assert (report.end, report.why) == (RunEnd.CANCELLED, StopReason.STOPPED)
        assert states(study) == [("waiting", None)]
        study.run(parabola)
        assert states(study) == [("complete", None)] * 2


def test_trials_of_a_dead_driver_are_watched_and_those_of_a_living_one_are_left_alone(url):
    here = this_process()
    dead = ProcessName(here.host, here.machine, here.pid, here.started - 1)
    parent = process_name(os.getppid())
    with opened(url, budget=Budget(trials=4)) as study:
        by_hand = study.ask()
        (orphan,) = study._driver.ask_for(owner_text(dead), 1)
        (others,) = study._driver.ask_for(owner_text(parent), 1)
        executor = ScriptedExecutor(["lost", "ok", "ok"])
        study.run(parabola, executor, n_trials=2)
        assert [(job.number, job.token) for job in executor.adopted] == [(orphan.number, orphan.token)]
        assert [trial.state.value for trial in study.trials] == ["running", "complete", "running", "complete"]
        assert study.tell(by_hand, 1.0).state is TrialState.COMPLETE
        assert study.tell(others, 1.0).state is TrialState.COMPLETE


def test_a_result_that_finished_while_no_driver_was_there_is_recorded_and_not_run_again(url):
    here = this_process()
    dead = ProcessName(here.host, here.machine, here.pid, here.started - 1)
    with opened(url, budget=Budget(trials=1)) as study:
        (trial,) = study._driver.ask_for(owner_text(dead), 1)
        spool = Spool(study._driver.spool_folder)
        job = Job("s", trial.number, trial.token, {"params": {}})
        result = {
            "value": 42.0,
            "sem": None,
            "cost": None,
            "metrics": {},
            "outputs": None,
            "outputs_variance": None,
        }
        spool.write(JobOutcome(job, JobStatus.OK, result=result))

        def never(params):
            raise AssertionError("it had finished")

        assert study.run(never).n_by_status == {}
        assert study.trials[0].value == 42.0
        assert spool.pending() == []


def test_wrong_arguments_are_refused_before_anything_is_stored(url):
    with opened(url) as study:
        before = study._driver.store.study("s")
        for error, arguments in [
            (ObjectiveError, {"objective": 3}),
            (ObjectiveError, {"objective": lambda: 1.0}),
            (ObjectiveError, {"objective": lambda a, b, c: 1.0}),
            (StoreError, {"objective": parabola, "n_trials": 0}),
            (StoreError, {"objective": parabola, "timeout_seconds": -1}),
            (StoreError, {"objective": parabola, "executor": 3}),
        ]:
            with pytest.raises(error):
                study.run(**arguments)
        assert study._driver.store.study("s") == before


def test_constraints_decide_feasibility_in_a_run(url):
    problem = Problem(SPACE, objectives={"z": "max"}, constraints=["b >= 0.5"])
    with opened(url, problem=problem) as study:
        study.run(lambda params: {"z": 1.0, "b": params["x"]}, n_trials=6)
        assert [trial.feasible for trial in study.trials] == [
            trial.params["x"] >= 0.5 for trial in study.trials
        ]


def test_an_evaluation_that_takes_too_long_is_ended_in_a_child_process(url):
    with opened(url) as study:
        report = study.run(sleeps, n_trials=1, limits=Limits(time_seconds=0.5))
        close_children()
        assert report.n_by_status == {JobStatus.TIMEOUT: 1}
        assert states(study) == [("failed", "timeout")]


def test_a_run_waits_out_a_full_store_and_loses_nothing(tmp_path):
    values = []

    def objective(params):
        values.append((params["x"] - 0.3) ** 2)
        if len(values) == 3:
            set_room(study, pages=1)
        return values[-1]

    def set_room(study, pages):
        # of the connection that is used next
        study._driver.store._database.read(lambda at: at.exec_driver_sql(f"PRAGMA max_page_count = {pages}"))

    messages = []

    def hear(progress):
        messages.append(progress.message)
        if progress.message and "full" in progress.message:
            set_room(study, pages=2**30)

    url = f"sqlite:///{tmp_path}/runs.db"
    with Study.open(url, "s", {"x": (0.0, 1.0)}, "random", 1, Budget(trials=40)) as study:
        study.run(objective, on_progress=hear)
        # the attempts, whose number shows whether anything was evaluated twice
        assert len(study._driver.store.attempts(study._driver.id)) == 40
        assert [trial.value for trial in study.trials] == values
    assert any(message and f"{tmp_path}/runs.db" in message for message in messages)


def test_a_full_store_says_so_by_its_name_and_that_it_may_pass(tmp_path):
    url = f"sqlite:///{tmp_path}/runs.db"
    with Study.open(url, "s", {"x": (0.0, 1.0)}, "random", 1) as study:
        study._driver.store._database.read(lambda at: at.exec_driver_sql("PRAGMA max_page_count = 1"))
        with pytest.raises(StoreUnavailable, match=r"runs\.db.*full"):
            study.ask(500)
        asked = len(study.trials)
        study._driver.store._database.read(lambda at: at.exec_driver_sql("PRAGMA max_page_count = 1000000"))
        assert study.ask().number == asked


@pytest.fixture
def halves(tmp_path, monkeypatch):
    """Have a package installed, of one file and what names its executor."""
    (tmp_path / "half_executor.py").write_text(
        "from smbo_scheduler.executors import SerialExecutor\n"
        "def make(target, outbox, *, divisor=2):\n"
        "    def halved(payload, context):\n"
        "        result = target(payload, context)\n"
        "        return {**result, 'value': result['value'] / divisor}\n"
        "    return SerialExecutor(halved, outbox)\n"
    )
    info = tmp_path / "half_executor-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: half-executor\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[smbo.executors]\nhalf = half_executor:make\n")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("halves")
def test_an_installed_executor_is_known_by_its_name_and_takes_settings(url):
    with opened(url) as study:
        study.run(lambda params: 8.0, "half", n_trials=1)
        study.run(lambda params: 8.0, installed_executor("half", {"divisor": 4}), n_trials=1)
        assert [trial.value for trial in study.trials] == [4.0, 2.0]


@pytest.mark.usefixtures("halves")
def test_an_unknown_executor_or_setting_is_refused_with_what_there_is(url):
    with opened(url) as study, pytest.raises(StoreError, match=r"no executor 'halve'; installed: .*half"):
        study.run(parabola, "halve")
    with pytest.raises(StoreError, match=r"executor 'half' cannot be used: .*'factor'"):
        installed_executor("half", {"factor": 3})
