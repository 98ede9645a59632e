"""Run programs that do what they should not, and count what is left of them.

    python tests/chaos/hostile.py --runs 200 [--at-once 4] [--seed 1] [--only daemons] [--mutant killpg]

Each run is an evaluation by the objective ``command``, through the runner and its spool, in a thread
that ends with it or in a child process: programs that hang, are deaf to SIGTERM, leave twenty daemons
in sessions of their own, fork on and on, print 100 MB, eat memory, die by a signal, stop themselves,
leave half a result, a link for a result, or one that says two things.  What must hold of every run:

* when its outcome is there, no process of it is left;
* it took no longer than its timeout, the grace and ``--slack`` seconds;
* the spool holds the right ending and the right reason.

One line a kind; the exit code is 0 if all held, 1 otherwise.  With ``--mutant`` a part of the product
is taken out first, and the exit code must become 1.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from smbo.study.evaluator import Evaluator, ObjectiveSpec, payload_of
from smbo_objectives import process as programs
from smbo_scheduler.jobs import Job
from smbo_scheduler.outbox.spool import Spool
from smbo_scheduler.worker.child import close_children
from smbo_scheduler.worker.runner import run_job

TIMEOUT_SECONDS = 2.0
GRACE_SECONDS = 0.5
OUTPUT_BYTES = 10_000_000
MEMORY_BYTES = 150_000_000
MARK = "CHAOS_HOSTILE"

PROGRAM = """
import os, signal, sys, time
result = sys.argv[1]

def leave(text='{"value": 1}'):
    with open(result, "w") as file:
        file.write(text)

def daemon(work):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            work()
        os._exit(0)
    os.wait()

def hang():
    while True:
        time.sleep(1000)

def comet(seconds=60):
    # not for ever: what a mutant lets go, nobody ends
    until = time.time() + seconds
    while time.time() < until:
        if os.fork():
            os._exit(0)
        os.setsid()
        time.sleep(0.001)

def hog():
    hoard = []
    while True:
        hoard.append(b"x" * 5_000_000)
        time.sleep(0.005)

def flood(n_bytes=100_000_000):
    line = b"x" * 99_999 + b"\\n"
    for _ in range(n_bytes // len(line)):
        os.write(1, line)
"""

# What each program does, and the reason that must be recorded (None: it succeeds).
KINDS: dict[str, tuple[str, str | None]] = {
    "hangs": ("hang()", "timeout"),
    "is deaf to SIGTERM": ("signal.signal(signal.SIGTERM, signal.SIG_IGN)\nhang()", "timeout"),
    "forks 20 daemons and hangs": ("for _ in range(20): daemon(hang)\nhang()", "timeout"),
    "forks 20 daemons and ends well": ("for _ in range(20): daemon(hang)\nleave()", None),
    "forks on and on": ("daemon(comet)\nhang()", "timeout"),
    "stops itself": ("os.kill(os.getpid(), signal.SIGSTOP)", "timeout"),
    "prints 100 MB": ("flood()\nleave()", "output-cap"),
    "is killed": ("os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
    "crashes": ("os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
    "gives up": ("leave()\nsys.exit(7)", "exit 7"),
    "leaves half a result": ("leave('{\"value\": 1')", "bad-output"),
    "leaves no result": ("pass", "bad-output"),
    "leaves a link": ("os.symlink('/dev/zero', result)", "bad-output"),
    "leaves a pipe": ("os.mkfifo(result)", "bad-output"),
    "says two things": ('leave(\'{"value": 1, "value": 2}\')', "bad-output"),
    "eats memory": ("hog()", "memory"),
    "eats memory in a daemon": ("daemon(hog)\nhang()", "memory"),
}

# The product with a part taken out: code that runs in the process that starts programs.
MUTANTS = {
    "no-subreaper": "w.become_subreaper = lambda: None",
    "killpg": (
        "exec('''def kill_descendants(seconds):\\n"
        "    import os, signal\\n"
        "    for pid in children(os.getpid()):\\n"
        "        try: os.killpg(pid, signal.SIGKILL)\\n"
        "        except ProcessLookupError: pass\\n"
        "    return {}, []''', w.__dict__)"
    ),
    "no-watch": "w.Supervisor._check_limits = lambda self, logs: None",
}


@dataclass
class Account:
    """What came of the runs."""

    runs: Counter[str] = field(default_factory=Counter)
    longest_seconds: dict[str, float] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def take_out(mutant: str) -> None:
    """Have programs started by a fork server of which a part was taken out."""
    code = f"import smbo_objectives.supervisor as w; {MUTANTS[mutant]}; main()"
    programs._START = programs._START.removesuffix("main()") + code
    programs._fork_server = None


def one_run(
    kind: str, folder: Path, number: int, isolation: str, slack_seconds: float
) -> tuple[float, list[str]]:
    """Run one program; return its seconds and what was wrong."""
    code, reason = KINDS[kind]
    mark = f"{folder}/{number}/"
    settings: dict[str, Any] = {
        "argv": [sys.executable, "-I", "-S", "-c", PROGRAM + code, "{result}"],
        "timeout_seconds": TIMEOUT_SECONDS,
        "grace_seconds": GRACE_SECONDS,
        "output_limit_bytes": OUTPUT_BYTES,
        "memory_bytes": MEMORY_BYTES,
        "env": {MARK: mark},
    }
    spool = Spool(folder / "spool")
    job = Job("hostile", number, 1, payload_of({"x": 0.5}, seed=number, fidelity=None))
    target = Evaluator(ObjectiveSpec("command", settings))
    # a thread that ends with the run: the kernel's signal at a parent's death hangs on threads
    thread = threading.Thread(target=run_job, args=(target, job, spool, isolation))
    thread.start()
    thread.join()
    faults = []
    if left := marked(mark):
        faults.append(f"{len(left)} processes left")
        end(left)
    outcome = spool.read(job)
    if outcome is None:
        return 0.0, [*faults, "no outcome"]
    if outcome.reason != reason:
        faults.append(f"recorded {outcome.status}, {outcome.reason}; {reason} was right: {outcome.error}")
    seconds = (outcome.ended or 0.0) - (outcome.started or 0.0)
    if seconds > TIMEOUT_SECONDS + GRACE_SECONDS + slack_seconds:
        faults.append(f"ended after {seconds:.2f} s")
    return seconds, faults


def marked(mark: str) -> list[psutil.Process]:
    """Return the processes that run with a mark that begins so in their environment."""
    found = []
    wanted = f"{MARK}={mark}".encode()
    for process in psutil.process_iter():
        try:
            with open(f"/proc/{process.pid}/environ", "rb") as file:
                is_marked = any(each.startswith(wanted) for each in file.read().split(b"\0"))
            if is_marked and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (OSError, psutil.Error):
            continue
    return found


def end(processes: list[psutil.Process]) -> None:
    """End what a mutant left."""
    for each in processes:
        try:
            os.kill(each.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def hostile(
    runs: int,
    folder: Path,
    rng: random.Random,
    *,
    at_once: int = 4,
    slack_seconds: float = 1.0,
    isolations: tuple[str, ...] = ("thread", "process"),
    kinds: tuple[str, ...] = tuple(KINDS),
) -> Account:
    """Make so many runs, every kind about equally often, and return their account."""
    account, lock = Account(), threading.Lock()
    order = [kinds[number % len(kinds)] for number in range(runs)]
    rng.shuffle(order)
    chosen = [rng.choice(isolations) for _ in order]

    def run(number: int) -> None:
        kind = order[number]
        seconds, faults = one_run(kind, folder, number, chosen[number], slack_seconds)
        with lock:
            account.runs[kind] += 1
            account.longest_seconds[kind] = max(account.longest_seconds.get(kind, 0.0), seconds)
            account.faults += [f"{kind} (run {number}, {chosen[number]}): {fault}" for fault in faults]

    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(run, range(runs)))
    close_children()
    if left := marked(f"{folder}/"):
        account.faults.append(f"{len(left)} processes left at the end")
        end(left)
    return account


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=4)
    parser.add_argument("--slack", type=float, default=1.0, help="seconds beyond timeout and grace")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--mutant", choices=sorted(MUTANTS), default=None)
    parser.add_argument("--only", default="", help="kinds whose name has this in it")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    isolations: tuple[str, ...] = ("thread", "process")
    kinds = tuple(kind for kind in KINDS if options.only in kind)
    if options.mutant is not None:
        take_out(options.mutant)
        isolations = ("thread",)  # a child process would start programs with the whole product
        kinds = tuple(
            kind for kind in kinds if kind != "forks on and on"
        )  # it could not be ended here either
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hostile-") as name:
        account = hostile(
            options.runs,
            Path(name),
            random.Random(seed),
            at_once=options.at_once,
            slack_seconds=options.slack,
            isolations=isolations,
            kinds=kinds,
        )
    for kind, count in sorted(account.runs.items()):
        print(f"{count:4d} x {kind:32s} longest {account.longest_seconds[kind]:.2f} s")
    for fault in account.faults:
        print(f"    {fault}")
    print(
        f"{sum(account.runs.values())} runs, {len(account.faults)} faults, "
        f"longest {max(account.longest_seconds.values()):.2f} s "
        f"(timeout {TIMEOUT_SECONDS:g} s, grace {GRACE_SECONDS:g} s), {time.monotonic() - began:.0f} s in all"
    )
    return 1 if account.faults else 0


if __name__ == "__main__":
    sys.exit(main())
