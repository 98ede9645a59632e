"""After the last trial: confirmation runs of the recommended point beside the baseline, then the report."""

import json
import sys

import pytest

OBJECTIVE = """
from smbo.problem import Confirmation, Problem
from smbo.space import Real


class Parabola:
    problem = Problem({"x": Real(0.0, 1.0)})

    def evaluate(self, params, context):
        with open("seeds.txt", "a") as file:
            file.write(f"{context.seed}\\n")
        return (params["x"] - 0.3) ** 2

    def confirmation(self):
        return Confirmation(baseline={"x": 1.0}, baseline_name="default", repeats=2)
"""


@pytest.fixture
def rated(folder, monkeypatch):
    """A job whose objective names a baseline, installed in the entry-point group."""
    place = folder.path / "site"
    info = place / "parabola-1.0.dist-info"
    info.mkdir(parents=True)
    (place / "own_parabola.py").write_text(OBJECTIVE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: parabola\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[smbo.objectives]\nparabola = own_parabola:Parabola\n")
    sys.path.append(str(place))  # the fixture `folder` puts the path back
    monkeypatch.setenv("PYTHONPATH", str(place))
    folder.job("objective: {parabola: {}}", without=("space", "report"))
    yield folder
    sys.modules.pop("own_parabola", None)


def test_the_recommended_point_and_the_baseline_are_evaluated_again_with_fresh_seeds(rated):
    result = rated.smbo("run", "job.yaml")
    assert result.exit_code == 0, result.output
    assert "checking the recommended point: 4 evaluations with fresh seeds" in result.output
    assert "checked 4 of 4" in result.output
    kept = json.loads((rated.path / "toy-report" / "confirmation.json").read_text())["checks"]
    assert [run["label"] for run in kept] == ["recommended", "default"] * 2
    assert len(set((rated.path / "seeds.txt").read_text().split())) == 8
    assert len(rated.trials()) == 4, "confirmation runs are no trials"


def test_a_finished_study_is_confirmed_once(rated):
    rated.smbo("run", "job.yaml")
    (rated.path / "toy-report" / "index.html").unlink()
    again = rated.smbo("run", "job.yaml")
    assert "checking" not in again.output
    assert "report: " in again.output
    assert len((rated.path / "seeds.txt").read_text().split()) == 8


def test_without_a_report_nothing_is_confirmed(rated):
    assert "checking" not in rated.smbo("run", "job.yaml", "--no-report").output
