"""The command line of a worker, and how long it looks for a scheduler."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from smbo_scheduler.clusters.worker import NO_SCHEDULER, Options, read_options, work


def test_a_command_line_is_read():
    words = [
        "/c",
        "--parent",
        "7",
        "--name",
        "h.0",
        "--away",
        "--death-timeout",
        "5",
        "--resources",
        '{"GPU": 1}',
    ]
    assert read_options(words) == Options(Path("/c"), 7, "h.0", True, 5.0, {"GPU": 1})


def test_a_worker_away_that_finds_no_scheduler_gives_up(tmp_path):
    options = Options(tmp_path, os.getppid(), "w", True, 0.0, {})
    assert asyncio.run(work(options)) == NO_SCHEDULER
