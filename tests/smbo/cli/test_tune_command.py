from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from smbo.cli import main
from smbo.problem import ChiSquare, ObservableAxes, Problem, RunCard
from smbo.report.tune import Baseline, write_tune
from smbo.space import Real, Space
from smbo.space.designs import design_rows
from smbo.study import Study

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
SPACE = Space({"slope": Real(0.5, 2.5), "height": Real(0.5, 1.5)})
X = np.linspace(0.0, 2.0, 10)


def spectra(slope, height):
    return np.concatenate([height * np.exp(-slope * X), height + 0.2 * X])


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """Store a study of 24 evaluations whose second spectrum wants another height than the first."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    data = np.concatenate([spectra(1.4, 1.0)[:10], spectra(1.4, 1.1)[10:]])
    loss = ChiSquare.of_observables({"falling": (data[:10], [0.02] * 10), "rising": (data[10:], [0.02] * 10)})
    with Study.open("sqlite:///toy.db", "toy", Problem(SPACE, loss=loss), seed=0) as study:
        for point in SPACE.from_unit(SPACE.snap(design_rows("sobol", 2, 0, 0, 24))):
            outputs = spectra(**point) + 0.01 * rng.standard_normal(20)
            study.tell(point, outputs=outputs, covariance=np.full(20, 1e-4))
    return tmp_path


def run(*arguments):
    done = CliRunner().invoke(main, arguments, catch_exceptions=False)
    return done.exit_code, done.output


def test_the_tune_is_said_with_errors_and_the_level_they_stand_for(stored):
    code, output = run("tune", "toy")
    assert code == 0
    assert "max(1, χ²/ndf)" in output
    assert "slope   1." in output
    assert "±" in output
    assert "smbo tune toy" in run("show", "toy")[1]


def test_show_and_tune_give_each_parameter_the_same_one_error(stored):
    tuned = [line for line in run("tune", "toy")[1].splitlines() if "(data " in line]
    shown = run("show", "toy")[1]
    assert len(tuned) == 2
    assert [line for line in shown.splitlines() if "(data " in line] == tuned
    assert "68 %:" not in shown


def test_other_weights_move_the_tune_without_a_new_evaluation(stored):
    (stored / "weights.yaml").write_text("rising: 0\n")
    height = {}
    for name, arguments in {"both": (), "first": ("--weights", "weights.yaml")}.items():
        code, output = run("tune", "toy", "-o", name, *arguments)
        assert code == 0, output
        height[name] = json.loads((stored / name / "tune.json").read_text())["params"]["height"]
    assert height["first"] == pytest.approx(1.0, abs=0.02)
    assert height["both"] > 1.04
    with Study.load("sqlite:///toy.db", "toy") as study:
        assert len(study.trials) == 24


def test_automatic_weights_are_said_and_have_a_section_of_their_own(stored):
    code, output = run("tune", "toy", "--automatic-weights", "robust", "-o", "page")
    assert code == 0, output
    assert "automatic weights (robust)" in output
    assert "they move slope" in output
    assert "<h3>Automatic weights</h3>" in (stored / "page" / "index.html").read_text()


def test_wrong_weights_and_levels_are_refused_with_what_is_known(stored):
    (stored / "weights.yaml").write_text("rysing: 0\n")
    code, output = run("tune", "toy", "--weights", "weights.yaml")
    assert code == 2
    assert "did you mean 'rising'" in output
    (stored / "weights.yaml").write_text("rising: heavy\n")
    assert run("tune", "toy", "--weights", "weights.yaml")[0] == 2
    code, output = run("tune", "toy", "--level", "sigma")
    assert code == 2
    assert "write 'pdg', 'residuals' or a number" in output


def test_a_study_of_single_values_has_no_tune_and_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Study.open("sqlite:///plain.db", "plain", Problem(SPACE), seed=0) as study:
        study.tell({"slope": 1.0, "height": 1.0}, 3.0)
    code, output = run("tune", "plain")
    assert code == 2
    assert "a tune needs bins and data" in output


class Drawn:
    """An objective that says how its observables look."""

    def observable_axes(self):
        edges = np.linspace(0.0, 2.0, 11)
        return [
            ObservableAxes(
                "falling",
                edges[:-1],
                edges[1:],
                "toy 2020",
                r"$x$",
                r"$1/N\ \mathrm{d}n/\mathrm{d}x$",
                log_y=True,
            ),
            ObservableAxes("rising", edges[:-1], edges[1:], "toy 2020", bins=tuple("abcdefghij")),
        ]

    def same_measurement(self):
        return []

    def run_card(self, params, remarks):
        return RunCard("tune.dat", "".join(f"# {r}\n" for r in remarks) + f"slope {params['slope']}\n")


def test_the_page_holds_the_figures_and_the_files_that_others_go_on_with(stored):
    with Study.load("sqlite:///toy.db", "toy") as study:
        tune = study.tune()
        page = write_tune(
            stored / "page",
            name="<b>toy</b>",
            problem=study.problem,
            tune=tune,
            objective=Drawn(),
            baseline=Baseline("old", {"slope": 1.0, "height": 1.2}),
        )
    text = page.read_text()
    assert "<b>toy</b>" not in text
    assert "&lt;b&gt;toy" in text
    assert "nan" not in text.split("data:image")[0]
    assert text.count("data:image/png") == 5  # correlations, information, pulls, panels, means
    folder = page.parent
    assert f"slope {tune.params['slope']}" in (folder / "tune.dat").read_text()
    plus = (folder / "tune_eigen1_plus.dat").read_text().splitlines()[-1]
    assert float(plus.split()[1]) == tune.eigentunes[0].plus["slope"]
    rows = list(csv.DictReader((folder / "tune_bins.csv").read_text().splitlines()))
    assert len(rows) == 20
    assert float(rows[3]["tune"]) == pytest.approx(tune.outputs[3], rel=1e-6)
    said = json.loads((folder / "tune.json").read_text())
    assert np.array(said["covariance"]) == pytest.approx(tune.covariance)
    assert [each["name"] for each in said["parameters"]] == ["slope", "height"]


def test_a_program_that_leaves_histograms_is_tuned_and_its_own_file_written(folder):
    example = EXAMPLES / "generator" / "tune.yaml"
    result = folder.smbo("run", example, "--trials", "8", "--serial", "--no-report")
    assert result.exit_code == 0, result.output
    result = folder.smbo("tune", "toy-shower", "-o", "tuned")
    assert result.exit_code == 0, result.output
    text = (folder.path / "tuned" / "tune.dat").read_text()
    said = json.loads((folder.path / "tuned" / "tune.json").read_text())
    assert f"alphaS = {said['params']['alphaS']}" in text
    assert said["params"]["alphaS"] == pytest.approx(0.118, abs=0.02)
    assert [each["bins"] for each in said["observables"]] == [15, 10, 15]
