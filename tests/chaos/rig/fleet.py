"""Processes of a scenario: started, killed, and gone at the end."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from rig.mutants import CannotBreak

_CANNOT_BREAK = 70  # exit code


@dataclass
class Fleet:
    """Forks of this process, by place, each the leader of a session of its own.

    Forked, since a fresh interpreter takes longer to load than a driver lives here.

    Args:
        log: where they print.
    """

    log: Path
    pids: dict[int, int] = field(default_factory=dict)
    exits: dict[int, int] = field(default_factory=dict)
    n_kills: int = 0
    n_suicides: int = 0

    def start(self, place: int, do: Callable[[], None]) -> None:
        """Start a process that does something and then ends."""
        self.exits.pop(place, None)
        pid = os.fork()
        if pid == 0:
            self._become(do)
        self.pids[place] = pid

    def keep(self, tasks: Sequence[Callable[[], None]]) -> bool:
        """Have each task done, again if it ended badly; return whether any is left to do."""
        self.reap()
        if _CANNOT_BREAK in self.exits.values():
            raise CannotBreak(self.log.read_text()[-500:])
        for place, do in enumerate(tasks):
            if place not in self.pids and self.exits.get(place) != 0:
                self.start(place, do)
        return bool(self.pids)

    def reap(self) -> None:
        """Note which processes have ended, and how."""
        for place, pid in list(self.pids.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                del self.pids[place]
                self.exits[place] = os.waitstatus_to_exitcode(status)
                self.n_suicides += self.exits[place] == -signal.SIGKILL

    def workers(self, place: int) -> list[int]:
        """Return the pids of what a process has started."""
        with contextlib.suppress(psutil.Error, KeyError):
            return [child.pid for child in psutil.Process(self.pids[place]).children(recursive=True)]
        return []

    def kill(self, place: int) -> None:
        """Kill a process; what it started is left to itself."""
        pid = self.pids.pop(place)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        self.n_kills += 1

    def kill_one(self, rng: random.Random) -> None:
        """Kill a process or something that it started, as chance will have it."""
        self.reap()
        if not self.pids:
            return
        place = rng.choice(sorted(self.pids))
        workers = self.workers(place)
        if workers and rng.random() < 0.5:
            with contextlib.suppress(ProcessLookupError):
                os.kill(rng.choice(workers), signal.SIGKILL)
                self.n_kills += 1
        else:
            self.kill(place)

    def end(self) -> None:
        """Kill whatever is left, and what it started."""
        for place in list(self.pids):
            workers = self.workers(place)
            self.kill(place)
            self.n_kills -= 1
            for pid in workers:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _become(self, do: Callable[[], None]) -> None:
        code = 1
        try:
            os.setsid()
            log = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            for standard in (1, 2):
                os.dup2(log, standard)
            do()
            code = 0
        except BaseException as error:
            traceback.print_exc()
            if isinstance(error, CannotBreak):
                code = _CANNOT_BREAK
        finally:
            with contextlib.suppress(OSError):
                os.sys.stdout.flush()
                os.sys.stderr.flush()
            os._exit(code)


def wait_until(is_so: Callable[[], bool], seconds: float) -> bool:
    """Wait until something is so; return whether it came to be in time."""
    until = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True
