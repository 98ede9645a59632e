"""A job with several objectives: run, killed and resumed, shown, reported, refused."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]

OBJECTIVE = '''
import os, signal
from pathlib import Path


def evaluate(params, context):
    x, y = params["x"], params["y"]
    return {"cost": x**2 + y, "gain": (3.0 - (1.0 - x) ** 2 - y, 0.01), "limit": x}


def evaluate_and_die(params, context):
    """Kill the program that evaluates, once, at the tenth evaluation."""
    with open("calls", "a") as calls:
        calls.write("x")
    if os.path.getsize("calls") == 10:
        os.kill(os.getpid(), signal.SIGKILL)
    return evaluate(params, context)
'''

LINES = (
    "objective: {python: cli_beam:evaluate}",
    "space: {x: {real: [0.0, 1.0]}, y: {real: [0.0, 1.0]}}",
    "objectives: {cost: min, gain: max}",
    "reference: {cost: 1.2}",
    "recipe: auto",
    "budget: {trials: 13}",
)


@pytest.fixture
def beam(folder, monkeypatch):
    monkeypatch.delitem(sys.modules, "cli_beam", raising=False)
    folder.write("cli_beam.py", OBJECTIVE)
    return folder


def trials(folder, study):
    result = folder.smbo("export", study, "--format", "json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_job_with_several_objectives_is_run_shown_and_reported(beam):
    beam.job(*LINES, "constraints: ['limit <= 0.9']", "report: out")
    result = beam.smbo("run", "job.yaml")
    assert result.exit_code == 0, result.output
    assert "best hypervolume" in result.output
    assert "Pareto set: " in result.output
    rows = trials(beam, "toy")
    assert [row["feasible"] for row in rows] == [row["params.x"] <= 0.9 for row in rows]
    assert all(row["metrics.gain_sem"] == 0.01 for row in rows)
    shown = beam.smbo("show", "toy").output
    assert re.search(r"recommended: cost \S+ ± \S+, gain \S+ ± \S+, the knee, by the posterior", shown)
    assert "cost 1.2" in shown
    status = json.loads(beam.smbo("status", "toy", "--json").output)
    (status,) = status if isinstance(status, list) else [status]
    assert status["pareto"]["reference"]["cost"] == 1.2
    assert set(status["pareto"]["observed"]) <= {row["number"] for row in rows if row["feasible"]}
    page = (beam.path / "out" / "index.html").read_text()
    assert page.count("data:image/png") == 2
    for words in ("Pareto set", "Hypervolume", "★", "compromises between cost, gain", "minimise cost"):
        assert words in page
    assert json.loads((beam.path / "out" / "recommended.json").read_text()).keys() == {"x", "y"}


def test_a_run_that_was_killed_goes_on_with_the_same_points(beam):
    beam.job(*LINES, "study: whole", name="whole.yaml")
    beam.smbo("run", "whole.yaml")
    beam.job(
        *LINES[1:],
        "objective: {python: cli_beam:evaluate_and_die}",
        "isolation: thread",  # its end is to be the end of the run
        "study: killed",
        name="killed.yaml",
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(beam.path)])}
    command = [sys.executable, "-m", "smbo.cli", "run", "killed.yaml"]
    first = subprocess.run(command, env=environment, capture_output=True, timeout=300)
    assert first.returncode == -signal.SIGKILL
    second = subprocess.run(command, env=environment, capture_output=True, timeout=300, text=True)
    assert second.returncode == 0, second.stdout + second.stderr
    found = [[row["params.x"], row["params.y"], row["state"]] for row in trials(beam, "killed")]
    assert found == [[row["params.x"], row["params.y"], row["state"]] for row in trials(beam, "whole")]
    replayed = beam.smbo("replay", "killed")
    assert replayed.exit_code == 0, replayed.output


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("recipe: gp", r"job\.yaml:\d+: recipe: .*for one objective"),
        ("reference: {loss: 1.0}", "'loss' is no objective"),
        ("weights: {cost: -1}", r"weights\.cost"),
        ("early_stopping: median", "several objectives: cost, gain"),
        ("objectives: {cost: min}", "go with several objectives"),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_runs(beam, line, said):
    kept = [each for each in LINES if each.split(":")[0] != line.split(":")[0]]
    beam.job(*kept, line)
    result = beam.smbo("run", "job.yaml")
    assert result.exit_code == 2
    assert re.search(said, result.output), result.output
    assert not (beam.path / "toy.db").exists()
