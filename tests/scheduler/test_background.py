"""A function called in a process beside this one: answers, errors, and its end."""

from __future__ import annotations

import os
import signal
import time

import pytest

from smbo_scheduler.background import BackgroundProcess
from smbo_scheduler.errors import SchedulerError


class Counter:
    """Counts its calls; fails or dies when told to."""

    def __init__(self):
        self.calls = 0

    def __call__(self, request):
        self.calls += 1
        if request == "fail":
            raise KeyError("no such luck")
        if request == "die":
            os._exit(3)
        return self.calls, os.getpid(), request


@pytest.fixture
def background():
    background = BackgroundProcess(Counter)
    yield background
    background.close()


def answer_of(background, request, seconds=60.0):
    background.call(request)
    until = time.monotonic() + seconds
    while (answer := background.answer()) is None:
        assert time.monotonic() < until
        time.sleep(0.01)
    return answer[0]


def test_a_call_runs_elsewhere_keeps_its_state_and_does_not_block(background):
    background.call({"x": 1.5})
    assert background.is_busy
    until = time.monotonic() + 300
    while (first := background.answer()) is None:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert not background.is_busy
    second = answer_of(background, None)
    assert (first[0][0], first[0][2], second[0]) == (1, {"x": 1.5}, 2)
    assert first[0][1] == second[1] != os.getpid()


def test_what_a_call_raises_is_raised_here_and_the_next_call_runs(background):
    with pytest.raises(KeyError, match="no such luck"):
        answer_of(background, "fail")
    assert answer_of(background, "again")[0] == 2


def test_a_process_that_is_gone_is_an_error(background):
    with pytest.raises(SchedulerError, match="ended with 3"):
        answer_of(background, "die")


def test_closing_ends_a_process_whatever_it_does():
    background = BackgroundProcess(Counter)
    pid = background._process.pid
    os.kill(pid, signal.SIGSTOP)
    background.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_what_does_not_pickle_is_refused_at_once():
    lock = time.monotonic, (each for each in ())
    with pytest.raises(TypeError, match="generator"):
        BackgroundProcess(lambda: lock)
