"""A program's histograms become a chi-square against measured ones, whatever file they come in."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

from smbo.problem import Context, EvaluationFailed, ObjectiveError, Problem
from smbo_objectives.command import Command
from smbo_objectives.comparison import comparison

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "generator"

CSV_DATA = """observable,bin_lo,bin_hi,value,err_lo,err_hi
mass,0,1,10,1,1
mass,1,3,20,2,2
angle,0,1,5,0.5,1.5
"""
# predictions 1 above, 2 below, and on the data; errors of 1, 0 and 0.5
OUTPUTS = [11.0, 18.0, 5.0]
VARIANCES = [1.0, 0.0, 0.25]

CSV = """observable,bin_lo,bin_hi,value,error
mass,0,1,11,1
mass,1,3,18,0
angle,0,1,5,0.5
more,0,1,3,1
"""
JSON = json.dumps(
    {
        "angle": {"low": [0], "high": [1], "values": [5], "errors": [0.5]},
        "mass": {"edges": [0, 1, 3], "values": [11, 18], "variances": [1, 0]},
    }
)
YODA = """BEGIN YODA_ESTIMATE1D_V3 mass
---
Edges(A1): [0.0, 1.0, 3.0]
nan --- ---
11.0 -1.0 1.0
18.0 --- ---
nan --- ---
END YODA_ESTIMATE1D_V3
BEGIN YODA_HISTO1D_V3 angle
---
Edges(A1): [0.0, 1.0]
0 0 0 0 0
5.0 0.25 0 0 0
0 0 0 0 0
END YODA_HISTO1D_V3
"""
FORMS = {"out.csv": CSV, "out.json": JSON, "out.yoda": YODA}


@pytest.fixture
def make(tmp_path):
    (tmp_path / "data.csv").write_text(CSV_DATA)

    def make(**settings):
        return comparison({"data": "data.csv", "theory_uncertainty": 0.1, **settings}, tmp_path)

    return make


@pytest.mark.parametrize("file", FORMS)
def test_the_value_is_the_mean_over_observables_of_the_mean_over_bins(make, file):
    outcome = make(file=file).outcome(FORMS[file].encode())
    # (y - d)² / (s² + (0.1 d)² + e²), by hand
    mass = np.mean([1 / (1 + 1 + 1), 4 / (4 + 4 + 0)])
    assert outcome.value == pytest.approx(mass / 2, rel=1e-12)
    assert outcome.metrics == {"chi2_mass": pytest.approx(mass), "chi2_angle": 0.0}
    assert outcome.outputs.tolist() == OUTPUTS
    assert outcome.outputs_variance.tolist() == VARIANCES
    assert outcome.sem > 0


def test_a_problem_with_the_loss_gives_the_same_value(make):
    judge = make(file="out.csv", weights={"mass": 3.0})
    found = judge.outcome(CSV.encode())
    problem = Problem({"x": (0.0, 1.0)}, loss=judge.loss)
    again = problem.outcome(replace(found, value=None, sem=None))
    assert (again.value, again.sem) == (found.value, found.sem)


def test_weights_and_choices_go_by_names_and_patterns(make):
    by_weight = make(file="out.csv", weights={"*": 0.0, "mass": 2.0}).outcome(CSV.encode())
    alone = make(file="out.csv", observables=["m*"]).outcome(CSV.encode())
    assert by_weight.value == pytest.approx(alone.value)  # twice, and half of two observables
    assert list(alone.outputs) == OUTPUTS[:2]


def test_data_may_be_packed_and_come_from_several_files(tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress("\n".join(CSV_DATA.splitlines()[:3]).encode()))
    (tmp_path / "b.json").write_text(json.dumps({"angle": {"edges": [0, 1], "values": [5], "errors": [1.0]}}))
    settings = {"data": ["a.csv.gz", "b.json"], "file": "out.csv"}
    assert comparison(settings, tmp_path).outcome(CSV.encode()).outputs.tolist() == OUTPUTS


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no histogram"),
        ("a,b\n1,2\n", "column 'observable' is missing"),
        (CSV.replace("angle,0,1,5,0.5\n", ""), "has no angle"),
        (CSV.replace("mass,1,3", "mass,1,4"), "other bins"),
        (CSV.replace("mass,1,3,18,0\n", ""), "other bins"),
        (CSV.replace("11,1", "nan,1").replace("18,0", "nan,0").replace("5,0.5", "nan,1"), "only NaN"),
        (CSV.replace("11,1", "11,-1"), "error of bin 0 is -1"),
        (CSV.replace("11,1", "1e400,1"), "bin 0 holds inf"),
        (CSV.replace("11,1", "eleven,1"), "eleven"),
        (CSV.replace("mass,1,3,18,0", "mass,1,3"), "it is no table"),
    ],
)
def test_histograms_that_cannot_be_compared_fail_the_evaluation(make, text, said):
    with pytest.raises(EvaluationFailed, match=said) as caught:
        make(file="out.csv").outcome(text.encode())
    assert caught.value.reason == "bad-output"


@given(st.sampled_from(sorted(FORMS)), st.data())
def test_whatever_a_program_leaves_is_compared_or_refused_in_one_way(file, data):
    text = FORMS[file]
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        stop = data.draw(st.integers(start, min(len(text), start + 20)))
        bits = [
            "",
            ",",
            "\n",
            "{",
            "null",
            "-1",
            "1e999",
            "nan",
            "9" * 400,
            "END YODA",
            "\t\t",
            '"',
            "\x00",
            "[[1]]",
            "true",
        ]
        text = text[:start] + data.draw(st.sampled_from(bits)) + text[stop:]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "data.csv").write_text(CSV_DATA)
        judge = comparison({"data": "data.csv", "file": file}, Path(folder))
    try:
        outcome = judge.outcome(text.encode())
    except EvaluationFailed as error:
        reason = error.reason
    else:
        reason = "bad-output"
        assert np.isfinite([outcome.value, outcome.sem, *outcome.outputs, *outcome.outputs_variance]).all()
    assert reason == "bad-output"


@pytest.mark.parametrize(
    "text",
    [
        "[1]",
        '{"mass": 3}',
        '{"mass": {"edges": [0, 1]}}',
        '{"mass": {"edges": 3}}',
        "{",
        '{"mass": {"edges": [0, 1], "values": ["1"], "errors": [1]}}',
    ],
)
def test_json_that_is_no_histogram_fails_the_evaluation(make, text):
    with pytest.raises(EvaluationFailed):
        make(file="out.json").outcome(text.encode())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"data": "nowhere.csv"}, "nowhere.csv"),
        ({"data": ["data.csv", "data.csv"]}, "two of the data files"),
        ({"data": 3}, "list of names"),
        ({"file": "../out.csv"}, "ends in one of"),
        ({"file": "out.root"}, "ends in one of"),
        ({"observables": ["thrust"]}, "none of the data's"),
        ({"weights": {"thrust": 1.0}}, "none of the data's"),
        ({"weights": {"mass": -1.0}}, "0 or more"),
        ({"weights": {"*": 0.0}}, "some weight above 0"),
        ({"theory": 0.05}, "no setting 'theory'"),
        ({"theory_uncertainty": True}, "0 or more"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(make, settings, said):
    with pytest.raises(ObjectiveError, match=said):
        make(**settings)


def test_a_bin_without_any_error_is_refused(tmp_path):
    (tmp_path / "data.csv").write_text("observable,bin_lo,bin_hi,value,error\nmass,0,1,0,0\n")
    with pytest.raises(ObjectiveError, match="no error at all"):
        comparison({"data": "data.csv"}, tmp_path)


@pytest.mark.parametrize("dead", ["0,0,0", "nan,1,1", "7,nan,1", "-,-,-"])
def test_a_bin_of_the_data_without_error_or_number_has_weight_0_and_is_said_once(tmp_path, dead):
    rows = CSV_DATA.replace("mass,1,3,20,2,2", f"mass,1,3,{dead}")
    (tmp_path / "data.csv").write_text(rows)
    judge = comparison({"data": "data.csv", "file": "out.csv", "theory_uncertainty": 0.1}, tmp_path)
    assert judge.loss.weights.tolist() == [0.5, 0.0, 0.5]  # of two observables with one bin that counts each
    assert judge.remarks == [
        "bins of the data that do not count, with no error at all or no number: 1 of 2 in mass"
    ]
    found = judge.outcome(CSV.encode())
    assert found.value == pytest.approx(1 / 3 / 2)
    assert found.metrics == {"chi2_mass": pytest.approx(1 / 3), "chi2_angle": 0.0}
    problem = Problem({"x": (0.0, 1.0)}, loss=judge.loss)
    assert problem.outcome(replace(found, value=None, sem=None)).value == found.value


@pytest.mark.parametrize("nothing", ["nan,1", "18,nan", "18,inf", ","])
def test_a_bin_of_a_prediction_without_a_number_has_no_information(make, nothing):
    judge = make(file="out.csv")
    found = judge.outcome(CSV.replace("18,0", nothing).encode())
    assert found.value == pytest.approx(1 / 3 / 2)  # the mean over the bin that is left
    assert found.metrics == {
        "chi2_mass": pytest.approx(1 / 3),
        "chi2_angle": 0.0,
        "bins_without_information": 1.0,
    }
    # for the surrogate the datum with an error of its size
    assert (found.outputs[1], found.outputs_variance[1]) == (20.0, 400.0)
    assert Problem({"x": (0.0, 1.0)}, loss=judge.loss).outcome(found).value == found.value


def test_an_observable_without_any_information_leaves_the_mean_to_the_others(make):
    text = CSV.replace("11,1", "nan,1").replace("18,0", "nan,0").replace("angle,0,1,5", "angle,0,1,6")
    found = make(file="out.csv").outcome(text.encode())
    assert found.value == found.metrics["chi2_angle"] > 0.0
    assert "chi2_mass" not in found.metrics


def test_an_observable_of_weight_0_may_be_missing_or_broken(make):
    judge = make(file="out.csv", weights={"angle": 0.0})
    whole = judge.outcome(CSV.encode())
    for text in (
        CSV.replace("angle", "bangle"),
        CSV.replace("angle,0,1", "angle,0,2"),
        CSV + "angle,1,2,x,1\n",
    ):
        found = judge.outcome(text.encode())
        assert found.value == whole.value
        assert len(found.outputs) == 3


def test_histograms_that_are_not_compared_may_hold_anything(make, tmp_path):
    rows = "more,1,2,nan,1\nbroken,0,1,many,1\ntwisted,1,0,1,1\n"
    found = make(file="out.csv").outcome((CSV + rows).encode())
    assert found.value == make(file="out.csv").outcome(CSV.encode()).value
    (tmp_path / "data.csv").write_text(CSV_DATA + "broken,0,1,many,1,1\ntwisted,1,0,1,1,1\n")
    assert list(make(observables=["mass", "*"]).data) == ["mass", "angle"]
    everything = make()
    assert list(everything.data) == ["mass", "angle"]
    assert everything.remarks[0].startswith("left out of the data, as it cannot be compared: broken (line 5")
    with pytest.raises(ObjectiveError, match="broken cannot be read: line 5, value: 'many' is not a number"):
        make(observables=["broken"])


def test_a_yoda_file_as_rivet_leaves_it_is_compared_packed_or_not(make):
    unrelated = YODA.replace("mass", "/RAW/mass").replace("angle", "more").replace("5.0 0.25", "nan nan")
    for content in (YODA.encode(), gzip.compress((unrelated + YODA + "BEGIN YODA_HISTO2D_V3 x\n").encode())):
        found = make(file="out.yoda.gz").outcome(content)
        assert found.outputs.tolist() == OUTPUTS


def test_a_prediction_may_have_more_bins_than_the_data(make):
    found = make(file="out.csv").outcome(CSV.replace("angle", "mass,3,4,1,1\nangle").encode())
    assert found.outputs.tolist() == OUTPUTS


def test_an_empty_bin_of_a_prediction_is_not_exact(make):
    found = make(file="out.csv").outcome(CSV.replace("18,0", "0,0").encode())
    # one entry of the weight 1² / 11 in a bin of width 2
    assert found.outputs_variance[1] == pytest.approx((1 / 11 / 2) ** 2)


def test_options_of_an_analysis_do_not_hide_its_histograms(tmp_path):
    (tmp_path / "data.csv").write_text(CSV_DATA.replace("mass", "/A/d01").replace("angle", "/A/d02"))
    judge = comparison({"data": "data.csv", "file": "out.csv"}, tmp_path)
    text = CSV.replace("mass", "/A:CUT=1/d01").replace("angle", "/A:CUT=1/d02")
    assert judge.outcome(text.encode()).outputs.tolist() == OUTPUTS
    with pytest.raises(EvaluationFailed, match="several with options"):
        judge.outcome((text + text[text.index("\n") + 1 :].replace("CUT=1", "CUT=2")).encode())


def test_weights_may_come_from_a_file_of_professor(make, tmp_path):
    (tmp_path / "weights.txt").write_text("# tune 3\nmass@0:1 2.0\nmass#1  0   # broken\n\nangle 0.5\n")
    judge = make(weights="weights.txt")
    assert judge.loss.weights.tolist() == [1.0, 0.0, 0.25]
    assert (
        judge.loss.weights.tolist()
        == make(weights={"mass": {"0:1": 2, "#1": 0}, "angle": 0.5}).loss.weights.tolist()
    )
    with pytest.raises(ObjectiveError, match=r"'nowhere.txt' cannot be read"):
        make(weights="nowhere.txt")


@pytest.fixture
def toy(tmp_path):
    """Return evaluations of the example's generator with so many events."""
    template = (EXAMPLE / "params.dat.in").read_text().replace("5000", "{fidelity}")
    (tmp_path / "params.dat.in").write_text(template)
    command = Command(
        ["perl", str(EXAMPLE / "shower.pl"), "{folder}/params.dat", "{result}"],
        cards={"params.dat": str(tmp_path / "params.dat.in")},
        histograms={"data": str(EXAMPLE / "reference.yoda"), "theory_uncertainty": 0.02},
    )

    def evaluate(events=2000.0, seed=3, **params):
        folder = tmp_path / f"attempt-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        point = {"alphaS": 0.118, "cutoff": 1.0, "density": 1.5, **params}
        return command.evaluate(point, Context(seed=seed, folder=folder, fidelity=events))

    evaluate.command = command
    return evaluate


def test_the_examples_generator_is_lowest_at_the_truth_and_repeats_by_its_seed(toy):
    truth = toy()
    # at the truth a term is a squared pull
    assert 0.3 < truth.value < 2.0
    assert len(truth.outputs) == len(truth.outputs_variance) == toy.command.loss.n_outputs == 40
    assert truth.value == toy().value
    for worse in ({"alphaS": 0.15}, {"cutoff": 2.0}, {"density": 2.5}):
        assert toy(**worse).value > 3 * truth.value


def test_the_told_variances_are_those_of_repeated_runs(toy):
    runs = [toy(events=500.0, seed=seed) for seed in range(30)]
    spread = np.var([run.outputs for run in runs], axis=0, ddof=1)
    told = np.mean([run.outputs_variance for run in runs], axis=0)
    # each bin's ratio is chi-square's with 29 degrees of freedom, spread 0.26: the mean of 40 is within 10 %,
    # and the gluons of one event are correlated a little
    assert np.mean(spread / told) == pytest.approx(1.0, abs=0.2)


def test_a_generator_that_refuses_its_parameters_is_a_failed_evaluation_with_its_words(toy):
    with pytest.raises(EvaluationFailed, match=r"outside 0\.4 to 10") as caught:
        toy(cutoff=0.1)
    assert caught.value.reason.startswith("exit")


def test_the_example_runs_from_its_job_file(tmp_path):
    job = (EXAMPLE / "tune.yaml").read_text()
    small = job.replace("trials: 40", "trials: 8").replace("report: report/toy-shower", "report: false")
    small = small.replace("{local: {workers: 2}}", "serial").replace("recipe: auto", "recipe: sobol")
    assert small.count("serial") == small.count("trials: 8") == 1
    for file in EXAMPLE.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "tune.yaml").write_text(small)

    def smbo(*words):
        return subprocess.run(
            [sys.executable, "-m", "smbo.cli", *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    smbo("run", "tune.yaml")
    trials = json.loads(smbo("export", "toy-shower", "--format", "json"))
    assert [trial["state"] for trial in trials] == ["complete"] * 8
    assert all(
        trial["sem"] > 0 and trial["metrics.chi2_TOY_SHOWER_one_minus_thrust"] >= 0 for trial in trials
    )
