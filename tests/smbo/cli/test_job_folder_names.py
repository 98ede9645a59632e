"""A job folder may call its files as it likes: objectives.py, scheduler.py, jobs.py are the user's own."""

import json
import os
import subprocess
import sys

import pytest

FILES = {
    "objectives.py": """
        from scheduler import shifted


        def evaluate(params):
            return shifted(params["x"]) ** 2
        """,
    "scheduler.py": """
        def shifted(x):
            return x - 0.3
        """,
    "job.yaml": """
        study: folder
        objective: {python: objectives:evaluate}
        space: {x: {real: [0.0, 1.0]}}
        budget: {trials: 4}
        cluster: serial
        seed: 1
        """,
    # the script beside the job, by ask/tell and by Study.run
    "smbo_job.py": """
        import json

        from objectives import evaluate

        from smbo import Budget, Optimizer, Problem, Real, Study

        space = {"x": Real(0.0, 1.0)}
        optimizer = Optimizer(space, seed=1)
        for _ in range(4):
            trial = optimizer.ask()
            optimizer.tell(trial, evaluate(trial.params))
        study = Study.open("sqlite:///x.db", "x", Problem(space), seed=1, budget=Budget(trials=4))
        study.run(evaluate)
        print(json.dumps([[trial.value for trial in each.trials] for each in (optimizer, study)]))
        """,
}
# nobody but the user imports these, so importing one by mistake is an error
UNUSED = ("clusters.py", "examples.py", "executors.py", "jobs.py", "loop.py", "retry.py", "worker.py")


@pytest.fixture
def job_folder(tmp_path):
    for name, text in FILES.items():
        lines = text.strip("\n").splitlines()
        (tmp_path / name).write_text("\n".join(line[8:] for line in lines) + "\n")
    for name in UNUSED:
        (tmp_path / name).write_text(f"raise AssertionError('{name} is the user\\'s, and was imported')\n")
    return tmp_path


def python(folder, *words):
    """Run Python in a folder as a user does, outside this process and its imported modules."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )


def values(folder):
    """Return the values of the job's study, after checking that all its evaluations succeeded."""
    exported = python(folder, "-m", "smbo.cli", "export", "job.yaml", "--format", "json")
    assert exported.returncode == 0, exported.stderr
    trials = json.loads(exported.stdout)
    assert all(trial["value"] == (trial["params.x"] - 0.3) ** 2 for trial in trials)
    return [trial["value"] for trial in trials]


def test_the_command_line_runs_a_job_of_such_a_folder(job_folder):
    done = python(job_folder, "-m", "smbo.cli", "run", "job.yaml")
    assert done.returncode == 0, done.stderr
    assert len(values(job_folder)) == 4


def test_a_script_beside_them_asks_and_tells_and_runs_a_study(job_folder):
    done = python(job_folder, "smbo_job.py")
    assert done.returncode == 0, done.stderr
    told, run = json.loads(done.stdout)
    assert len(told) == 4
    assert run == told


@pytest.mark.dask
def test_dask_workers_evaluate_a_job_of_such_a_folder(job_folder):
    path = job_folder / "job.yaml"
    path.write_text(path.read_text().replace("cluster: serial", "cluster: {local: {workers: 2}}"))
    done = python(job_folder, "-m", "smbo.cli", "run", "job.yaml", "--no-report")
    assert done.returncode == 0, done.stderr
    assert len(values(job_folder)) == 4


@pytest.mark.parametrize("name", ["objectives", "scheduler"])
@pytest.mark.parametrize("script", ["smbo_job.py", "job.yaml"])
def test_a_package_of_that_name_in_smbo_would_break_the_folder(job_folder, name, script):
    # the clash, planted: a module of the user's name is loaded before the user's own
    run = "main(['run', 'job.yaml'])" if script == "job.yaml" else "runpy.run_path('smbo_job.py')"
    clash = f"import runpy, sys, types; sys.modules[{name!r}] = types.ModuleType({name!r})"
    done = python(job_folder, "-c", f"{clash}\nfrom smbo.cli import main\n{run}")
    assert done.returncode != 0
    assert name in done.stderr
