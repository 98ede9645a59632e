"""Jobs are named by their tokens, and an executor is what has every member of the protocol."""

from __future__ import annotations

import pytest

from smbo_scheduler.executors import ProcessExecutor, SerialExecutor
from smbo_scheduler.jobs import Executor, Job


def test_a_jobs_key_names_its_study_trial_and_attempt():
    assert Job("tune", 3, 17, {}).key == "tune-3-17"


@pytest.mark.parametrize(
    "make",
    [SerialExecutor, lambda target, spool: ProcessExecutor(target, 1, spool)],
    ids=["serial", "process"],
)
def test_our_executors_have_every_member_of_the_protocol(make, spool):
    executor = make(lambda payload, context: {}, spool)
    assert isinstance(executor, Executor)
    executor.close()


def test_what_lacks_a_member_is_no_executor(spool):
    class Half:
        def submit(self, job): ...

        def poll(self, timeout_seconds): ...

    assert not isinstance(Half(), Executor)
