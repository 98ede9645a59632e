"""A process is named for good: by machine, pid and start time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from smbo_scheduler.outbox.processes import end_session, kill_group, module_path, process_name, this_process


@pytest.fixture
def sleeper():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_this_process_is_here_and_alive_and_a_later_one_of_its_pid_is_not():
    name = this_process()
    assert name.is_here
    assert name.is_alive
    assert not replace(name, started=name.started - 1).is_alive
    assert not replace(name, machine="another").is_here


def test_a_process_that_is_stopped_is_alive_and_one_that_ended_is_not(sleeper):
    name = process_name(sleeper.pid)
    os.kill(sleeper.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, sleeper.pid, os.WSTOPPED | os.WNOWAIT)
    assert name.is_alive
    assert name.is_stopped
    sleeper.kill()
    sleeper.wait()
    assert not name.is_alive
    with pytest.raises(ProcessLookupError, match="no process"):
        process_name(sleeper.pid)


def test_a_group_that_is_gone_is_killed_without_complaint(sleeper):
    sleeper.kill()
    sleeper.wait()
    kill_group(sleeper.pid)


def test_folders_of_modules_travel_and_the_interpreters_own_do_not(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(tmp_path)
    folders = module_path().split(os.pathsep)
    assert str(tmp_path) in folders
    assert os.path.dirname(os.__file__) not in folders


def test_the_session_of_a_dead_leader_is_ended_with_its_other_process_groups():
    """A forked child of a killed worker lived on for 40 minutes after the study."""
    code = (
        "import os, subprocess\n"
        "print(subprocess.Popen(['sleep', '1000'], process_group=0).pid, flush=True)\n"
        "os._exit(1)"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as leader:
        pid = int(leader.stdout.readline())
        leader.wait()
    assert process_name(pid).is_alive
    end_session(leader.pid)
    with pytest.raises(ProcessLookupError):
        process_name(pid)


def test_a_session_whose_leader_lives_is_left_alone():
    # of its own: the leader of the session that the tests run in may be gone
    code = "import subprocess; print(subprocess.Popen(['sleep', '1000']).pid, flush=True); input()"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as leader:
        member = int(leader.stdout.readline())
        end_session(leader.pid)
        end_session(member)
        assert process_name(leader.pid).is_alive
        assert process_name(member).is_alive
        kill_group(leader.pid)
