"""Loading a target in the process that will call it, and what a failure to load it means."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import sys
import sysconfig
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import cloudpickle

from smbo_scheduler.errors import SchedulerError, TargetNotLoaded
from smbo_scheduler.jobs import Target

# Failures of a machine at the moment, not of the target: another try may succeed.
_PASSING = (OSError, MemoryError, EOFError)


@dataclass(frozen=True)
class PickledTarget:
    """A target as bytes, loaded only in the process that calls it.

    Attributes:
        data: pickled by value where it is defined in ``__main__``.
        modules: modules of its class, which the fork server imports once for all children.
        made: tells it from the same target pickled at another time, as by the run before.
    """

    data: bytes
    modules: tuple[str, ...] = ()
    made: str = field(default_factory=lambda: uuid.uuid4().hex, compare=False)

    @classmethod
    def of(cls, target: Target | PickledTarget) -> PickledTarget:
        """Return a target pickled, the same bytes for the same object.

        Raises:
            SchedulerError: it cannot be pickled.
        """
        if isinstance(target, PickledTarget):
            return target
        for known, done in _pickled:
            if known is target:
                return done
        module = type(target).__module__
        try:
            data = cloudpickle.dumps(target)
        except Exception as error:  # whatever a __reduce__ raises
            raise SchedulerError(
                f"the objective cannot be sent to another process: {type(error).__name__}: {error}; leave"
                " out of it what belongs to this process (locks, open files, connections), or make that when"
                " it is called"
            ) from error
        done = cls(data, () if module in ("__main__", "builtins") else (module,))
        _pickled[:] = [*_pickled[-3:], (target, done)]
        return done

    @cached_property
    def digest(self) -> bytes:
        """What tells it from other targets."""
        return hashlib.sha256(self.data).digest()

    def load(self) -> Target:
        """Return the target.

        Raises:
            TargetNotLoaded: a module of it cannot be imported, or is another version.
            OSError, MemoryError: this machine cannot do it now.
        """
        try:
            # safe to unpickle: its driver may run any code on this worker anyway
            return cast(Target, pickle.loads(self.data))
        except Exception as error:
            if is_passing(error):
                raise
            raise TargetNotLoaded(f"{type(error).__name__}: {error}") from error


_pickled: list[tuple[Target, PickledTarget]] = []  # the latest, by identity


def prepare(target: Any) -> None:
    """Have a target load what it needs, if it has a method ``prepare``, before its first job.

    Raises:
        ImportError: a module of it cannot be imported.  Any other failure is left to its call, of which it
            will be an error.
    """
    method: Callable[[], object] | None = getattr(target, "prepare", None)
    if not callable(method):
        return
    try:
        method()
    except Exception as error:
        importing = import_error(error)
        if importing is not None:
            raise importing from error


def is_passing(error: BaseException) -> bool:
    """Return whether a failure to load a target may pass, and does not tell that the target is wrong."""
    return isinstance(error, _PASSING)


def cannot_load(who: str, why: str) -> str:
    """Return the message that a target cannot be loaded where its jobs run.

    Args:
        who: such as "the workers".
        why: the last line of a traceback, or all of it.
    """
    last = why.strip().rpartition("\n")[2]
    return (
        f"{who} cannot load the objective: {last}.  Its modules, and all that they import, must be there in"
        " the same versions as here"
    )


def installed_modules(known: Collection[str]) -> list[str]:
    """Return the installed modules that this process has imported beside those known.

    None of them where one has started threads or holds a device: a fork would not have them.
    """
    if _n_threads() > 1 or _holds_a_device():
        return []
    folders = _installed_folders()
    return [
        name
        for name, module in list(sys.modules.items())
        if name not in known and (getattr(module, "__file__", None) or "").startswith(folders)
    ]


def _installed_folders() -> tuple[str, ...]:
    return tuple({f"{sysconfig.get_path(name)}{os.sep}" for name in ("stdlib", "purelib", "platlib")})


def own_files(target: Any) -> dict[str, list[int]]:
    """Return the stamps of the files that a target depends on, by path: they change when a file does.

    The files are those of imported modules that are not installed, and what the target's method ``files``
    returns, if it has one.
    """
    folders = _installed_folders()
    loaded = (getattr(module, "__file__", None) or "" for module in list(sys.modules.values()))
    paths = {path for path in loaded if path and not path.startswith(folders)}
    named: Callable[[], Iterable[object]] | None = getattr(target, "files", None)
    if callable(named):
        with contextlib.suppress(Exception):  # the target's own code; a wrong answer is no failure of a job
            paths.update(str(path) for path in named())
    return {path: stamp for path in sorted(paths) if (stamp := _stamp(path)) is not None}


def are_unchanged(files: Mapping[str, list[int]]) -> bool:
    """Return whether all files still have these stamps (see ``own_files``)."""
    return all(_stamp(path) == stamp for path, stamp in files.items())


def _stamp(path: str) -> list[int] | None:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return [status.st_mtime_ns, status.st_size, status.st_ino]


def import_error(error: BaseException) -> ImportError | None:
    """Return the ImportError that an exception is or was caused by."""
    seen: BaseException | None = error
    for _ in range(10):
        if seen is None or isinstance(seen, ImportError):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None


def _n_threads() -> int:
    with contextlib.suppress(OSError):
        return len(os.listdir("/proc/self/task"))
    return 1


def _holds_a_device() -> bool:
    for descriptor in Path("/proc/self/fd").glob("*"):
        with contextlib.suppress(OSError):
            if os.readlink(descriptor).startswith(("/dev/nvidia", "/dev/kfd", "/dev/dri")):
                return True
    return False
