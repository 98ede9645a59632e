"""R6: cut the network between Dask's scheduler and a worker while it evaluates.

    python tests/chaos/partition.py --cut 10 45 [--seed 1] [--mutant NAME]

Scheduler, driver and one worker are here, another worker is in a network namespace; the spool is a
folder that all reach.  The cable is cut while both evaluate, for so many seconds, and the
evaluation beyond it ends meanwhile.  It must be recorded from the spool, and not run again: not by
us, and not by Dask, which hands a lost worker's task to the other one.  Needs root; without, it
says so and counts as skipped (exit code 2).
"""

from __future__ import annotations

import argparse
import functools
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path[:1] = [str(Path(__file__).resolve().parents[n]) for n in (0, 2)]

import distributed  # noqa: F401  once, for the driver that is forked from here

from rig import command, driver, instruments, ledger, mutants
from rig.audit import audit, read_store
from rig.fleet import Fleet, wait_until
from rig.partitions import Cable, is_possible

ENVIRONMENT = {
    "DASK_DISTRIBUTED__WORKER__DAEMON": "False",
    "DASK_DISTRIBUTED__SCHEDULER__HTTP__ROUTES": "[]",
    "DASK_DISTRIBUTED__WORKER__HTTP__ROUTES": "[]",
}


def one_cut(root: Path, cable: Cable, cut_seconds: float, timeout_seconds: float) -> list[str]:
    """Cut the cable once; return the faults.

    Args:
        timeout_seconds: after which Dask takes a silent connection for dead.
    """
    command.begin_ledger(root)
    os.environ["DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP"] = f"{timeout_seconds}s"
    evaluation_seconds = cut_seconds / 2.5
    address = f"tcp://{cable.here}:8786"
    with _cluster(root, cable, address):
        task = driver.Task(
            f"sqlite:///{root}/runs.db",
            "partition",
            6,
            pause_seconds=evaluation_seconds,
            cluster=address,
            lease_seconds=10.0,
        )
        fleet = Fleet(root / "output")
        fleet.start(0, functools.partial(driver.drive, task))
        try:
            began = wait_until(lambda: ledger.count(root / "ledger", "started") >= 2, 60.0)
            cable.cut()
            n_lines = len(ledger.read(root / "ledger"))
            time.sleep(cut_seconds)
            during = ledger.read(root / "ledger")[n_lines:]
            cable.mend()
            is_over = wait_until(lambda: bool(fleet.reap() or not fleet.pids), 60.0 + 10 * evaluation_seconds)
            stored, lines = read_store(task.url, task.study), ledger.read(root / "ledger")
        finally:
            fleet.end()
    account = audit(stored, lines, task.trials)
    beyond = {line.token for line in lines if line.word == "started" and line.detail.endswith(" there")}
    told = [line.token for line in during if line.word == "told" and line.token in beyond]
    print(
        f"cut for {cut_seconds:g} s: {account.n_complete} of {task.trials} complete, {account.n_attempts}"
        f" attempts, {len(beyond)} evaluated beyond the cut, {len(told)} of them recorded during it",
        flush=True,
    )
    faults = account.faults
    faults += [] if began and is_over else ["the driver did not come to its end"]
    faults += [] if told else ["nothing that was evaluated beyond the cut was recorded during it"]
    if account.n_attempts > account.n_complete:
        faults.append(f"{account.n_attempts - account.n_complete} evaluations were given up")
    if faults:
        faults.append((root / "output").read_text()[-2000:])
    return faults


class _cluster:
    """A scheduler and a worker here, and a worker at the other end of the cable."""

    def __init__(self, root: Path, cable: Cable, address: str) -> None:
        self._root, self._cable, self._address = root, cable, address
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self):
        dask = [sys.executable, "-m", "dask"]
        quiet = ["--no-dashboard"]
        here = self._cable.here
        self._start([*dask, "scheduler", "--host", here, "--port", "8786", *quiet], "here")
        work = [*dask, "worker", self._address, "--nthreads", "1", "--no-nanny", *quiet]
        folder = ["--local-directory", str(self._root)]
        self._start([*work, *folder, "--host", here], "here")
        self._start(self._cable.over_there([*work, *folder, "--host", self._cable.there]), "there")
        log = self._root / "dask.log"
        if not wait_until(lambda: log.read_text().count("Registered to") >= 2, 90.0):
            raise SystemExit(f"the cluster did not start:\n{log.read_text()[-2000:]}")
        return self

    def __exit__(self, *_):
        for process in self._processes:
            process.kill()
            process.wait()

    def _start(self, command: list[str], machine: str) -> None:
        with (self._root / "dask.log").open("ab") as log:
            path = os.pathsep.join(map(os.path.abspath, sys.path))
            environment = {
                **os.environ,
                **ENVIRONMENT,
                "PYTHONPATH": path,
                instruments.MACHINE_VARIABLE: machine,
            }
            self._processes.append(
                subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
            )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cut", type=float, nargs="+", default=[10.0, 45.0], help="seconds")
    parser.add_argument("--timeout", type=float, default=30.0, help="of Dask's connections, seconds")
    parser.add_argument("--mutant", choices=["", *sorted(mutants.MUTANTS)], default="")
    options = parser.parse_args()
    if not is_possible():
        print("1 skipped: network namespaces need root")
        return 2
    os.environ[mutants.VARIABLE] = options.mutant
    faults: list[str] = []
    for cut_seconds in options.cut:
        with (
            tempfile.TemporaryDirectory(prefix="chaos-net-", ignore_cleanup_errors=True) as name,
            Cable(random.SystemRandom().randrange(16384)) as cable,
        ):
            faults += one_cut(Path(name), cable, cut_seconds, options.timeout)
            if faults and os.environ.get("CHAOS_SHOW"):
                print((Path(name) / "dask.log").read_text()[-4000:])
    return command.end(faults)


if __name__ == "__main__":
    sys.exit(main())
