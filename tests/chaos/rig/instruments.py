"""What is put around the product in every process that evaluates or records: notes, and sudden death.

Notes say what the product has promised (see ``rig.ledger``).  Sudden death strikes just before or
just after one of the steps that make a result durable, where a kill from outside rarely falls.
"""

from __future__ import annotations

import functools
import os
import random
import signal

from rig import clocks, disks, ledger, mutants
from smbo.store.store import SqlStore
from smbo.trial import TrialState
from smbo_scheduler.jobs import JobStatus
from smbo_scheduler.outbox import processes
from smbo_scheduler.outbox.spool import Spool

CRASH_VARIABLE = "CHAOS_CRASH"  # with which probability a process dies at each of its steps

MACHINE_VARIABLE = "CHAOS_MACHINE"  # the name of the machine that a process takes itself to be on

# between any two of them lies a state of the disk from which the next driver must go on
STEPS = (
    (Spool, "claim"),
    (Spool, "write"),
    (Spool, "discard"),
    (SqlStore, "ask"),
    (SqlStore, "tell"),
    (SqlStore, "requeue"),
)

_installed: list[bool] = []


def install() -> None:
    """Apply the mutant that the environment names, then instrument this process."""
    if _installed or ledger.VARIABLE not in os.environ:
        return
    _installed.append(True)
    mutants.apply(os.environ.get(mutants.VARIABLE))
    clocks.install()
    if MACHINE_VARIABLE in os.environ:
        processes.machine_name = lambda: os.environ[MACHINE_VARIABLE]
    if disks.PRETEND_VARIABLE in os.environ:
        disks.pretend()
    Spool.write = _noting_kept(Spool.write)
    SqlStore.tell = _noting_told(SqlStore.tell)
    probability = float(os.environ.get(CRASH_VARIABLE, "0"))
    if probability:
        rng = random.Random()
        for owner, name in STEPS:
            setattr(owner, name, _deadly(getattr(owner, name), probability, rng))


def _noting_kept(write):
    @functools.wraps(write)
    def noting(self, outcome):
        write(self, outcome)
        if outcome.status is JobStatus.OK:
            ledger.note("kept", outcome.job.number, outcome.job.token)

    return noting


def _noting_told(tell):
    @functools.wraps(tell)
    def noting(self, study, number, token, result, *rest):
        told = tell(self, study, number, token, result, *rest)
        if result.state is TrialState.COMPLETE:
            ledger.note("told", number, token)
        return told

    return noting


def _deadly(step, probability: float, rng: random.Random):
    """Return a step before or after which this process may kill itself."""

    def maybe_die():
        if rng.random() < probability / 2:
            os.kill(os.getpid(), signal.SIGKILL)

    @functools.wraps(step)
    def deadly(*args, **kwargs):
        maybe_die()
        done = step(*args, **kwargs)
        maybe_die()
        return done

    return deadly
