"""Hostile programs, one of each kind; `python tests/chaos/hostile.py --runs 200` is the long form."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HARNESS = Path(__file__).with_name("hostile.py")
SLACK_SECONDS = 10.0  # the suite shares its cores; the long form holds the product to one


@pytest.mark.slow
def test_hostile_programs_are_ended_in_time_whole_and_for_the_right_reason():
    assert run("--runs", "17", "--seed", "1", "--slack", str(SLACK_SECONDS)) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mutant", "only", "fault"),
    [
        ("no-subreaper", "20 daemons", "processes left"),
        ("killpg", "20 daemons", "processes left"),
        ("no-watch", "prints", "was right"),
    ],
)
def test_the_harness_sees_what_a_part_taken_out_lets_through(mutant, only, fault):
    code, faults = run("--runs", "2", "--only", only, "--slack", str(SLACK_SECONDS), "--mutant", mutant)
    assert code == 1
    assert fault in faults


def run(*arguments: str) -> tuple[int, str]:
    """Run the harness in a process of its own; return its exit code and the faults that it saw."""
    ended = subprocess.run(
        [sys.executable, str(HARNESS), *arguments], capture_output=True, text=True, check=False
    )
    assert "Traceback" not in ended.stderr
    return ended.returncode, "\n".join(line for line in ended.stdout.splitlines() if line.startswith("    "))
