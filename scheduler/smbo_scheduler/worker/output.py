"""What an evaluation in a child process prints: kept in a file, and passed on to where its worker prints."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

_TAIL_BYTES = 4000
_MOST_BYTES = 10 * 2**20  # of one evaluation that are passed on


class OutputRelay:
    """Copies what is written to a file to this process's standard output.

    Args:
        path: of the file, which need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._n_copied = 0

    def copy(self) -> None:
        """Copy what is new in the file."""
        data = self._read(_MOST_BYTES - self._n_copied)
        if not data:
            return
        self._n_copied += len(data)
        text = data.decode(errors="replace")
        if self._n_copied >= _MOST_BYTES:
            text += f"\n(more than {_MOST_BYTES} bytes were printed; the rest is left out)\n"
        # where this process prints may be closed, or on a full disk: no matter to the evaluation
        with contextlib.suppress(OSError, ValueError, AttributeError):
            sys.stdout.write(text)
            sys.stdout.flush()

    def tail(self) -> str:
        """Return the end of the file."""
        try:
            with open(self._path, "rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL_BYTES))
                return file.read().decode(errors="replace")
        except OSError:
            return ""

    def _read(self, n_bytes: int) -> bytes:
        try:
            # each time anew: an open file would keep the folder of a finished study on a network disk
            with open(self._path, "rb") as file:
                file.seek(self._n_copied)
                return file.read(n_bytes)
        except OSError:
            return b""
