"""The page on several objectives is true: its program runs, and its job."""

from __future__ import annotations

import re
from pathlib import Path

from smbo.cli.job.schema import read_jobfile
from smbo.cli.job.task import load_task

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "several_objectives.md").read_text(encoding="utf-8")


def block(language):
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
    return found


def test_the_program_finds_a_front(capsys):
    names: dict = {}
    exec(block("python"), names)
    assert len(names["found"].predicted) >= 10
    lines = capsys.readouterr().out.splitlines()
    assert lines[len(names["found"].predicted)] == str(names["found"])
    assert len(lines) == len(names["found"].predicted) + 3


def test_the_job_file_poses_the_problem_that_it_says(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "beam.py").write_text("def evaluate(params):\n    return {'cost': 1.0, 'gain': 2.0}\n")
    (tmp_path / "job.yaml").write_text(block("yaml"))
    job, document = read_jobfile(tmp_path / "job.yaml")
    goals = load_task(job, document, tmp_path).problem.multi_objective
    assert (dict(goals.directions), dict(goals.reference)) == ({"cost": "min", "gain": "max"}, {"cost": 1.2})
    assert dict(goals.weights) == {"cost": 2}
