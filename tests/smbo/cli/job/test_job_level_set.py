"""A level set through a job file: run, killed and resumed, shown, reported."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from smbo.cli.job.schema import read_jobfile

ROOT = Path(__file__).resolve().parents[4]
LEVEL_SET = "level_set: {level: 0.05, of: [cls_exp, cls_obs], transform: log}"


@pytest.fixture
def exclusion(folder):
    """The example's objective, in a folder with a job of 14 trials."""
    shutil.copy(ROOT / "examples" / "exclusion.py", folder.path)
    folder.write("slow_exclusion.py", SLOW)
    space = "space: {m1: {real: [300, 2000]}, m2: {real: [0, 1200]}}"
    for study, objective, file in (
        ("exclusion", "exclusion", "job.yaml"),
        ("killed", "slow_exclusion", "killed.yaml"),
    ):
        folder.job(
            f"study: {study}",
            f"objective: {{python: {objective}:evaluate}}",
            space,
            LEVEL_SET,
            "budget: {trials: 14}",
            "report: out",
            without=("space", "recipe"),
            name=file,
        )
    yield folder
    for module in ("exclusion", "slow_exclusion"):  # the next test's lie in another folder
        sys.modules.pop(module, None)


SLOW = """
import exclusion, time

def evaluate(params):
    with open("evaluated.txt", "a") as file:
        file.write("x")
    time.sleep(0.05)
    return exclusion.evaluate(params)
"""


def points(folder, study):
    found = json.loads(folder.smbo("export", study, "--format", "json").stdout)
    return [(trial["params.m1"], trial["params.m2"], trial["metrics.cls_obs"]) for trial in found]


def test_a_killed_run_goes_on_with_the_same_proposals(exclusion):
    command = [sys.executable, "-m", "smbo.cli", "run", "killed.yaml"]
    run = subprocess.Popen(
        command,
        cwd=exclusion.path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 300
    marks = exclusion.path / "evaluated.txt"
    while not marks.exists() or len(marks.read_text()) < 11:  # by then points come from the model
        assert run.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    run.wait()
    resumed = exclusion.smbo("run", "killed.yaml", "--no-report")
    assert resumed.exit_code == 0, resumed.output
    assert exclusion.smbo("run", "job.yaml", "--no-report").exit_code == 0
    assert points(exclusion, "killed") == points(exclusion, "exclusion")
    assert "14 trials" in exclusion.smbo("replay", "killed").output


def test_run_show_status_and_report_tell_of_the_contours(exclusion):
    ran = exclusion.smbo("run", "job.yaml")
    assert ran.exit_code == 0, ran.output
    assert "cls_obs = 0.05: " in ran.output
    assert "recommended" not in ran.output
    shown = exclusion.smbo("show", "exclusion").output
    assert "expected on the wrong side" in shown
    assert "metrics.cls_exp" in shown
    assert "contour      cls_exp = 0.05: " in exclusion.smbo("status", "exclusion").output
    status = json.loads(exclusion.smbo("status", "exclusion", "--json").output)
    assert 0.0 < status["contour"]["cls_obs"]["misclassified"] < 0.2
    out = exclusion.path / "out"
    page = (out / "index.html").read_text()
    assert "of the space is expected to be on the wrong side of the contour" in page
    assert "where cls_exp = 0.05, cls_obs = 0.05" in page
    assert "The contour" in page
    assert (out / "figures" / "contour.png").stat().st_size > 10_000
    contours = json.loads((out / "contour.json").read_text())
    assert set(contours) == {"cls_exp", "cls_obs"}
    assert all(300 <= point["m1"] <= 2000 for point in contours["cls_obs"]["points"])


def test_a_report_without_results_says_that_too_little_is_known(exclusion):
    exclusion.write("bad.py", "def evaluate(params):\n    raise ValueError('no')\n")
    exclusion.job(
        "objective: {python: bad:evaluate}",
        LEVEL_SET,
        "budget: {trials: 2}",
        "report: none",
        without=("recipe",),
    )
    assert exclusion.smbo("run", "job.yaml").exit_code == 4
    assert (
        "There are too few evaluations for a contour yet"
        in (exclusion.path / "none" / "index.html").read_text()
    )
    assert "too few trials" in exclusion.smbo("show", "toy").output


def test_a_contour_in_more_parameters_is_drawn_in_pairs(folder):
    folder.write(
        "ball.py", "def evaluate(params):\n    return sum((v - 0.5) ** 2 for v in params.values())\n"
    )
    folder.job(
        "objective: {python: ball:evaluate}",
        "space: {a: {real: [0, 1]}, b: {real: [0.1, 1], log: true}, c: {integer: [0, 3]}}",
        "level_set: {level: 0.2}",
        "budget: {trials: 10}",
        "report: out",
        without=("space", "recipe"),
    )
    ran = folder.smbo("run", "job.yaml")
    assert ran.exit_code == 0, ran.output
    assert (folder.path / "out" / "figures" / "contour-0.png").exists()
    assert "averaged over all parameters but the two" in (folder.path / "out" / "index.html").read_text()


@pytest.mark.parametrize(
    ("lines", "word"),
    [
        (("level_set: {level: low}",), "level"),
        (("level_set: {levels: 0.05}",), "did you mean 'level'"),
        (("level_set: {level: 0.05, transform: sqrt}",), "transform"),
        (("level_set: {level: -1, transform: log}",), "above 0"),
        (("level_set: {level: 0.05}", "maximize: true"), "nothing to optimise"),
        (("level_set: {level: 0.05}", "recipe: gp"), "is for one objective, and the problem has a level set"),
    ],
)
def test_a_level_set_that_makes_no_sense_is_refused_at_its_line(folder, lines, word):
    ran = folder.smbo("run", folder.job(*lines))
    assert ran.exit_code == 2, ran.output
    assert word in ran.output


def test_the_example_says_what_it_seeks():
    job, _ = read_jobfile(ROOT / "examples" / "exclusion.yaml")
    assert job.level_set.level_set().levels == (0.05, 0.05)
