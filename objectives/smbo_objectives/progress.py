"""Intermediate values of a running program, read from the file that it appends them to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from smbo_objectives.result_parsing import as_number, bad_output, parse_json, printable, read_bounded

__all__ = ["ReportFollower"]

_LIMIT_BYTES = 50_000_000


class ReportFollower:
    """Report each line ``{"step": 3, "value": 0.25}`` that is added to a file, once, in order.

    Other entries of a line, and how they look, do not matter.

    Args:
        path: the file, which need not exist yet.
        report: called with step and value; its exceptions reach the caller of ``poll``.
    """

    def __init__(self, path: Path, report: Callable[[float, float], None]) -> None:
        self._path = path
        self._report = report
        self._offset = 0

    def poll(self, *, is_over: bool = False) -> None:
        """Report the new lines; an incomplete line is still being written, unless the program has ended.

        Raises:
            EvaluationFailed: a line is not a report, or the file cannot be read.
        """
        try:
            content = read_bounded(self._path, _LIMIT_BYTES, self._offset)
        except FileNotFoundError:
            return
        whole = len(content) if is_over else content.rfind(b"\n") + 1
        for line in content[:whole].splitlines(keepends=True):
            # advanced first: a report whose callback raises must not be repeated
            self._offset += len(line)
            if text := line.decode("utf-8", errors="replace").strip():
                self._report(*self._read(text))

    def _read(self, text: str) -> tuple[float, float]:
        entry = parse_json(text, f"a line of {self._path.name}")
        if not isinstance(entry, dict) or not {"step", "value"} <= entry.keys():
            raise bad_output(
                f'a line of {self._path.name} is {printable(text[:200])}; write {{"step": 3, "value": 0.25}}'
            )
        return as_number("step", entry["step"]), as_number("value", entry["value"])
