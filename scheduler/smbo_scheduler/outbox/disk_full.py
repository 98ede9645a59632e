"""Waiting for room on a disk: what was measured is worth more than the time until there is some."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

_Made = TypeVar("_Made")

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_TRY_SECONDS = 0.25  # between two tries
_LITTLE_BYTES = 4096  # less than one block: not even an empty folder fits in


def is_no_room(error: BaseException) -> bool:
    """Return whether an error says that a disk is full, or a quota used up."""
    return isinstance(error, OSError) and error.errno in _NO_ROOM


def insist(do: Callable[[], _Made], sleep: Callable[[float], object] = time.sleep) -> _Made:
    """Return what ``do`` returns; where it finds no room on the disk, wait and have it try again.

    Raises:
        Whatever else ``do`` raises.
    """
    while True:
        try:
            return do()
        except OSError as error:
            if not is_no_room(error):
                raise
        sleep(_TRY_SECONDS)


def full_disk(folder: Path) -> str | None:
    """Return in words that the disk of a folder is full, None if it has room (or cannot be asked)."""
    try:
        about = os.statvfs(folder)
    except OSError:
        return None
    if about.f_bavail * about.f_frsize >= _LITTLE_BYTES:
        return None
    return f"no space left on the disk of {folder}: results wait for room"
