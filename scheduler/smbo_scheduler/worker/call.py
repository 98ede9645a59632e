"""Call a target once, and turn its result or exception into an outcome."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from smbo_scheduler.jobs import Job, JobOutcome, JobStatus, Target
from smbo_scheduler.outbox import json_values
from smbo_scheduler.outbox.outbox import REPORTS_FILE, STOP_FILE
from smbo_scheduler.outbox.spool import LARGEST_OUTCOME_BYTES

MAX_ERROR_LENGTH = 20_000  # characters of a traceback that are kept, counted from its end

_LONGEST_REASON = 100


def output_file(folder: Path) -> Path:
    """Return the file for an execution's output: beside its folder, which only the target uses."""
    return folder.with_name(f"{folder.name}.log")


@dataclass(frozen=True)
class FolderContext:
    """A job context whose reports are lines of a file in the execution's folder."""

    folder: Path

    def report(self, step: float, value: float) -> None:
        """Write an intermediate value."""
        line = json_values.dumps({"step": float(step), "value": float(value)})
        with open(self.folder / REPORTS_FILE, "a", encoding="utf-8") as file:
            file.write(line + "\n")

    def is_asked_to_stop(self) -> bool:
        """Return whether the execution may stop: its reports are enough."""
        return (self.folder / STOP_FILE).exists()


def call_target(target: Target, job: Job, folder: Path) -> JobOutcome:
    """Call the target with the job's payload and return the outcome.

    Raises only KeyboardInterrupt: a failure of an objective is data.
    """
    started = time.time()
    result, reason, error = None, None, None
    try:
        result = _checked(_in_this_process(target, job, folder))
        status = JobStatus.OK
    except KeyboardInterrupt:
        raise
    except MemoryError:
        status, reason, error = JobStatus.MEMORY, "memory", _traceback_text()
    # SystemExit too: an objective that calls sys.exit() must not end its worker
    except BaseException as exception:
        status, reason, error = JobStatus.ERROR, reason_of(exception), _traceback_text()
    return JobOutcome(
        job=job,
        status=status,
        result=result,
        reason=reason,
        error=error,
        started=started,
        ended=time.time(),
        host=socket.gethostname(),
        pid=os.getpid(),
    )


def _in_this_process(target: Target, job: Job, folder: Path) -> object:
    """Call the target; end a process that it forked and that would return from the call a second time.

    Such a copy (``if os.fork() == 0: compute(); sys.exit()``) would tell an outcome of its own, then serve
    the next jobs beside this process.
    """
    process = os.getpid()
    try:
        return target(job.payload, FolderContext(folder))
    finally:
        if os.getpid() != process:
            _end_fork(sys.exc_info()[1])


def _end_fork(error: BaseException | None) -> NoReturn:
    code = error.code if isinstance(error, SystemExit) else error and 1
    if error is not None and not isinstance(error, SystemExit):
        traceback.print_exception(error)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed or replaced by the target
            stream.flush()
    os._exit(code if isinstance(code, int) else code is not None)


class InvalidResult(TypeError):
    """The value returned by a target is not a dictionary of JSON values."""

    reason = "bad-output"


def reason_of(exception: BaseException) -> str:
    """Return an exception's own reason if it has one that fits on a line, else a word for its kind."""
    reason = getattr(exception, "reason", None)
    if isinstance(reason, str) and 0 < len(reason) <= _LONGEST_REASON and reason.isprintable():
        return reason
    return "exit" if isinstance(exception, SystemExit) else "objective-error"


def _checked(returned: object) -> dict[str, object]:
    """Return a target's result as it will be after storing and reading."""
    if not isinstance(returned, dict):
        raise InvalidResult(f"the target returned a {type(returned).__name__}; a dictionary is needed")
    try:
        text = json_values.dumps(returned)
    except TypeError as error:
        raise InvalidResult(str(error)) from None
    if len(text) > LARGEST_OUTCOME_BYTES:
        raise InvalidResult(
            f"the result takes {len(text)} bytes, at most {LARGEST_OUTCOME_BYTES} do; write large arrays to"
            " the folder of the execution"
        )
    return json_values.loads(text)


def _traceback_text() -> str:
    return traceback.format_exc()[-MAX_ERROR_LENGTH:]
