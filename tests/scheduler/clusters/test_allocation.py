"""The nodes of an allocation are read from what each batch system sets."""

from __future__ import annotations

import os

import pytest

from smbo_scheduler.clusters.allocation import Allocation, allocation_of, expand_counts, expand_nodes
from smbo_scheduler.errors import ClusterError


@pytest.mark.parametrize(
    ("text", "nodes"),
    [
        ("n1", ["n1"]),
        ("n1,login", ["n1", "login"]),
        ("n[1-3,07]", ["n1", "n2", "n3", "n07"]),
        ("n[08-11]", ["n08", "n09", "n10", "n11"]),
        ("rack[1-2]-n[3,5],x", ["rack1-n3", "rack1-n5", "rack2-n3", "rack2-n5", "x"]),
    ],
)
def test_slurms_list_of_nodes_is_expanded(text, nodes):
    assert expand_nodes(text) == nodes


def test_slurms_counts_are_expanded():
    assert expand_counts("16(x2),8") == [16, 16, 8]


@pytest.mark.parametrize("text", ["", ",", "n[a-b]"])
def test_what_is_no_list_of_nodes_is_refused(text):
    with pytest.raises(ClusterError, match="SLURM_JOB_NODELIST"):
        expand_nodes(text)


def test_an_allocation_of_slurm_starts_steps_that_share_cores_with_programs_of_evaluations():
    given = {"SLURM_JOB_ID": "7", "SLURM_JOB_NODELIST": "n[1-2]", "SLURM_JOB_CPUS_PER_NODE": "4(x2)"}
    found = allocation_of(given)
    assert found.nodes == {"n1": 4, "n2": 4}
    assert found.launch[0] == "srun"
    assert {"--overlap", "--nodelist={node}"} <= set(found.launch)


@pytest.mark.parametrize(
    ("variable", "content", "launch"),
    [
        ("PBS_NODEFILE", "n1\nn1\nn2\n", ("pbs_tmrsh", "{node}")),
        ("OAR_NODEFILE", "n1\nn2\nn1\n", ("oarsh", "{node}")),
        ("LSB_DJOB_HOSTFILE", "n1\nn1\nn2\n", ("blaunch", "-z", "{node}")),
        ("PE_HOSTFILE", "n1 2 all.q@n1 UNDEFINED\nn2 1 all.q@n2 UNDEFINED\n", ("qrsh", "-inherit", "{node}")),
    ],
)
def test_other_allocations_are_read_from_their_files(tmp_path, variable, content, launch):
    (tmp_path / "nodes").write_text(content)
    found = allocation_of({variable: str(tmp_path / "nodes")})
    assert found == Allocation({"n1": 2, "n2": 1}, launch)


def test_an_allocation_of_this_machine_alone_needs_no_launcher():
    here = {"SLURM_JOB_ID": "7", "SLURM_JOB_NODELIST": os.uname().nodename, "SLURM_JOB_CPUS_PER_NODE": "4"}
    assert allocation_of(here) == Allocation({os.uname().nodename: 4}, ())


def test_outside_an_allocation_there_is_none():
    assert allocation_of({"HOME": "/root"}) is None


def test_a_file_of_nodes_that_is_gone_is_named(tmp_path):
    with pytest.raises(ClusterError, match="gone: the nodes of this allocation cannot be read"):
        allocation_of({"PBS_NODEFILE": str(tmp_path / "gone")})
