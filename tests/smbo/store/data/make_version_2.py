"""Write version_2.db as this version of smbo does: run once, with the version that introduced it.

    python tests/smbo/store/data/make_version_2.py tests/smbo/store/data/version_2.db

The study "first" of version 1, and a study "rungs" with drivers, leases, reports, promotions and
prunings.  Never written anew, like the other.
"""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import make_version_1

from smbo.store.ask import Asking
from smbo.store.budget import Budget
from smbo.store.records import Result
from smbo.store.store import SqlStore
from smbo.trial import TrialState


def add_rungs(store: SqlStore) -> None:
    """Four trials on two rungs: complete, running, paused, pruned."""
    record = store.create_study("rungs", {}, "random", 5, Budget(trials=9))
    study = record.id
    store.register_driver(study, "driver-a", "host", 17, 4)
    epoch = store.lead(study, "driver-a")
    points = [{"x": number / 4} for number in range(4)]
    trials = store.ask(
        study,
        Asking(
            4,
            points,
            0,
            record.last_seq,
            {},
            lambda number: 50 + number,
            fidelities=[1.0] * 4,
            rungs=[0] * 4,
        ),
    )
    for trial in trials:
        store.claim(study, trial.number, trial.token, "driver-a", f"job-{trial.number}")
        store.report(study, trial.number, trial.token, 1, 0.5 * trial.number)
        paused = Result(TrialState.PAUSED, value=trial.number / 3, checkpoint=f"attempt-{trial.token}")
        store.pause(study, trial.number, trial.token, paused)
    store.beat_attempts(study, {trial.token: 3 for trial in trials})
    for number in (0, 1):
        store.promote(study, number, 3.0, 1, why={"of": 4}, epoch=epoch)
    again = store.ask(study, Asking(2, [], 4, 0, {}, lambda number: number))
    store.tell(study, 0, again[0].token, Result(TrialState.COMPLETE, value=0.25, feasible=True))
    store.prune(study, 3, trials[3].token, epoch=epoch)


def main(path: Path) -> None:
    """Make the file at ``path``."""
    make_version_1.main(path)
    store = SqlStore(f"sqlite:///{path}")
    add_rungs(store)
    store.close()
    with sqlite3.connect(path) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        raw.execute("PRAGMA journal_mode = DELETE")  # so that it is one file
    raw.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
