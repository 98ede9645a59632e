"""The processes below one are found, whatever the kernel keeps of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from smbo_objectives.process_tree import descendants, is_running, memory_bytes, send_signal


def test_descendants_are_found_with_and_without_the_kernels_lists(monkeypatch):
    with subprocess.Popen([sys.executable, "-c", "import os, time; os.fork(); time.sleep(1000)"]) as child:
        until = time.monotonic() + 300
        while len(descendants(child.pid)) < 1 and time.monotonic() < until:
            time.sleep(0.01)
        below = descendants(child.pid)
        assert len(below) == 1
        real = open

        def refuse(path, *rest, **more):
            if str(path).endswith("/children"):
                raise FileNotFoundError(path)
            return real(path, *rest, **more)

        monkeypatch.setattr("builtins.open", refuse)
        assert descendants(child.pid) == below
        monkeypatch.undo()
        for pid in (*below, child.pid):
            os.kill(pid, signal.SIGKILL)


def test_a_process_that_is_gone_is_not_running_holds_no_memory_and_takes_no_signal():
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        pass
    assert not is_running(child.pid)
    assert memory_bytes([child.pid], 0) == 0
    send_signal([child.pid], signal.SIGTERM)  # raises nothing


def test_this_process_runs_and_holds_memory():
    assert is_running(os.getpid())
    # a Python process with numpy: between 1 MB and 100 GB
    assert 1e6 < memory_bytes([os.getpid()], 10**12) < 1e11
