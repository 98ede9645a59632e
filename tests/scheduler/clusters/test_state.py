"""The folder of a cluster: what is written there is read there, and a dead manager is no cluster."""

from __future__ import annotations

import stat
from dataclasses import replace

import pytest

from smbo_scheduler.clusters.specs import LocalSpec, spec_to_json
from smbo_scheduler.clusters.state import (
    ClusterState,
    Wanted,
    clear_trouble,
    is_over,
    make_state_folder,
    mark_over,
    read_jobs,
    read_last_state,
    read_state,
    read_trouble,
    read_wanted,
    write_jobs,
    write_state,
    write_trouble,
    write_wanted,
)
from smbo_scheduler.errors import ClusterError
from smbo_scheduler.outbox.processes import this_process


def test_what_a_driver_wants_comes_back_as_it_was(tmp_path):
    assert read_wanted(tmp_path) is None
    wanted = Wanted(3, 60.0, "now", spec_to_json(LocalSpec({"GPU": 1.0})), insecure=True)
    write_wanted(tmp_path, wanted)
    assert read_wanted(tmp_path) == wanted


def test_a_manager_that_is_gone_or_elsewhere_is_no_cluster_here(tmp_path):
    alive = ClusterState(this_process(), "tls://127.0.0.1:1")
    dead = replace(alive, manager=replace(alive.manager, started=alive.manager.started - 1))
    elsewhere = replace(alive, manager=replace(alive.manager, machine="another"))
    for state, found in ((alive, alive), (dead, None), (elsewhere, None)):
        write_state(tmp_path, state)
        assert read_last_state(tmp_path) == state
        assert read_state(tmp_path) == found


@pytest.mark.parametrize("text", ["", "[]", '{"address": "x"}', "{"])
def test_a_file_that_is_not_whole_says_nothing(tmp_path, text):
    for name in ("cluster.json", "wanted.json", "trouble.json"):
        (tmp_path / name).write_text(text if name != "trouble.json" else "{")
    assert read_last_state(tmp_path) is None
    assert read_wanted(tmp_path) is None
    assert read_trouble(tmp_path) is None


def test_jobs_and_trouble_are_kept_until_they_are_forgotten(tmp_path):
    write_jobs(tmp_path, {"smbo-1": "77"})
    assert read_jobs(tmp_path) == {"smbo-1": "77"}
    write_trouble(tmp_path, "no account")
    assert read_trouble(tmp_path) == "no account"
    clear_trouble(tmp_path)
    assert read_trouble(tmp_path) is None


def test_a_cluster_is_over_once_it_is_marked(tmp_path):
    assert not is_over(tmp_path)
    mark_over(tmp_path)
    assert is_over(tmp_path)


def test_the_folder_is_its_owners_alone(tmp_path):
    make_state_folder(tmp_path / "a" / "b")
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700
    (tmp_path / "file").touch()
    with pytest.raises(ClusterError, match="cannot use"):
        make_state_folder(tmp_path / "file")
