"""Every kind of search that a job file can state, killed twice and gone on with: the same log in the end.

The runs are real processes that die of SIGKILL in the midst of an evaluation.  A fork server has the
libraries loaded, so that a process costs no more than its trials.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from smbo import Study
from smbo.trial import TrialState

OBJECTIVE = '''
"""A valley with all that an evaluation may have: failures, noise, costs, metrics, fidelities."""

import os, random, signal
from pathlib import Path

from smbo import Outcome


def die_if_it_is_time():
    with open("calls", "a") as calls:
        calls.write("x")
    deadly = Path("deadly")  # written by the test: the call at which the process is killed
    if deadly.exists() and os.path.getsize("calls") == int(deadly.read_text()):
        os.kill(os.getpid(), signal.SIGKILL)


def valley(params):
    return (params["x"] - 0.3) ** 2 + (params.get("y", 0.2) - 0.2) ** 2 * (1.0 + params["x"])


def evaluate(params, context):
    die_if_it_is_time()
    return valley(params)


def fail_in_a_corner(params, context):
    die_if_it_is_time()
    if params["x"] > 0.6:
        raise ValueError("too far")
    return float("nan") if params["y"] > 0.8 else valley(params)


def measure(params, context):
    die_if_it_is_time()
    return {"value": valley(params), "c": params["x"] + params["y"], "gain": params["x"] - params["y"] ** 2}


def measure_with_noise(params, context):
    die_if_it_is_time()
    if params["y"] > 0.9:
        raise ValueError("too far")
    noise = random.Random(context.seed).gauss(0.0, 0.02)
    return {"value": (valley(params) + noise, 0.02), "c": params["x"] + params["y"]}


def with_cost(params, context):
    die_if_it_is_time()
    return Outcome(valley(params), cost=10.0 ** params["x"])


def with_noise(params, context):
    die_if_it_is_time()
    return valley(params) + random.Random(context.seed).gauss(0.0, 0.1), 0.1


def by_epochs(params, context):
    die_if_it_is_time()
    return valley(params) + 0.1 / context.fidelity
'''

JOB = {
    "study": "job",
    "objective": {"python": "killed_job:evaluate"},
    "space": {"x": {"real": [0, 1]}, "y": {"real": [0, 1]}},
    "budget": {"trials": 9},
    "cluster": "serial",
    "isolation": "thread",  # what ends an evaluation's process is to end the run
    "seed": 3,
    "report": False,
}
PRIOR = {"x": {"real": [0, 1], "prior": {"normal": [0.4, 0.2]}}, "y": {"real": [0, 1]}}
MODES = {
    **JOB["space"],
    "mode": ["fast", "full"],
    "width": {"real": [0, 1], "active_when": "mode == 'full'"},
}
CLIMB = {"objective": {"python": "killed_job:by_epochs"}, "fidelity": {"low": 1, "high": 9}}


def evaluated_by(function: str) -> dict[str, object]:
    return {"objective": {"python": f"killed_job:{function}"}}


KINDS: dict[str, dict[str, object]] = {
    "failures": evaluated_by("fail_in_a_corner"),
    "constraints": {
        **evaluated_by("measure"),
        "objectives": {"value": "min"},
        "constraints": ["c >= 0.8", "x + y <= 1.6"],
    },
    "costs": {
        **evaluated_by("with_cost"),
        "recipe": {"cost": {"budget": 30}},
        "budget": {"cost": 30, "trials": 12},
    },
    "priors": {"space": PRIOR},
    "points to try first": {"try_first": [{"x": 0.5, "y": 0.5}, {"x": 0.1, "y": 0.9}]},
    "a table": {"transfer": ["old.csv"]},
    "an earlier study": {"transfer": [{"study": "old", "store": "sqlite:///../old.db"}]},
    "several objectives": {
        **evaluated_by("measure"),
        "objectives": {"value": "min", "gain": "max"},
        "constraints": ["c >= 0.3"],
    },
    "a level set": {
        **evaluated_by("measure"),
        "level_set": {"level": {"value": 0.1, "gain": 0.3}, "of": ["value", "gain"]},
    },
    "replication": {
        **evaluated_by("with_noise"),
        "recipe": {"auto": {"replication": {"margin": 0.01}}},
        "budget": {"trials": 14},
    },
    "a plateau": {"termination": {"plateau": 6, "gain": 0.01}, "budget": {"trials": 30}},
    "what is left to gain": {
        **evaluated_by("with_noise"),
        "termination": {"left": 5.0},
        "budget": {"trials": 30},
    },
    "halving": {**CLIMB, "early_stopping": "asha"},
    "hyperband": {**CLIMB, "early_stopping": {"hyperband": {"eta": 3}}},
    "a model of fidelities": {**CLIMB, "early_stopping": "model"},
    "fixed values": {
        "space": MODES,
        "fixed": {"mode": "full", "y": 0.4},
        "try_first": [{"x": 0.5, "y": 0.4, "mode": "full", "width": 0.5}],
    },
    "all at once": {
        **evaluated_by("measure_with_noise"),
        "space": PRIOR,
        "objectives": {"value": "min"},
        "constraints": ["c <= 1.5"],
        "try_first": [{"x": 0.5, "y": 0.5}],
        "transfer": ["old.csv"],
        "termination": {"plateau": 20},
        "budget": {"trials": 10, "failures": 5},
    },
}
LOADED = [
    "smbo.cli.run.command",
    "smbo.cli.run.session",
    "smbo.cli.job.task",
    "smbo.study.run",
    "smbo.analysis.summary",
    "smbo_objectives.python",
]
KILLS = (3, 8)  # calls of the objective that do not come back: one in the design, one with a model


def run_job(folder: str) -> None:
    """Run the job in a folder, in a process of its own."""
    os.chdir(folder)
    with open("said", "a") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    from smbo.cli import main

    main(["run", "job.json"])


def run_forgetful_job(folder: str) -> None:
    """Run the job with a mutant: the recipe's memory is that of its process, not of the log."""
    from smbo.proposal import suggest

    propose, held = suggest.propose, {}

    def forgetful(request):
        found = propose(replace(request, memory=held))
        held.update(found.memory)
        return found

    suggest.propose = forgetful
    run_job(folder)


def run(folder: Path, how: Callable[[str], None] = run_job) -> int:
    """Return how the process that ran a folder's job ended."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LOADED)
    process = context.Process(target=how, args=(str(folder),))
    process.start()
    process.join(timeout=300)
    assert process.exitcode is not None, "the run hangs"
    code = process.exitcode
    process.close()
    return code


@pytest.fixture
def begun(tmp_path):
    """Return a function that makes a folder with a job, beside an earlier study and a table of it."""
    url = f"sqlite:///{tmp_path / 'old.db'}"
    with Study.open(url, "old", {"x": (0.0, 1.0), "y": (0.0, 1.0)}, "sobol", seed=7) as old:
        for trial in old.ask(12):
            old.tell(trial, 3.0 * (trial.params["x"] - 0.35) ** 2 + trial.params["y"])
        rows = [f"{t.params['x']},{t.params['y']},{t.value}" for t in old.trials]

    def folder(name: str, job: dict[str, object]) -> Path:
        place = tmp_path / name
        place.mkdir()
        (place / "old.csv").write_text("\n".join(["x,y,value", *rows, "7,0,1"]))
        (place / "killed_job.py").write_text(OBJECTIVE)
        (place / "job.json").write_text(json.dumps({**JOB, **job}))
        return place

    return folder


def log_of(folder: Path, *, replays: bool = True) -> list[tuple[object, ...]]:
    """Return all that a study's log says of its trials, but for who ran them when."""
    with Study.load(f"sqlite:///{folder / 'job.db'}", "job") as study:
        if replays:
            replayed = study.replay()
            assert replayed.difference is None
            assert replayed.n_trials == len(study.trials)
        return [
            (
                trial.number,
                trial.params,
                trial.state,
                trial.seed,
                trial.value,
                trial.sem,
                trial.cost,
                dict(trial.metrics),
                trial.feasible,
                trial.reason,
                trial.fidelity,
                [(rung.fidelity, rung.value) for rung in trial.rungs],
            )
            for trial in study.trials
        ]


def calls(folder: Path) -> int:
    return len((folder / "calls").read_text())


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
@pytest.mark.parametrize("kind", KINDS)
def test_a_job_that_is_killed_twice_has_the_log_of_one_that_was_left_alone(kind, begun):
    calm, rough = begun("calm", KINDS[kind]), begun("rough", KINDS[kind])
    assert run(calm) == 0, (calm / "said").read_text()
    expected = log_of(calm)
    assert calls(calm) > max(KILLS), "too short to be killed as often"

    for at in KILLS:
        (rough / "deadly").write_text(str(at))
        assert run(rough) == -signal.SIGKILL, (rough / "said").read_text()
    assert run(rough) == 0, (rough / "said").read_text()
    assert log_of(rough) == expected
    assert calls(rough) == calls(calm) + len(KILLS)  # what did not come back ran again, and nothing else


def test_the_comparison_notices_a_search_that_keeps_in_its_process_what_belongs_in_the_log(begun):
    calm, rough = begun("calm", {"recipe": "random"}), begun("rough", {"recipe": "random"})
    assert run(calm, run_forgetful_job) == 0, (calm / "said").read_text()
    (rough / "deadly").write_text("4")
    assert run(rough, run_forgetful_job) == -signal.SIGKILL, (rough / "said").read_text()
    assert run(rough, run_forgetful_job) == 0, (rough / "said").read_text()
    expected, found = log_of(calm, replays=False), log_of(rough, replays=False)
    assert len(found) == len(expected)
    assert points(found)[:4] == points(expected)[:4]
    assert points(found) != points(expected)


def points(log):
    return [row[1] for row in log]


def test_the_jobs_do_what_they_are_named_for(begun):
    kinds = ("failures", "replication", "a plateau", "costs")
    logs = {kind: log_of(_whole(begun, kind), replays=False) for kind in kinds}
    states = [row[2] for row in logs["failures"]]
    assert TrialState.FAILED in states
    assert TrialState.COMPLETE in states
    asked = [tuple(point.items()) for point in points(logs["replication"])]
    assert len(set(asked)) < len(asked), "no point was asked for again"
    assert len(logs["a plateau"]) < 30
    assert sum(row[6] for row in logs["costs"][:-1]) < 30 < sum(row[6] for row in logs["costs"]) + 10


def _whole(begun, kind):
    folder = begun(kind.replace(" ", "-"), KINDS[kind])
    assert run(folder) == 0, (folder / "said").read_text()
    return folder
