"""Write version_1.db as this version of smbo does: run once, with the version that introduced it.

    python tests/smbo/store/data/make_version_1.py tests/smbo/store/data/version_1.db

Later versions must open the file, bring it up to date, and go on with its study.  It is never
written anew: a file that the present code made would test nothing.
"""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import numpy as np

from smbo.problem import Outcome, Problem
from smbo.space import Categorical, Integer, Real
from smbo.store.attempt_outcome import AttemptOutcome
from smbo.store.budget import Budget
from smbo.study import Study


def main(path: Path) -> None:
    """Make the file at ``path``, with one study in every state there is."""
    space = {
        "x": Real(0.001, 1.0, log=True),
        "n": Integer(1, 9),
        "kind": Categorical(["a", ("b", 2), None]),
        "width": Real(0.0, 1.0, active_when="kind == 'a'"),
    }
    problem = Problem(space, objectives={"z": "max"}, constraints=["b >= 0.5"])
    limits = Budget(trials=20, failures=9)
    with Study.open(f"sqlite:///{path}", "first", problem, recipe="random", seed=11, budget=limits) as study:
        for number in range(6):
            outcome = Outcome(
                sem=0.1,
                cost=2.5,
                metrics={"z": number / 3, "b": number % 2},
                outputs=np.array([number, 1 / 3]),
                outputs_variance=np.array([0.5, 0.25]),
            )
            study.tell(study.ask(), outcome)
        study.tell(study.ask(), status="failed", reason="timeout", error="took too long")
        study.tell(study.ask(), status="cancelled")
        study.tell({"x": 0.5, "n": 3, "kind": None}, {"z": 0.25, "b": 1.0})
        lost, late = study.ask(2, key="two")
        study.store.requeue(study.id, lost.number, lost.token, AttemptOutcome.LOST)
        study.tell(late, status="failed", reason="lost")
    with sqlite3.connect(path) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        raw.execute("PRAGMA journal_mode = DELETE")  # so that it is one file
    raw.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
