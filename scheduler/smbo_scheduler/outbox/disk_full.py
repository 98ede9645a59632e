"""Retry writes while the disk is full, so that no result is lost."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

_Result = TypeVar("_Result")

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_TRY_SECONDS = 0.25  # between two tries
_BLOCK_BYTES = 4096  # with less than one block free, not even an empty folder can be made


def is_disk_full(error: BaseException) -> bool:
    """Return whether an error is due to a full disk or an exhausted quota."""
    return isinstance(error, OSError) and error.errno in _FULL


def retry_while_full(write: Callable[[], _Result], sleep: Callable[[float], object] = time.sleep) -> _Result:
    """Return the result of ``write``; while the disk is full, wait and call it again.

    Raises:
        Whatever else ``write`` raises.
    """
    while True:
        try:
            return write()
        except OSError as error:
            if not is_disk_full(error):
                raise
        sleep(_TRY_SECONDS)


def disk_full_message(folder: Path) -> str | None:
    """Return in words that the disk of a folder is full, None if it has space (or its state is unknown)."""
    try:
        about = os.statvfs(folder)
    except OSError:
        return None
    if about.f_bavail * about.f_frsize >= _BLOCK_BYTES:
        return None
    return f"no space left on the disk of {folder}: results wait for room"
