"""Scenarios of the command line and of the search estimator."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import runpy
import sys
import tempfile
import traceback
from pathlib import Path

import numpy as np
from kinds import smooth2
from recording import digest, scenario, stored_memory, tree

from smbo import BayesSearchCV, Real

JOB_MODULE = """
import math
import numpy as np

from smbo import Outcome


def smooth(params):
    x, y = params["x"], params["y"]
    return 1.7 * (x - 0.4) ** 2 + 0.3 * math.sin(3.0 * x) + (y - 0.6) ** 2 + 0.2 * math.cos(5.0 * x * y)


def plain(params):
    return smooth(params)


def mixed(params):
    extra = params.get("extra", 0.5)
    rate = (math.log10(params["rate"]) + 3.0) ** 2
    return rate + 0.1 * abs(params["n"] - 4) + (params["kind"] == "b") * extra


def noisy(params, context):
    return smooth(params) + 0.1 * float(np.random.default_rng(context.seed).standard_normal()), 0.1


def curve(params, context):
    return smooth(params) + 0.5 / context.fidelity


def several(params):
    x, y = params["x"], params["y"]
    return {"cost": x**2 + y, "gain": (3.0 - (1.0 - x) ** 2 - y, 0.01), "limit": x}


def levels(params):
    signal = 40.0 * math.exp(-2.0 * (params["x"] + 1.0)) / (1.0 + math.exp((params["y"] - 0.7) / 0.1))
    return {"exp": math.exp(-signal), "obs": math.exp(-0.8 * signal)}


def cut(params):
    return {"loss": smooth(params), "left": (params["x"] * params["y"], 0.02), "width": 1.0 + params["x"]}


def costly(params):
    return Outcome(value=smooth(params), cost=math.exp(1.5 * params["x"]))


def failing(params):
    if params["x"] > 1.0:
        raise ValueError("too far")
    return smooth(params)


def reporting(params, context):
    for step in range(1, 5):
        context.report(step, smooth(params) + 1.0 / step)
    return smooth(params) + 0.25
"""

PLANE = {"x": {"real": [-1.0, 2.0]}, "y": {"real": [0.0, 1.0]}}
JOBS = {
    "plain": {"objective": "plain", "space": PLANE, "recipe": "gp", "budget": {"trials": 14}},
    "mixed": {
        "objective": "mixed",
        "space": {
            "rate": {"real": [1e-5, 0.1], "log": True, "prior": {"lognormal": [1e-3, 3]}},
            "n": {"integer": [1, 9]},
            "kind": {"choice": ["a", "b"]},
            "extra": {"real": [0.0, 1.0], "active_when": "kind == 'b'"},
        },
        "constraints": ["n >= 3 or rate > 0.001"],
        "try_first": [{"rate": 0.01, "n": 5, "kind": "a"}],
        "budget": {"trials": 14},
    },
    "noisy": {"objective": "noisy", "space": PLANE, "recipe": "noisy", "budget": {"trials": 12}},
    "asha": {
        "objective": "curve",
        "space": PLANE,
        "fidelity": {"name": "epochs", "low": 1, "high": 9},
        "early_stopping": "asha",
        "budget": {"trials": 12},
    },
    "model": {
        "objective": "curve",
        "space": PLANE,
        "fidelity": {"low": 1, "high": 9},
        "early_stopping": {"model": {"eta": 3}},
        "budget": {"trials": 9, "fidelity": 60},
    },
    "median": {
        "objective": "reporting",
        "space": PLANE,
        "early_stopping": "median",
        "budget": {"trials": 13},
    },
    "several": {
        "objective": "several",
        "space": PLANE,
        "objectives": {"cost": "min", "gain": "max"},
        "reference": {"cost": 1.5},
        "weights": {"cost": 2.0},
        "constraints": ["limit <= 0.9"],
        "budget": {"trials": 12},
    },
    "levels": {
        "objective": "levels",
        "space": PLANE,
        "level_set": {"level": 0.05, "of": ["exp", "obs"], "transform": "p-value", "tolerance": 0.15},
        "budget": {"trials": 20},
    },
    "constrained": {
        "objective": "cut",
        "space": PLANE,
        "objectives": {"loss": "min"},
        "constraints": ["left >= 0.2", "0.5 <= width < 2.4"],
        "budget": {"trials": 13},
    },
    "costs": {
        "objective": "costly",
        "space": PLANE,
        "recipe": {"cost": {"budget": 30}},
        "budget": {"cost": 30},
    },
    "failing": {"objective": "failing", "space": PLANE, "budget": {"trials": 12, "failures": 10}},
    "termination": {
        "objective": "plain",
        "space": PLANE,
        "termination": {"plateau": 5, "left": 3.0},
        "budget": {"trials": 25},
    },
    "transfer": {"objective": "plain", "space": PLANE, "transfer": ["old.csv"], "budget": {"trials": 9}},
    "fixed": {
        "objective": "plain",
        "space": PLANE,
        "recipe": "gp",
        "fixed": {"y": 0.25},
        "budget": {"trials": 9},
    },
    "boosting": {"objective": "plain", "space": PLANE, "recipe": "boosting", "budget": {"trials": 8}},
}


class Ran:
    def __init__(self, returncode, stdout, stderr):
        self.returncode, self.stdout, self.stderr = returncode, stdout, stderr


def smbo_command(folder, *words):
    """Run ``python -m smbo.cli`` in a fork, where the libraries are loaded already."""
    sys.stdout.flush()
    sys.stderr.flush()
    with tempfile.TemporaryDirectory() as kept:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                os.chdir(folder)
                for place, name in ((1, "stdout"), (2, "stderr")):
                    os.dup2(os.open(Path(kept) / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), place)
                sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), encoding="utf-8")
                sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), encoding="utf-8")
                sys.argv = ["smbo", *words]
                sys.path.insert(0, str(folder))
                try:
                    runpy.run_module("smbo.cli", run_name="__main__", alter_sys=True)
                    code = 0
                except SystemExit as end:
                    code = end.code if isinstance(end.code, int) else int(end.code is not None)
                sys.stdout.flush()
                sys.stderr.flush()
            except BaseException:
                traceback.print_exc()
                sys.stderr.flush()
            os._exit(code)
        _, status = os.waitpid(child, 0)
        texts = [
            (Path(kept) / name).read_text() if (Path(kept) / name).exists() else ""
            for name in ("stdout", "stderr")
        ]
    return Ran(os.waitstatus_to_exitcode(status), *texts)


def run_job(folder, job):
    """Run a job file and return what the command said; a job that is refused is a mistake of this file."""
    (folder / "job.yaml").write_text(json.dumps(job, indent=1))  # JSON is YAML
    ran = smbo_command(folder, "run", "job.yaml")
    if ran.returncode == 2:
        raise ValueError(f"the job {job['study']} was refused: {ran.stdout}{ran.stderr}")
    return ran


def put_export(tape, folder, study):
    ran = smbo_command(folder, "export", study, "--format", "csv")
    rows = list(csv.reader(io.StringIO(ran.stdout)))
    tape.put("export", [ran.returncode, len(rows)])
    tape.say("export header", rows[0] if rows else [])
    for row in rows[1:]:
        tape.put("row", row)


def write_job_files(folder):
    (folder / "job_objectives.py").write_text(JOB_MODULE)
    rows = [(-1.0 + 3.0 * a, b) for a, b in np.random.default_rng(6).random((14, 2)).tolist()]
    lines = [f"{x!r},{y!r},{3.0 * smooth2({'x': x + 0.05, 'y': y})!r}" for x, y in rows]
    (folder / "old.csv").write_text("\n".join(["x,y,value", *lines, "7,7,7"]) + "\n")


def job_of(name, given):
    return {
        "study": name,
        **given,
        "objective": {"python": f"job_objectives:{given['objective']}"},
        "cluster": "serial",
        "seed": 4,
        "report": given.get("report", False),
    }


def add_jobs():
    for name, given in JOBS.items():
        scenario(f"job/{name}", job(name, given))
    scenario("job/resumed", resumed)
    scenario("job/transfer-study", transferred)
    scenario("job/reported", reported)


def job(name, given):
    def play(tape):
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            write_job_files(folder)
            ran = run_job(folder, job_of(name, given))
            tape.put("exit code", ran.returncode)
            put_export(tape, folder, name)
            tape.put("memory", digest(tree(stored_memory(folder / f"{name}.db", name))))
            if name in ("plain", "model", "transfer", "several", "fixed"):
                tape.put("replay", smbo_command(folder, "replay", name).returncode)

    return play


def resumed(tape):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        write_job_files(folder)
        run_job(folder, job_of("resumed", {**JOBS["mixed"], "budget": {"trials": 8}}))
        ran = smbo_command(folder, "resume", "resumed", "--trials", "14", "--fix", "kind=b")
        tape.put("exit code", ran.returncode)
        put_export(tape, folder, "resumed")
        tape.put("memory", digest(tree(stored_memory(folder / "resumed.db", "resumed"))))


def transferred(tape):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        write_job_files(folder)
        run_job(folder, job_of("old", {**JOBS["plain"], "recipe": "sobol"}))
        given = {
            **JOBS["transfer"],
            "transfer": [{"study": "old", "store": "sqlite:///old.db"}],
            "recipe": "gp",
        }
        ran = run_job(folder, job_of("new", given))
        tape.put("exit code", ran.returncode)
        put_export(tape, folder, "new")
        tape.put("memory", digest(tree(stored_memory(folder / "new.db", "new"))))


def reported(tape):
    """A job with its report: the recommended point as the page has it."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        write_job_files(folder)
        ran = run_job(folder, job_of("reported", {**JOBS["noisy"], "report": "out"}))
        tape.put("exit code", ran.returncode)
        put_export(tape, folder, "reported")
        tape.put("recommended", json.loads((folder / "out" / "recommended.json").read_text()))
        page = re.sub(r"data:image/[^\"']+", "", (folder / "out" / "index.html").read_text())
        text = re.sub(
            r"\s+", " ", re.sub(r"<[^>]+>", " ", re.sub(r"<style.*?</style>", "", page, flags=re.S))
        )
        text = re.sub(r"\d+(\.\d+)? m?s\b|\d{4}-\d\d-\d\d( \d\d:\d\d(:\d\d)?( UTC)?)?", "TIME", text)
        text = re.sub(r"versions python .*? Trials ", "versions Trials ", text)
        tape.put("page", digest(re.findall(r"(?<![A-Za-z_\d])\d+(?:\.\d+)?(?:e[+-]?\d+)?", text)))
        tape.say("page", text)


def add_search():
    def search(tape, **keywords):
        from sklearn.datasets import load_iris
        from sklearn.svm import SVC

        space = {"C": Real(1e-2, 1e3, log=True), "gamma": Real(1e-4, 1e1, log=True)}
        found = BayesSearchCV(SVC(), space, random_state=1, cv=3, **keywords)
        found.fit(*load_iris(return_X_y=True))
        results = found.cv_results_
        tape.put("candidates", results["params"])
        tape.put(
            "scores", [results["mean_test_score"], results["std_test_score"], results["rank_test_score"]]
        )
        if "resource" in keywords:
            tape.put("resources", [list(results[name]) for name in ("candidate", "n_resources")])
        tape.put("best", [found.best_params_, found.best_score_, found.best_index_])

    for name in ("auto", "gp", "forest"):
        scenario(f"search-cv/{name}", lambda tape, name=name: search(tape, n_iter=12, recipe=name))
    scenario(
        "search-cv/samples",
        lambda tape: search(tape, n_iter=9, resource="n_samples", min_resources=20, max_resources=150),
    )


def add():
    """Enter the scenarios of this module."""
    add_jobs()
    add_search()
