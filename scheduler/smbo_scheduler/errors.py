"""Every error that the scheduler raises on purpose.

SchedulerError
├── SpoolError      a spool folder that cannot be used, or a name that does not belong in one
├── ClusterError    a cluster that cannot be started, reached or trusted
└── Unavailable     what was asked of a source cannot be had now, and may be asked again
"""


class SchedulerError(Exception):
    """Base of every error that the scheduler raises on purpose."""


class SpoolError(SchedulerError):
    """A spool folder that cannot be used, or a name that does not belong in one."""


class ClusterError(SchedulerError):
    """A cluster that cannot be started, reached or trusted."""


class Unavailable(SchedulerError):
    """What was asked of a source cannot be had now (a full disk, a database that is away).

    The same call may be made again; the loop does so until it goes through.
    """
