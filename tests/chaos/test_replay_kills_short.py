"""A serial study that is killed, short.  `python tests/chaos/replay_kills.py --kills 100` does many."""

import subprocess
import sys
from pathlib import Path

import pytest

HARNESS = Path(__file__).with_name("replay_kills.py")


def harness(*words):
    # a process of its own: it forks, which one with Dask's threads must not
    return subprocess.run(
        [sys.executable, str(HARNESS), "--kills", "4", "--trials", "12", *words],
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.slow
def test_a_killed_serial_study_equals_the_one_left_alone():
    run = harness()
    assert run.returncode == 0, run.stdout + run.stderr
    assert "4 kills, 0 faults" in run.stdout


@pytest.mark.slow
def test_the_harness_sees_a_driver_that_forgets_what_the_recipe_learned():
    # on a busy machine all four kills may come before the memory matters: then another study is tried
    for seed in ("1", "2", "3"):
        run = harness("--mutant", "memory", "--seed", seed)
        if run.returncode == 1:
            break
    assert run.returncode == 1, run.stdout + run.stderr
    assert "in peace" in run.stdout
