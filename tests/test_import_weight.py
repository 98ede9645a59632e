"""``import smbo`` loads not even numpy; ask and tell load numpy and parts of scipy, nothing heavier."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

NUMERICS = {"numpy", "scipy", "sklearn"}
HEAVY = (
    "awkward",
    "click",
    "cloudpickle",
    "cryptography",
    "dask",
    "distributed",
    "fastjet",
    "jinja2",
    "joblib",
    "matplotlib",
    "smbo_objectives",
    "pandas",
    "psutil",
    "pydantic",
    "pythia8mc",
    "rich",
    "ruamel",
    "smbo_scheduler",
    "sklearn",
    "sqlalchemy",
    "torch",
)


def in_fresh_python(code: str) -> str:
    """Return what a fresh interpreter prints for ``code``."""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    return run.stdout


ASK_AND_TELL = (
    "import smbo\n"
    "optimizer = smbo.Optimizer({'x': (0.0, 1.0)}, recipe='gp', seed=1)\n"
    "for _ in range(8):\n"
    "    trial = optimizer.ask()\n"
    "    optimizer.tell(trial, trial.params['x'] ** 2)\n"
)


def modules_after(code: str) -> list[str]:
    """Return the modules that a fresh interpreter has loaded after ``code``."""
    return json.loads(in_fresh_python(f"{code}\nimport sys, json; print(json.dumps(sorted(sys.modules)))"))


@pytest.fixture(scope="module")
def asked() -> list[str]:
    return modules_after(ASK_AND_TELL)


def test_import_smbo_loads_nothing_but_itself() -> None:
    loaded = modules_after("import smbo")
    assert [name for name in loaded if name.partition(".")[0] == "smbo"] == ["smbo"]
    assert {name.partition(".")[0] for name in loaded} & {"numpy", "scipy", *HEAVY} == set()


def test_ask_and_tell_load_nothing_heavier_than_numpy_and_scipy(asked: list[str]) -> None:
    assert "smbo.surrogates.gp.gp" in asked
    assert sorted({name for name in asked if name.partition(".")[0] in HEAVY}) == []


def test_neither_first_points_nor_proposals_of_a_model_load_scipy_stats(asked: list[str]) -> None:
    assert not {name for name in asked if name.startswith("scipy.stats")}


ASK_ONCE = "import smbo\nsmbo.Optimizer({'x': (0.0, 1.0), 'n': (1, 9)}, seed=1).ask()"
# what a first proposal has no use for, each a part of the house
UNUSED_BY_A_FIRST_ASK = (
    "smbo.analysis.explain",
    "smbo.analysis.pareto",
    "smbo.problem.objective",
    "smbo.problem.tables",
    "smbo.proposal.recommend",
    "smbo.space.feasible",
    "smbo.surrogates.multi_output",
    "smbo.surrogates.sklearn",
    "smbo.surrogates.gp.torch_gp",
    "smbo.tuning",
)


def test_a_first_ask_loads_no_part_that_it_does_not_use() -> None:
    """It took as long again as numpy and scipy; tests/benchmarks/bench_start.py measures it."""
    loaded = modules_after(ASK_ONCE)
    assert [name for name in loaded if name.startswith(UNUSED_BY_A_FIRST_ASK)] == []
    assert not {name for name in loaded if name.startswith("scipy.stats")}


@pytest.mark.parametrize("package", ["smbo", "smbo.acquisition", "smbo.problem", "smbo.surrogates"])
def test_a_package_hands_on_every_name_that_it_lists(package: str) -> None:
    code = (
        f"import {package} as package\n"
        "print([each for each in package.__all__ if not hasattr(package, each)])\n"
        "try: package.no_such_name\n"
        "except AttributeError as error: print(error)\n"
    )
    assert in_fresh_python(code).splitlines() == ["[]", f"module {package!r} has no attribute 'no_such_name'"]


@pytest.mark.parametrize("words", ["--help", "--version", "rnu", "run --help"])
def test_help_and_misspelt_words_cost_no_numerics(words: str) -> None:
    code = (
        f"import sys; sys.argv = ['smbo', *{words.split()!r}]\n"
        "import contextlib, io\n"
        "from smbo.cli import main\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()): main()\n"
    )
    loaded = {name.partition(".")[0] for name in modules_after(code)}
    assert loaded & {*NUMERICS, "dask", "distributed", "sqlalchemy"} == set()


MISTAKES = {
    "an unknown key": "study: s\nspace: {x: {real: [0, 1]}}\nobjective: {python: m:f}\nbugdet: {trials: 3}\n",
    "no YAML": "study: [s\n",
    "a wrong type": "study: s\nspace: {x: {real: [0, 1]}}\nobjective: {python: m:f}\nbudget: {trials: x}\n",
}


@pytest.mark.parametrize("text", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_in_a_job_file_costs_no_numerics(tmp_path: Path, text: str) -> None:
    job = tmp_path / "job.yaml"
    job.write_text(text)
    code = (
        f"import sys; sys.argv = ['smbo', 'run', {str(job)!r}]\n"
        "import contextlib\n"
        "from smbo.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 2\n"
    )
    loaded = {name.partition(".")[0] for name in modules_after(code)}
    assert loaded & {*NUMERICS, "dask", "distributed", "sqlalchemy"} == set()


def test_the_optimizer_loads_in_under_half_a_second_beyond_numpy_and_scipy(asked: list[str]) -> None:
    theirs = [name for name in asked if name.partition(".")[0] in ("numpy", "scipy")]
    # what smbo would load of numpy and scipy comes first, so that the clock sees the rest alone; it is
    # the processor's, as waiting for a core says nothing about the import
    code = (
        "import importlib, time\n"
        f"for name in {theirs!r}:\n"
        "    try: importlib.import_module(name)\n"
        "    except ImportError: pass\n"
        "start = time.process_time()\n"
        "import smbo; smbo.Optimizer\n"
        "print(time.process_time() - start)\n"
    )
    seconds = [float(in_fresh_python(code)) for _ in range(5)]
    typical = statistics.median(seconds)  # one busy moment of the machine must not decide
    print(f"smbo.Optimizer beyond numpy and scipy: {typical:.3f} s (of {[round(s, 3) for s in seconds]})")
    assert typical < 0.5


def test_a_worker_loads_neither_models_nor_sql_to_evaluate() -> None:
    """It took two seconds of imports before the first evaluation could begin."""
    loaded = modules_after("import smbo.study.evaluator, smbo_scheduler.worker.fork_server_main")
    heavy = {"sqlalchemy", "sklearn", "scipy", "distributed", "smbo.surrogates"}
    assert heavy.isdisjoint(loaded)


@pytest.mark.parametrize("package", ["smbo", "smbo.acquisition", "smbo.problem", "smbo.surrogates"])
def test_completion_lists_the_names_that_are_not_loaded_yet(package: str) -> None:
    code = f"import {package} as p; print(sorted(set(p.__all__) - set(dir(p))))"
    assert in_fresh_python(code).strip() == "[]"
