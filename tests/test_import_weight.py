"""``import smbo`` loads not even numpy; ask and tell load numpy and parts of scipy, nothing heavier."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

import pytest

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
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
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
