"""CPU seconds of processes that have just started, beside the bare imports of the libraries they load.

    python tests/benchmarks/bench_start.py [--rounds 9] [--only TEXT]

Whole processes, with all that they start, in turns with their bare imports, and the median of the ratios.

- import smbo; a first ``ask``; a first ``ask`` by a model.  Bare: numpy and the packages of scipy that
  it loads.
- ``smbo --help``, a misspelt command, a mistake in a job.  Bare: click and rich (and what reads a job:
  pydantic and ruamel.yaml).
- a trivial ``smbo run``, serial and with two local workers, the report included.  Bare: the imports of
  other people's modules by each of its processes, in a fresh interpreter each.

What a process imports is noted by an audit hook in a run of its own, so that killed ones are known too.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import psutil

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
OURS = (
    "smbo",
    "smbo_scheduler",
    "smbo_objectives",
    "toy_start",
    "sitecustomize",
    "usercustomize",
    "__main__",
)
_MARK = "SMBO_BENCH_START"  # in the environment of all processes of one run
_IMPORTS = "SMBO_BENCH_IMPORTS"  # the folder in which each process notes what it imports

# Notes each import of a process, in a file of its own; a fork inherits what was imported before it.
HOOK = """
import os, sys
folder = os.environ.get("SMBO_BENCH_IMPORTS")
if folder:
    owner = os.getpid()
    notes = open(os.path.join(folder, str(owner)), "a", buffering=1)
    def note(event, args):
        if event == "import" and os.getpid() == owner:
            notes.write(args[0] + "\\n")
    sys.addaudithook(note)
"""
ASK = (
    "from smbo import Optimizer\noptimizer = Optimizer({'x': (0.0, 1.0)}, seed=1)\ntrial = optimizer.ask()\n"
)
ASK_MODEL = (
    ASK + "for _ in range(6):\n    optimizer.tell(trial, trial.params['x'] ** 2); trial = optimizer.ask()\n"
)
COMMAND = "import sys\nsys.argv = ['smbo', *{words!r}]\nfrom smbo.cli import main\nmain()\n"
JOB = """study: {name}
objective: {{python: toy_start:square}}
space: {{x: {{real: [0.0, 1.0]}}}}
budget: {{trials: 4}}
cluster: {cluster}
"""
MODULE = "def square(x):\n    return (x - 0.3) ** 2\n"


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a process that may use compiled modules, in one thread."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, **dict.fromkeys(THREADS, "1"), **more}


def cpu_of(code: str, folder: Path) -> float:
    """Return the CPU seconds of a fresh interpreter that runs ``code``."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment(), check=False, capture_output=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def cpu_of_all(code: str, folder: Path, **more: str) -> float:
    """Return the CPU seconds of an interpreter and of every process that it starts, in other sessions too."""
    mark = f"{os.getpid()}-{time.monotonic_ns()}"
    spent: dict[int, float] = {}
    others: set[int] = set()
    started = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=folder,
        env=environment(**{_MARK: mark}, **more),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while _poll(mark, spent, others) or started.poll() is None:
        time.sleep(0.02)
    if started.returncode:
        sys.exit(f"{code!r} ended with exit code {started.returncode}")
    return sum(spent.values())


def _poll(mark: str, spent: dict[int, float], others: set[int]) -> bool:
    """Bring the CPU seconds of marked processes up to date; return whether one of them lives."""
    is_alive = False
    for pid in psutil.pids():
        if pid in others:
            continue
        try:
            process = psutil.Process(pid)
            if pid not in spent and process.environ().get(_MARK) != mark:
                others.add(pid)
                continue
            times = process.cpu_times()
            spent[pid] = times.user + times.system
            is_alive |= process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            continue
    return is_alive


def imported(code: str, folder: Path) -> list[list[str]]:
    """Return the modules of other people that each process of a run imports, forks without their parent's."""
    with tempfile.TemporaryDirectory() as hooks, tempfile.TemporaryDirectory() as notes:
        (Path(hooks) / "sitecustomize.py").write_text(HOOK)
        places = os.pathsep.join(filter(None, [hooks, os.environ.get("PYTHONPATH", "")]))
        cpu_of_all(code, folder, PYTHONPATH=places, **{_IMPORTS: notes})
        lists = [path.read_text().split() for path in sorted(Path(notes).iterdir())]
    return [[name for name in dict.fromkeys(names) if name.split(".")[0] not in OURS] for names in lists]


def bare(modules: list[str]) -> str:
    """Return code that imports modules, as far as they can be imported."""
    return (
        f"import importlib\nfor name in {modules!r}:\n    try: importlib.import_module(name)\n"
        "    except Exception: pass\n"
    )


def packages(code: str, folder: Path) -> list[str]:
    """Return numpy and the public packages of scipy that ``code`` loads."""
    print_them = "import sys, json; print(json.dumps(sorted(sys.modules)))"
    ran = subprocess.run(
        [sys.executable, "-c", f"{code}\n{print_them}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    names = json.loads(ran.stdout)
    of_scipy = [
        name for name in names if name.startswith("scipy.") and name.count(".") == 1 and "._" not in name
    ]
    return [name for name in ("numpy", *of_scipy) if name in names]


def compared(name: str, bar: float | None, run, bare_run, rounds: int) -> None:
    """Print the medians of a run and of its bare imports, measured in turns, and of the ratio."""
    run(), bare_run()  # compiles modules
    ours, theirs = [], []
    for turn in range(rounds):
        for kept, measure in ((ours, run), (theirs, bare_run))[:: 1 if turn % 2 == 0 else -1]:
            kept.append(measure())
    ratio = statistics.median(mine / other for mine, other in zip(ours, theirs))
    print(
        f"| {name} | {statistics.median(ours):.3f} | {statistics.median(theirs):.3f} | {ratio:.2f} "
        f"| {'' if bar is None else bar} |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", default="", metavar="TEXT", help="rows whose name holds this")
    given = parser.parse_args()
    print("| what | CPU s | bare imports, CPU s | ratio | bar |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "toy_start.py").write_text(MODULE)
        (folder / "wrong.yaml").write_text("study: s\nspace: {x: {real: [0, 1]}}\nobjektive: {}\n")
        for name, code, bar in (("first ask", ASK, 1.3), ("first ask by a model", ASK_MODEL, None)):
            if given.only in name:
                imports = bare(packages(code, folder))
                compared(
                    name, bar, partial(cpu_of, code, folder), partial(cpu_of, imports, folder), given.rounds
                )
        for name, code, imports, bar in (
            ("import smbo", "import smbo", "pass", None),
            ("smbo --help", COMMAND.format(words=["--help"]), "import click, rich", 1.5),
            ("smbo rnu", COMMAND.format(words=["rnu"]), "import click, rich", 1.5),
            (
                "mistake in a job",
                COMMAND.format(words=["run", "wrong.yaml"]),
                "import click, rich, pydantic, ruamel.yaml",
                None,
            ),
        ):
            if given.only in name:
                compared(
                    name, bar, partial(cpu_of, code, folder), partial(cpu_of, imports, folder), given.rounds
                )
        for name, cluster in (("serial", "serial"), ("two-workers", "{local: {workers: 2}}")):
            if given.only in f"smbo run, {name}":
                _run_jobs(name, cluster, folder, max(1, given.rounds // 3))


def _run_jobs(name: str, cluster: str, folder: Path, rounds: int) -> None:
    """Print the figures of a trivial job, a new study each time."""
    number = iter(range(10_000))

    def code() -> str:
        study = f"{name}{next(number)}"
        (folder / f"{study}.yaml").write_text(JOB.format(name=study, cluster=cluster))
        return COMMAND.format(words=["run", f"{study}.yaml"])

    codes = [bare(modules) for modules in imported(code(), folder) if modules]
    compared(
        f"smbo run, {name}",
        1.5,
        lambda: cpu_of_all(code(), folder),
        lambda: sum(cpu_of(each, folder) for each in codes),
        rounds,
    )


if __name__ == "__main__":
    main()
