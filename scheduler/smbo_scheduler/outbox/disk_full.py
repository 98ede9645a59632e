"""Retry writes while the disk is full or away, so that no result is lost."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

_Result = TypeVar("_Result")

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
# a disk of the network is away: the user's ticket for it has ended, its server restarts
_AWAY = frozenset(
    number
    for name in ("EKEYEXPIRED", "ENOKEY", "EKEYREVOKED", "EKEYREJECTED", "ESTALE", "ENOTCONN")
    if (number := getattr(errno, name, None)) is not None
) | {errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH}
_TRY_SECONDS = 0.25  # between two tries
_BLOCK_BYTES = 4096  # with less than one block free, not even an empty folder can be made


def is_disk_full(error: BaseException) -> bool:
    """Return whether an error is due to a full disk or an exhausted quota."""
    return isinstance(error, OSError) and error.errno in _FULL


def will_pass(error: BaseException) -> bool:
    """Return whether an error is due to a disk that is full, or for the moment out of reach."""
    return isinstance(error, OSError) and error.errno in _FULL | _AWAY


def may_pass(error: BaseException) -> bool:
    """Return the same for a file that was there before: AFS denies it once the user's token has ended."""
    return will_pass(error) or isinstance(error, PermissionError)


def retry_while_full(
    write: Callable[[], _Result],
    sleep: Callable[[float], object] = time.sleep,
    *,
    passes: Callable[[BaseException], bool] = will_pass,
) -> _Result:
    """Return the result of ``write``; while the disk is full or away, wait and call it again.

    Args:
        write: what is tried.
        sleep: waits so many seconds.
        passes: whether an error passes, so that ``write`` is called again.

    Raises:
        Whatever else ``write`` raises.
    """
    while True:
        try:
            return write()
        except OSError as error:
            if not passes(error):
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
