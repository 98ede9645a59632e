"""A GPU is held by one evaluation at a time, and by nobody once its holder is gone."""

from __future__ import annotations

import os
import threading

import pytest

from smbo_scheduler.worker.gpus import hold_gpus, installed_gpus, lock_names, visible_gpus


@pytest.fixture(autouse=True)
def _two_gpus(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a, GPU-b")


def held():
    return os.environ["CUDA_VISIBLE_DEVICES"]


def test_each_holder_gets_gpus_of_its_own_and_sees_no_others(tmp_path):
    with hold_gpus({"GPU": 1}, folder=tmp_path):
        assert held() == "GPU-a"
    assert held() == "GPU-a, GPU-b"
    with hold_gpus({"GPU": 2}, folder=tmp_path):
        assert held() == "GPU-a,GPU-b"


def test_a_third_waits_until_one_of_two_lets_go(tmp_path, monkeypatch):
    got = threading.Event()

    def third():
        with hold_gpus({"GPU": 1}, folder=tmp_path):
            got.set()

    with hold_gpus({"GPU": 2}, folder=tmp_path):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a,GPU-b")
        thread = threading.Thread(target=third)
        thread.start()
        assert not got.wait(0.5)
    thread.join(10)
    assert got.is_set()


def test_a_wait_ends_when_the_job_is_no_longer_wanted(tmp_path):
    wishes = iter([True, False])
    with hold_gpus({"GPU": 2}, folder=tmp_path) as first:
        os.environ["CUDA_VISIBLE_DEVICES"] = "GPU-a"
        with hold_gpus({"GPU": 1}, is_wanted=lambda: next(wishes), folder=tmp_path) as second:
            assert (first, second) == (True, False)


@pytest.mark.parametrize("resources", [{}, {"GPU": 0.5}, {"memory": 3}])
def test_nothing_is_held_where_no_whole_gpu_is_asked_for(tmp_path, resources):
    with hold_gpus(resources, folder=tmp_path) as are_held:
        assert are_held
    assert list(tmp_path.iterdir()) == []


def test_where_nobody_names_the_gpus_they_are_counted(tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr(
        "smbo_scheduler.worker.gpus.os.listdir", lambda _: ["null", "nvidia1", "nvidia0", "nvidiactl"]
    )
    assert visible_gpus() == ["0", "1"]
    monkeypatch.setattr("smbo_scheduler.worker.gpus.os.listdir", lambda _: ["null"])
    with hold_gpus({"GPU": 1}, folder=tmp_path) as are_held:
        assert are_held
        assert "CUDA_VISIBLE_DEVICES" not in os.environ
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["gpu-0"]


def test_the_same_number_in_two_jobs_of_a_batch_system_is_not_one_gpu():
    given = {"SLURM_JOB_ID": "7", "SLURM_JOB_GPUS": "2"}
    assert lock_names(["0"], given, {}) == {"0": "7-0"}
    assert lock_names(["0"], {**given, "SLURM_JOB_ID": "8"}, {}) == {"0": "8-0"}
    assert lock_names(["0"], {"PBS_JOBID": "9.server", "CUDA_VISIBLE_DEVICES": "0"}, {}) == {
        "0": "9.server-0"
    }


def test_a_number_that_the_user_exported_into_a_job_is_the_machines_own():
    assert lock_names(["0"], {"SLURM_JOB_ID": "7", "CUDA_VISIBLE_DEVICES": "0"}, {}) == {"0": "0"}


def test_a_gpu_whose_uuid_is_known_is_locked_by_it_whatever_its_number():
    jobs = [{"SLURM_JOB_ID": number, "SLURM_JOB_GPUS": "0"} for number in "78"]
    names = [lock_names(["0"], job, {"0": uuid}) for job, uuid in zip(jobs, ("GPU-a", "GPU-b"), strict=True)]
    assert names == [{"0": "GPU-a"}, {"0": "GPU-b"}]


def test_uuids_of_gpus_and_of_their_instances_are_read(tmp_path, monkeypatch):
    tool = tmp_path / "nvidia-smi"
    tool.write_text(
        "#!/bin/sh\necho 'GPU 0: H200 (UUID: GPU-11-22)'\necho 'GPU 1: H200 (UUID: GPU-33)'\n"
        "echo '  MIG 1g.18gb Device 0: (UUID: MIG-44)'\n"
    )
    tool.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert installed_gpus() == {"0": "GPU-11-22", "1": "MIG-44"}
    monkeypatch.setenv("PATH", "/nowhere")
    assert installed_gpus() == {}
