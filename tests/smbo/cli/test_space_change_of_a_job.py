"""`smbo run --change-space`: a job file with another space, and what the commands say of the change."""

import json

import pytest
from click.testing import CliRunner

from smbo.cli import main

OBJECTIVE = "def f(params): return (params['x'] - 0.3) ** 2 + params.get('m', 0.0)\n"
JOB = """
study: s
objective: {{python: '{module}:f'}}
space: {space}
budget: {{trials: {trials}}}
cluster: serial
report: false
seed: 3
"""
OLD, NEW = "{x: {real: [0, 1]}}", "{x: {real: [0.5, 2]}, m: {real: [0, 1]}}"


@pytest.fixture
def smbo(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = f"objective_of_{tmp_path.name}"  # a process loads a module of one name once
    (tmp_path / f"{module}.py").write_text(OBJECTIVE)

    def run(*args, space=NEW, trials=8):
        (tmp_path / "job.yaml").write_text(JOB.format(module=module, space=space, trials=trials))
        return CliRunner().invoke(main, list(args))

    return run


def test_a_job_with_another_space_goes_on_only_when_told_to(smbo):
    assert smbo("run", "job.yaml", space=OLD, trials=5).exit_code == 0
    refused = smbo("run", "job.yaml")
    assert refused.exit_code == 2
    assert "space: x: real [0.0, 1.0] is now real [0.5, 2.0]" in refused.output
    assert "--change-space" in refused.output
    assert "m has no value at trial 0" in smbo("run", "job.yaml", "--change-space").output
    run = ("run", "job.yaml", "--change-space", "--default", "m=0")
    done = smbo(*run)
    assert done.exit_code == 0, done.output
    assert "space: m is new: real [0.0, 1.0]; 0.0 so far" in done.output
    for command in ("status", "show"):
        assert "changed before trial 5" in smbo(command, "s").output
    status = json.loads(smbo("status", "s", "--json").output)
    assert status["space_changes"][0]["first_number"] == 5
    assert status["best"]["trial"] >= 0
    rows = json.loads(smbo("export", "s", "--format", "json").output)
    assert len(rows) == 8
    assert [row["params.m"] for row in rows[:5]] == [0.0] * 5
    assert all(row["params.x"] >= 0.5 for row in rows[5:])
    again = smbo("run", "job.yaml", "--change-space", trials=9)
    assert "it is the study's already" in again.output
    assert smbo("resume", "s").exit_code == 0
    assert "come out the same" in smbo("replay", "s").output
    assert "no fault found" in smbo("db", "check", "sqlite:///s.db").output


def test_a_default_goes_with_a_changed_space(smbo):
    assert "--default goes with --change-space" in smbo("run", "job.yaml", "--default", "m=0").output
    first = smbo("run", "job.yaml", "--change-space", trials=2)  # a study that begins
    assert first.exit_code == 0, first.output
