"""A program's intermediate values reach the study while it runs, and its checkpoint reaches it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from smbo.problem import Context, Pruned
from smbo_objectives.command import Command

TRAIN = """
import json, os, signal, sys, time
folder = os.environ["SMBO_FOLDER"]
def end(*_):
    open(folder + "/saved", "w")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
for step in range(int(sys.argv[1])):
    with open(os.environ["SMBO_REPORTS"], "a") as file:
        file.write(json.dumps({"step": step, "value": step / 4}) + "\\n")
    time.sleep(float(sys.argv[2]))
print(7)
"""


@pytest.fixture
def seen():
    return []


@pytest.fixture
def make_context(tmp_path, seen):
    def make(report=None, **more):
        folder = tmp_path / "attempt"
        folder.mkdir(exist_ok=True)
        return Context(seed=1, folder=folder, report=report or (lambda *pair: seen.append(pair)), **more)

    return make


def train(*arguments, **settings):
    return Command([sys.executable, "-c", TRAIN, *arguments], result="stdout", grace_seconds=20, **settings)


def test_reports_are_handed_on_while_the_program_runs(make_context, seen):
    late = []
    context = make_context(lambda step, value: late.append(time.monotonic()) or seen.append((step, value)))
    assert train("4", "0.3").evaluate({}, context).value == 7
    assert seen == [(0.0, 0.0), (1.0, 0.25), (2.0, 0.5), (3.0, 0.75)]
    # the first one came long before the end
    assert late[-1] - late[0] > 0.3


def test_reports_of_a_program_too_quick_to_be_watched_are_handed_on_too(make_context, seen):
    train("3", "0").evaluate({}, make_context())
    assert [step for step, _ in seen] == [0.0, 1.0, 2.0]


def test_a_report_that_asks_for_an_end_ends_the_program_which_may_save_its_state(make_context):
    def report(step, value):
        if step >= 1:
            raise Pruned("enough")

    context = make_context(report)
    with pytest.raises(Pruned):
        train("1000", "0.1").evaluate({}, context)
    assert (context.folder / "saved").exists()


def test_a_program_that_reports_seldom_is_ended_when_it_need_not_go_on(make_context, seen):
    context = make_context(should_stop=lambda: len(seen) == 1)
    began = time.monotonic()
    with pytest.raises(Pruned):
        train("2", "1000").evaluate({}, context)
    assert time.monotonic() - began < 900
    assert (context.folder / "saved").exists()


DESCENT = Path(__file__).resolve().parents[2] / "examples" / "command"


def test_the_examples_program_goes_on_from_its_checkpoint_as_if_it_had_never_stopped(tmp_path, seen):
    command = Command(["perl", str(DESCENT / "descent.pl")])

    def evaluate(name, fidelity, checkpoint=None):
        folder = tmp_path / name
        folder.mkdir()
        context = Context(
            seed=5,
            folder=folder,
            fidelity=fidelity,
            checkpoint=checkpoint,
            report=lambda *pair: seen.append(pair),
        )
        return command.evaluate({"rate": 1e-3, "momentum": 0.5}, context)

    whole = evaluate("whole", 90.0)
    assert [step for step, _ in seen] == list(range(10, 100, 10))
    first = evaluate("first", 30.0)
    rest = evaluate("rest", 90.0, tmp_path / "first")
    assert rest.value == whole.value < first.value
    assert seen[9:] == seen[:9]


@pytest.mark.slow
def test_the_example_climbs_from_its_job_file(tmp_path):
    job = (DESCENT / "descent.yaml").read_text()
    small = job.replace("trials: 30", "trials: 9").replace("high: 810", "high: 90")
    small = small.replace("{local: {workers: 2}}", "serial").replace(
        "report: report/descent", "report: false"
    )
    (tmp_path / "descent.yaml").write_text(small.replace("recipe: auto", "recipe: sobol"))
    (tmp_path / "descent.pl").write_bytes((DESCENT / "descent.pl").read_bytes())

    def smbo(*words):
        command = [sys.executable, "-m", "smbo.cli", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    smbo("run", "descent.yaml")
    trials = json.loads(smbo("export", "descent", "--format", "json"))
    measured = [trial for trial in trials if trial["state"] != "failed"]  # some rates are too high
    assert {trial["state"] for trial in measured} == {"complete", "paused"}
    assert max(trial["fidelity"] for trial in measured) == 90.0
    # the program counts its steps on from its checkpoint
    assert all(trial["cost"] == trial["fidelity"] for trial in measured)


def test_a_checkpoint_reaches_the_program_by_argument_and_environment(make_context, tmp_path):
    code = (
        "import json, os, sys\n"
        "with open(os.environ['SMBO_FOLDER'] + '/told.json', 'w') as file:\n"
        "    json.dump([os.environ.get('SMBO_CHECKPOINT'), sys.argv[1:]], file)\n"
        "print(1)"
    )
    command = Command([sys.executable, "-c", code, "--from={checkpoint}"], result="stdout")
    for checkpoint in (None, tmp_path / "earlier"):
        context = make_context(checkpoint=checkpoint)
        command.evaluate({}, context)
        said = json.loads((context.folder / "told.json").read_text())
        name = "" if checkpoint is None else str(checkpoint)
        assert said == [name or None, [f"--from={name}"]]
