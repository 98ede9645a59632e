"""What a target returns or raises becomes an outcome."""

from __future__ import annotations

import os
import sys

import pytest

from smbo_scheduler.jobs import JobStatus
from smbo_scheduler.outbox.outbox import STOP_FILE
from smbo_scheduler.worker.call import FolderContext, call_target, output_file, reason_of


def outcome_of(target, make_job, folder):
    return call_target(target, make_job(), folder)


def raises(error):
    def target(payload, context):
        raise error

    return target


def test_a_result_is_as_it_will_be_read_again(make_job, tmp_path):
    outcome = outcome_of(lambda payload, context: {"values": (1, 2)}, make_job, tmp_path)
    assert (outcome.status, outcome.result) == (JobStatus.OK, {"values": [1, 2]})


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (ValueError("x"), JobStatus.ERROR, "objective-error"),
        (SystemExit(3), JobStatus.ERROR, "exit"),
        (MemoryError(), JobStatus.MEMORY, "memory"),
    ],
)
def test_an_exception_is_an_outcome_with_its_traceback(make_job, tmp_path, error, status, reason):
    outcome = outcome_of(raises(error), make_job, tmp_path)
    assert (outcome.status, outcome.reason) == (status, reason)
    assert type(error).__name__ in outcome.error


def test_ctrl_c_is_nobodys_outcome(make_job, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        outcome_of(raises(KeyboardInterrupt()), make_job, tmp_path)


@pytest.mark.parametrize("given", ["", "two\nlines", "x" * 101, 7])
def test_a_reason_is_a_short_line_of_text_or_not_taken(given):
    error = RuntimeError()
    error.reason = given
    assert reason_of(error) == "objective-error"


def test_reports_are_lines_and_a_request_to_stop_is_a_file(tmp_path):
    context = FolderContext(tmp_path)
    context.report(1, float("nan"))
    context.report(2, 0.5)
    (path,) = tmp_path.iterdir()
    assert len(path.read_text().splitlines()) == 2
    assert not context.is_asked_to_stop()
    (tmp_path / STOP_FILE).touch()
    assert context.is_asked_to_stop()


def test_output_lies_beside_the_folder(tmp_path):
    assert output_file(tmp_path / "s-1-2") == tmp_path / "s-1-2.log"


def test_a_result_that_is_too_large_to_be_kept_is_refused_where_it_was_made(make_job, tmp_path, monkeypatch):
    monkeypatch.setattr("smbo_scheduler.worker.call.LARGEST_OUTCOME_BYTES", 500)
    outcome = call_target(lambda payload, context: {"text": "x" * 1000}, make_job(), tmp_path)
    assert (outcome.status, outcome.reason) == (JobStatus.ERROR, "bad-output")
    assert "the result takes 1011 bytes, at most 500 do" in outcome.error


def test_a_forked_copy_that_returns_from_the_target_or_exits_is_ended(make_job, tmp_path):
    """``if os.fork() == 0: compute(); sys.exit()``: it went on as a second process that serves jobs."""

    def target(payload, context):
        copies = []
        for code in (None, 0, 3):
            if (copy := os.fork()) == 0:
                if code is None:
                    return {"value": 2.0}
                sys.exit(code)
            copies.append(os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1]))
        return {"codes": copies}

    here = os.getpid()
    outcome = outcome_of(target, make_job, tmp_path)
    if os.getpid() != here:  # else the copy would run all the other tests
        os._exit(9)
    assert outcome.result == {"codes": [0, 0, 3]}
