"""``import smbo`` loads numpy and scipy, nothing heavier, and is quick about it."""

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


@pytest.fixture(scope="module")
def loaded() -> list[str]:
    return json.loads(in_fresh_python("import smbo, sys, json; print(json.dumps(sorted(sys.modules)))"))


def test_import_smbo_loads_nothing_heavier_than_numpy_and_scipy(loaded: list[str]) -> None:
    assert "smbo" in loaded
    heavy = sorted({name for name in loaded if name.partition(".")[0] in HEAVY})
    assert heavy == []


def test_import_smbo_takes_under_half_a_second_beyond_numpy_and_scipy(loaded: list[str]) -> None:
    theirs = [name for name in loaded if name.partition(".")[0] in ("numpy", "scipy")]
    # what smbo would load of numpy and scipy comes first, so that the clock sees the rest alone; it is
    # the processor's, as waiting for a core says nothing about the import
    code = (
        "import importlib, time\n"
        f"for name in {theirs!r}:\n"
        "    try: importlib.import_module(name)\n"
        "    except ImportError: pass\n"
        "start = time.process_time()\n"
        "import smbo\n"
        "print(time.process_time() - start)\n"
    )
    seconds = [float(in_fresh_python(code)) for _ in range(5)]
    typical = statistics.median(seconds)  # one busy moment of the machine must not decide
    print(f"import smbo beyond numpy and scipy: {typical:.3f} s (of {[round(s, 3) for s in seconds]})")
    assert typical < 0.5
