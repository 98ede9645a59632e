"""A slice of the mutated job files; all of them by hand: ``python tests/smbo/cli/fuzz_job_files.py``."""

import random

import fuzz_job_files
import pytest


def test_invalid_job_files_are_refused_with_one_message():
    found = fuzz_job_files.fuzz(range(100))
    assert not found, "\n".join(f"{seed}: {said}: {wrong}\n{output}" for seed, wrong, said, output in found)


def test_a_run_that_is_not_refused_is_found(monkeypatch):
    job = fuzz_job_files.written(fuzz_job_files.BASES[0])
    monkeypatch.setattr(fuzz_job_files, "mutated", lambda rng: ("nothing", ".yaml", job))
    (found,) = fuzz_job_files.fuzz(range(1))
    assert found[2] == "exit code 0"


@pytest.mark.parametrize(
    "output", ["Traceback", "", "error: a: a: b", "error: \x1b[2J", "error: a\nerror: b"]
)
def test_a_refusal_that_is_none_is_found(tmp_path, output):
    assert fuzz_job_files.complaint(tmp_path, 2, output) is not None
    assert fuzz_job_files.complaint(tmp_path, 2, "error: job.yaml:1: seed: a whole number is needed") is None


def test_a_seed_makes_the_same_job_again():
    assert fuzz_job_files.mutated(random.Random(7)) == fuzz_job_files.mutated(random.Random(7))
