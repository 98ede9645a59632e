"""Specs of clusters survive their way through a file."""

from __future__ import annotations

import json

import pytest

from smbo_scheduler.clusters.specs import (
    BatchSpec,
    LocalSpec,
    SchedulerOptions,
    SshSpec,
    n_workers_of,
    scheduler_options_of,
    spec_from_json,
    spec_to_json,
)
from smbo_scheduler.errors import ClusterError

SPECS = [
    LocalSpec({"GPU": 1.0}),
    BatchSpec("slurm", 4, 10**9, SchedulerOptions(interface="ib0"), directives=("--qos=long",)),
    SshSpec(("a", "b"), SchedulerOptions("login", port=8786), workers_per_host=3),
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: type(spec).__name__)
def test_a_spec_comes_back_from_json_as_it_was(spec):
    assert spec_from_json(json.loads(json.dumps(spec_to_json(spec)))) == spec


def test_an_empty_spec_is_local():
    assert spec_from_json({}) == LocalSpec()


@pytest.mark.parametrize("data", [{"kind": "moon"}, {"kind": "local", "colour": "red"}, {"kind": "ssh"}])
def test_what_is_no_spec_is_refused(data):
    with pytest.raises(ClusterError, match="is no cluster spec"):
        spec_from_json(data)


def test_a_local_scheduler_listens_to_this_machine_alone_and_hosts_have_their_own_number():
    local, batch, ssh = SPECS
    assert [scheduler_options_of(spec).host for spec in SPECS] == ["127.0.0.1", None, "login"]
    assert [n_workers_of(spec, 5) for spec in (local, batch, ssh)] == [5, 5, 6]
