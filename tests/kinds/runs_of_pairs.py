"""Run a case by ask/tell, through a store that is closed and opened again, and as a job that is killed."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seventeen import Case, told

from smbo import Budget, Optimizer, Study
from smbo.proposal.presets import preset

# The design of two or three axes has five or six points: those after it are of a model.
N_TRIALS = 9
_KILLED_AT = 7


def proposals_in_memory(case: Case, n: int = N_TRIALS) -> list[Any]:
    """Return the points of the first n trials, by ask/tell without an interruption."""
    optimizer = Optimizer(case.problem(), preset(case.recipe()), seed=1)
    while len(optimizer.trials) < n and optimizer.termination() is None:
        told(case, optimizer, optimizer.ask(min(case.batch, n - len(optimizer.trials))))
    return [trial.params for trial in optimizer.trials]


def proposals_reopened(case: Case, folder: Path, n: int = N_TRIALS) -> list[Any]:
    """Return the same of a study that is closed after each ask and opened again, with trials under way."""
    url = f"sqlite:///{folder / 'asked.db'}"
    with Study.open(url, "s", case.problem(), preset(case.recipe()), seed=1, budget=Budget(trials=n)):
        pass
    while True:
        with Study.load(url, "s") as study:
            if len(study.trials) >= n or study.termination() is not None:
                return [trial.params for trial in study.trials]
            numbers = [each.number for each in study.ask(min(case.batch, n - len(study.trials)))]
        with Study.load(url, "s") as study:
            told(case, study, [study.trial(number) for number in numbers])


def proposals_of_killed_job(case: Case, folder: Path, n: int = N_TRIALS) -> list[Any]:
    """Return the same of a job whose driver is killed in an evaluation, and that is run again.

    Raises:
        AssertionError: it could not be killed, resumed or replayed.
    """
    (folder / "job.json").write_text(json.dumps(case.job("s", folder, n)))
    (folder / "kill_at.txt").write_text(str(_KILLED_AT))
    ended = _forked(lambda: _run(folder))
    was_killed = os.WIFSIGNALED(ended) and os.WTERMSIG(ended) == signal.SIGKILL
    assert was_killed, f"the job ended by itself:\n{(folder / 'said.txt').read_text()}"
    ended = _forked(lambda: _run(folder))
    assert ended == 0, f"the job was not resumed:\n{(folder / 'said.txt').read_text()}"
    ended = _forked(lambda: _smbo(folder, "replay", "s"))
    assert ended == 0, f"a proposal differs:\n{(folder / 'said.txt').read_text()}"
    with Study.load(f"sqlite:///{folder / 's.db'}", "s") as study:
        return [trial.params for trial in study.trials]


def _run(folder: Path) -> None:
    (folder / "driver.txt").write_text(str(os.getpid()))
    _smbo(folder, "run", "job.json")


def _smbo(folder: Path, *words: str) -> None:
    from smbo.cli import main

    os.chdir(folder)
    with (folder / "said.txt").open("w") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
        main(list(words), standalone_mode=True)


def _forked(work: Callable[[], None]) -> int:
    """Do some work in a child process, which has all modules loaded; return its status."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1]
    code = 1
    try:
        work()
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        sys.stdout.flush()
        os._exit(code)


@contextmanager
def scratch() -> Iterator[Path]:
    """Give an empty folder for a while."""
    with tempfile.TemporaryDirectory(prefix="pair-") as name:
        yield Path(name)


def faults_of(case: Case) -> list[str]:
    """Return what is wrong with a case that is to work, in words; nothing where it works."""
    expected = proposals_in_memory(case)
    faults = []
    with scratch() as folder:
        if proposals_reopened(case, folder) != expected:
            faults.append("a study that is closed and opened again proposes other points")
    with scratch() as folder:
        found = proposals_of_killed_job(case, folder)
        # results of workers side by side, and reports, arrive at any time: `smbo replay` holds the points
        # against the log as it is
        if not {"batches", "early stopping"} & {*case.kinds} and found != expected:
            faults.append("a job that is killed and resumed proposes other points")
    return faults


def searched(case: Case, seed: int, full: float) -> tuple[float, float, float]:
    """Return shortfalls of a search and of random search at its cost, and that cost.

    Args:
        full: cost of the search, in evaluations of the mean cost at the highest fidelity.
    """
    problem, budget = case.problem(), full * (3.0 if "costs" in case.kinds else 1.0)
    optimizer, spent = Optimizer(problem, preset(case.recipe()), seed=seed), 0.0
    while spent < budget and optimizer.termination() is None:
        spent += told(case, optimizer, optimizer.ask(case.batch))
    plain = case.problem(is_plain=True)
    random, cost = Optimizer(plain, "random", seed=seed), 0.0
    while cost < spent:
        cost += told(case, random, [random.ask()])
    return case.shortfall(optimizer), case.shortfall(random, has_model=False), spent
