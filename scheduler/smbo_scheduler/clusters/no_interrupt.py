"""A preload of Dask workers on the driver's machine: Ctrl-C in its terminal is for the driver alone."""

from __future__ import annotations

import logging
import multiprocessing
import signal
import threading
from typing import Any


def dask_setup(_worker: Any) -> None:
    """Have a worker process that a Dask nanny started ignore SIGINT, as ``clusters.worker`` does.

    A terminal sends it to every process of the run.  The driver lets evaluations
    end, which need their workers.
    """
    # in this very process, as in LocalCluster(processes=False), the driver's own handler stays
    if multiprocessing.parent_process() is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        # the cluster is closed at the end of the run, perhaps while a heartbeat is under way
        logging.getLogger("distributed.worker").addFilter(_is_no_heartbeat)


def _is_no_heartbeat(record: logging.LogRecord) -> bool:
    return "communicate with scheduler during heartbeat" not in str(record.msg)
