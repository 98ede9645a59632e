"""The keys `transfer`, `try_first` and `prior` of a job file."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from smbo import Study
from smbo.cli.group import main

JOB = """\
study: warm
objective:
  python: {function: "warm_objective:evaluate"}
space: {x: {real: [0, 1], prior: {normal: [0.4, 0.2]}}, y: {real: [0, 1]}}
constraints: ["c <= 1.5"]
objectives: {value: min}
budget: {trials: 8}
try_first: [{x: 0.5, y: 0.5}]
transfer: [old.csv]
cluster: serial
seed: 3
report: false
"""

OBJECTIVE = """\
def evaluate(params):
    return {"value": (params["x"] - 0.3) ** 2 + params["y"], "c": params["x"] + params["y"]}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "warm_objective", raising=False)
    rows = [
        f"{k / 20},{(7 * k % 20) / 20},{3 * (k / 20 - 0.3) ** 2 + 3 * (7 * k % 20) / 20}" for k in range(21)
    ]
    (tmp_path / "old.csv").write_text("\n".join(["x,y,value", *rows, "5,0,1"]))
    (tmp_path / "warm_objective.py").write_text(OBJECTIVE)
    (tmp_path / "job.yaml").write_text(JOB)
    return tmp_path


def run(*arguments: str):
    return CliRunner().invoke(main, list(arguments))


def points(folder: Path) -> list[dict[str, float]]:
    with Study.load(f"sqlite:///{folder / 'warm.db'}", "warm") as study:
        return [dict(trial.params) for trial in study.trials]


def test_a_study_is_gone_on_with_although_what_it_started_from_has_changed(folder):
    (folder / "job.yaml").write_text(JOB.replace("report: false\n", ""))
    assert run("run", "job.yaml").exit_code == 0
    page = (folder / "warm-report" / "index.html").read_text()
    assert "old.csv, row 22: x=5.0 is outside" in page
    with (folder / "old.csv").open("a") as table:
        table.write("\n0.9,0.9,1.0\n")
    assert run("run", "job.yaml", "--trials", "9").exit_code == 0
    (folder / "old.csv").unlink()
    gone_on = run("resume", "warm", "--trials", "10")
    assert gone_on.exit_code == 0, gone_on.output
    assert len(points(folder)) == 10
    assert "10 trials of" in run("replay", "warm").output
    (folder / "job.yaml").write_text(JOB.replace("[old.csv]", "[other.csv]"))
    assert "other.csv: cannot be read" in run("run", "job.yaml").output


def test_a_run_starts_from_what_is_known_and_goes_on_with_the_same_points(folder):
    first = run("run", "job.yaml")
    assert first.exit_code == 0, first.output
    assert "old.csv: 21 of 22 rows are used" in first.output
    assert "row 22: x=5.0 is outside" in first.output
    whole = points(folder)
    assert whole[0] == {"x": 0.5, "y": 0.5}
    assert whole[1] == {"x": 0.15, "y": 0.05}  # the best of the earlier study

    (folder / "warm.db").unlink()
    (folder / "job.yaml").write_text(JOB.replace("trials: 8", "trials: 5"))
    assert run("run", "job.yaml").exit_code == 0
    (folder / "job.yaml").write_text(JOB)
    assert run("run", "job.yaml").exit_code == 0
    assert points(folder) == whole
    replayed = run("replay", "warm")
    assert replayed.exit_code == 0, replayed.output
    assert "8 trials of" in replayed.output


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[old.csv]", "[none.csv]", "job.yaml:9: transfer.0: "),
        ("[old.csv]", "[{file: old.csv, value: z}]", "no column is called 'z'; there are value, x, y"),
        ("[old.csv]", "[{study: a}]", "`study` and `store` go together"),
        ("x: 0.5, y: 0.5", "x: 5, y: 0.5", "job.yaml:8: try_first.0: x=5 is outside"),
        ("normal: [0.4, 0.2]", "normal: 3", "write Normal(mean, std)"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_line(folder, old, new, message):
    (folder / "job.yaml").write_text(JOB.replace(old, new))
    result = run("run", "job.yaml")
    assert result.exit_code == 2
    assert message in result.output
    assert not (folder / "warm.db").exists()


def test_a_metric_of_an_earlier_study_may_be_the_value_of_this_one(folder):
    old = JOB.replace("transfer: [old.csv]\n", "").replace("study: warm", "study: old")
    (folder / "old.yaml").write_text(old)
    assert run("run", "old.yaml").exit_code == 0

    def begun(name: str, source: str, objective: str = "c"):
        job = old.replace("study: old", f"study: {name}").replace("{value: min}", f"{{{objective}: min}}")
        job = job.replace("trials: 8", "trials: 1").replace("try_first: [{x: 0.5, y: 0.5}]\n", "")
        source = f"{{study: old, store: 'sqlite:///old.db'{source}}}"
        (folder / f"{name}.yaml").write_text(job + f"transfer: [{source}]\n")
        return run("run", f"{name}.yaml")

    assert begun("named", "").exit_code == 0
    with Study.load("sqlite:///old.db", "old") as study, Study.load("sqlite:///named.db", "named") as new:
        values = [trial.metrics["c"] for trial in study.trials]
        assert list(new.problem.transfer[0].values) == values
    assert begun("said", ", value: c", "value").exit_code == 0
    with Study.load("sqlite:///said.db", "said") as new:
        assert list(new.problem.transfer[0].values) == values
    refused = begun("unknown", ", value: chi2")
    assert refused.exit_code == 2
    assert "no metric is called 'chi2'; there are c, value; say which is meant" in refused.output


def test_sources_of_other_names_directions_and_dimensions_are_mapped_in_the_job(folder):
    (folder / "warm_objective.py").write_text(
        OBJECTIVE.replace('"c":', '"gain": -params["x"], "c":')  # of which the more the better
    )
    old = JOB.replace("transfer: [old.csv]\n", "").replace("study: warm", "study: old")
    old = old.replace("{value: min}", "{gain: max}").replace("trials: 8", "trials: 4")
    (folder / "old.yaml").write_text(old)
    assert run("run", "old.yaml").exit_code == 0

    def begun(settings: str, space: str = ""):
        job = JOB.replace("trials: 8", "trials: 1").replace("y: {real: [0, 1]}", "y: {real: [0, 1]}" + space)
        source = f"{{study: old, store: 'sqlite:///old.db'{settings}}}"
        (folder / "job.yaml").write_text(job.replace("[old.csv]", f"[{source}]"))
        return run("run", "job.yaml")

    said = begun(", metrics: {value: gain}").output
    assert "'gain' was to be maximal, and 'value' is to be minimal; take its negative" in said
    assert "metrics: {value: -gain}" in said
    assert "metrics: 'f' is not sought here; there is value" in begun(", metrics: {f: gain}").output
    assert "z is missing" in begun(", metrics: {value: -gain}", ", z: {real: [0, 9]}").output
    settings = ", metrics: {value: -gain}, defaults: {z: 3}"
    more = begun(settings, ", z: {real: [0, 9]}").output
    assert "try_first.0: z is missing" in more
    begun_at_last = begun(", metrics: {value: -gain}")
    assert begun_at_last.exit_code == 0, begun_at_last.output
    with Study.load("sqlite:///old.db", "old") as study, Study.load("sqlite:///warm.db", "warm") as new:
        assert list(new.problem.transfer[0].values) == [-trial.metrics["gain"] for trial in study.trials]


def test_a_level_set_goes_on_from_another_one_with_the_same_points(folder):
    head = JOB.replace('constraints: ["c <= 1.5"]\nobjectives: {value: min}\n', "level_set: {level: 0.3}\n")
    head = head.replace(", prior: {normal: [0.4, 0.2]}", "").replace("try_first: [{x: 0.5, y: 0.5}]\n", "")
    old = head.replace("transfer: [old.csv]\n", "").replace("study: warm", "study: old")
    (folder / "old.yaml").write_text(old)
    assert run("run", "old.yaml").exit_code == 0
    job = head.replace("[old.csv]", "[{study: old, store: 'sqlite:///old.db'}]")
    (folder / "job.yaml").write_text(job)
    first = run("run", "job.yaml")
    assert first.exit_code == 0, first.output
    with Study.load("sqlite:///warm.db", "warm") as new, Study.load("sqlite:///old.db", "old") as study:
        told = [trial.metrics["value"] for trial in study.trials]
        assert new.problem.transfer[0].outputs[:, 0].tolist() == told
    whole = points(folder)
    (folder / "warm.db").unlink()
    (folder / "job.yaml").write_text(job.replace("trials: 8", "trials: 5"))
    assert run("run", "job.yaml").exit_code == 0
    (folder / "job.yaml").write_text(job)
    assert run("run", "job.yaml").exit_code == 0
    assert points(folder) == whole
    assert "8 trials of" in run("replay", "warm").output
