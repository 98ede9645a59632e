"""Every error that the scheduler raises on purpose.

SchedulerError
├── SpoolError      a spool folder that cannot be used, or a name that does not belong in one
├── ClusterError    a cluster that cannot be started, reached or trusted
├── TargetNotLoaded the target cannot be loaded where jobs run, now or later
├── ChildNotStarted no process for a job could be started this time
└── Unavailable     a request to a source cannot be met now, and may be repeated
"""


class SchedulerError(Exception):
    """Base of every error that the scheduler raises on purpose."""


class SpoolError(SchedulerError):
    """A spool folder that cannot be used, or a name that does not belong in one."""


class ClusterError(SchedulerError):
    """A cluster that cannot be started, reached or trusted."""


class TargetNotLoaded(SchedulerError):
    """A target cannot be loaded where jobs run: a module is missing there, or is another version."""


class ChildNotStarted(SchedulerError):
    """No process for a job could be started this time, through no fault of the target."""


class Unavailable(SchedulerError):
    """A request to a source cannot be met now (a full disk, an unreachable database).

    The same call may be made again; the loop does so until it succeeds.
    """
