"""Call a target once and say how it ended."""

from __future__ import annotations

import os
import socket
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from smbo_scheduler.jobs import Ending, Job, JobOutcome, Target
from smbo_scheduler.outbox import json_values as plain
from smbo_scheduler.outbox.outbox import REPORTS_FILE, STOP_FILE

LONGEST_STORY = 20_000  # characters of a traceback that are kept, counted from its end

_LONGEST_REASON = 100


def output_file(folder: Path) -> Path:
    """Return where what an execution prints goes: beside its folder, which is the target's alone."""
    return folder.with_name(f"{folder.name}.log")


@dataclass(frozen=True)
class FolderBench:
    """What the runner lays out: a fresh folder; reports are lines of a file in it."""

    folder: Path

    def report(self, step: float, value: float) -> None:
        """Note an intermediate value."""
        line = plain.dumps({"step": float(step), "value": float(value)})
        with open(self.folder / REPORTS_FILE, "a", encoding="utf-8") as file:
            file.write(line + "\n")

    def is_asked_to_stop(self) -> bool:
        """Return whether the execution need not go on: what it has reported is enough."""
        return (self.folder / STOP_FILE).exists()


def execute(target: Target, job: Job, folder: Path) -> JobOutcome:
    """Call the target with the job's payload and return what became of it.

    Raises nothing but KeyboardInterrupt: an objective that fails is data.
    """
    started = time.time()
    result, reason, error = None, None, None
    try:
        returned = target(job.payload, FolderBench(folder))
        result = _checked(returned)
        ending = Ending.OK
    except KeyboardInterrupt:
        raise
    except MemoryError:
        ending, reason, error = Ending.MEMORY, "memory", _story()
    # SystemExit too: an objective that calls sys.exit() must not take its worker along
    except BaseException as exception:
        ending, reason, error = Ending.ERROR, reason_of(exception), _story()
    return JobOutcome(
        job=job,
        ending=ending,
        result=result,
        reason=reason,
        error=error,
        started=started,
        ended=time.time(),
        host=socket.gethostname(),
        pid=os.getpid(),
    )


class BadOutput(TypeError):
    """A target returned what cannot be sent back."""

    reason = "bad-output"


def reason_of(exception: BaseException) -> str:
    """Return an exception's own reason if it has one that fits on a line, else a word for its kind."""
    reason = getattr(exception, "reason", None)
    if isinstance(reason, str) and 0 < len(reason) <= _LONGEST_REASON and reason.isprintable():
        return reason
    return "exit" if isinstance(exception, SystemExit) else "objective-error"


def _checked(returned: object) -> dict[str, object]:
    """Return a target's result as it will look after its journey."""
    if not isinstance(returned, dict):
        raise BadOutput(f"the target returned a {type(returned).__name__}; a dictionary is needed")
    try:
        return plain.loads(plain.dumps(returned))
    except TypeError as error:
        raise BadOutput(str(error)) from None


def _story() -> str:
    return traceback.format_exc()[-LONGEST_STORY:]
