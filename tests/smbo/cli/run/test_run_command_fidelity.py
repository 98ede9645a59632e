"""A job with a fidelity: the job file, the run, and what status, show and the report say of it."""

import json

import pytest
from click.testing import CliRunner

from smbo import Study
from smbo.cli import main

OBJECTIVE = """
def loss(params, context):
    assert isinstance(context.fidelity, int)
    return (params["x"] - 0.3) ** 2 + 0.1 / context.fidelity
"""

JOB = """
study: promoted
objective: {python: MODULE:loss}
space: {x: {real: [0.0, 1.0]}}
fidelity: {name: epochs, low: 1, high: 9}
early_stopping: STOPPING
budget: {trials: 9}
recipe: random
cluster: serial
seed: 1
"""


@pytest.fixture
def smbo(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        result = CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    return call


@pytest.mark.parametrize("stopping", ["asha", "{hyperband: {eta: 3}}", "model"])
def test_a_job_with_promotions_runs_to_its_end_and_says_so(smbo, tmp_path, stopping):
    # a process keeps the module of a name that it has loaded
    module = f"promoted_{len(stopping)}_{stopping[0].strip('{')}"
    (tmp_path / f"{module}.py").write_text(OBJECTIVE)
    (tmp_path / "job.yaml").write_text(JOB.replace("STOPPING", stopping).replace("MODULE", module))
    said = smbo("run", "job.yaml")
    assert "paused" in said
    with Study.load("sqlite:///promoted.db", "promoted") as study:
        assert len(study.trials) == 9
        assert study.best.fidelity == 9
        n_full = sum(trial.fidelity == 9 for trial in study.trials)
    status = smbo("status", "job.yaml")
    assert "promoted: finished" in status
    assert f"epochs 1 to 9 ({'hyperband' if 'hyperband' in stopping else stopping})" in status
    assert f"{n_full} at 9" in status
    shown = smbo("show", "job.yaml")
    table = shown[shown.index("number") :].splitlines()
    assert "fidelity" in table[0]
    states = [line.split()[1] for line in table[1:10]]
    assert states == ["complete"] * n_full + ["paused"] * (9 - n_full)
    trials = json.loads((tmp_path / "promoted-report" / "trials.json").read_text())
    assert {trial["fidelity"] for trial in trials if trial["state"] == "complete"} == {9}
    assert "epochs 1 to 9" in (tmp_path / "promoted-report" / "index.html").read_text()
    assert "is finished" in smbo("run", "job.yaml")  # nothing is left to promote
