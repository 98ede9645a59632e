"""The kill loop, short: a few kills of one study.  `python tests/chaos/kill_run.py` does many."""

import importlib.util
import random
from pathlib import Path

import pytest

HARNESS = Path(__file__).with_name("kill_run.py")


@pytest.fixture(scope="module")
def kill_run():
    import sys

    spec = importlib.util.spec_from_file_location("kill_run", HARNESS)
    module = sys.modules["kill_run"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.dask
@pytest.mark.slow
def test_a_killed_run_goes_on_and_nothing_is_lost_or_done_twice(kill_run, tmp_path):
    account = kill_run.one_study(tmp_path, kills=3, trials=40, rng=random.Random(1), latest_seconds=9.0)
    assert account.faults == []
    assert account.n_complete == 40


def audit(kill_run, folder, log, trials):
    (folder / "log.txt").write_text("\n".join(log) + "\n")
    account = kill_run.Account(kills=0, runs=1, n_complete=0)
    kill_run.judge(folder, trials, 2, account)
    return account.faults


def test_the_audit_sees_what_was_lost_doubled_or_changed(kill_run, tmp_path):
    def trial(number, value):
        return {"number": number, "seed": 10 + number, "state": "complete", "value": value}

    log = ["start 10 ", "end 10 0.5", "start 11 ", "end 11 0.25"]
    whole = [trial(0, 0.5), trial(1, 0.25)]
    assert audit(kill_run, tmp_path, log, whole) == []
    assert "wanted" in audit(kill_run, tmp_path, log, whole[:1])[0]
    assert "again after its end" in audit(kill_run, tmp_path, [*log, "start 10 "], whole)[0]
    assert "the log says" in audit(kill_run, tmp_path, log, [trial(0, 0.5), trial(1, 0.3)])[0]
