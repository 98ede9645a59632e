"""Where log records go: the standard output of a manager, host agent or worker, and a driver's file."""

from __future__ import annotations

import contextlib
import logging
import os
import sys

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class LogFile(logging.FileHandler):
    """A log file that costs nothing else: records that cannot be written, on a full disk, are left out.

    Args:
        path: made at the first record.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path, encoding="utf-8", delay=True)
        self.setFormatter(logging.Formatter(_FORMAT))

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError):  # of the first record, which opens the file
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Do nothing: logging's own prints a traceback on the terminal."""

    def close(self) -> None:
        with contextlib.suppress(OSError):
            super().close()


def log_to_output() -> None:
    """Write what happens in this process to its standard output, which its starter keeps in a file."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter(_FORMAT))
    logger = logging.getLogger("smbo_scheduler")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
