"""The cluster of a run: an executor that another package installs, by its name in the job file."""

import sys

import pytest

PACKAGE = """
from pathlib import Path

from smbo_scheduler.executors.serial import SerialExecutor


def make(target, outbox, note="none"):
    Path("note.txt").write_text(note)
    return SerialExecutor(target, outbox)
"""


@pytest.fixture
def package(folder):
    """A package beside the job that names its executor in the entry-point group."""
    place = folder.path / "site"
    info = place / "own_executors-1.0.dist-info"
    info.mkdir(parents=True)
    (place / "own_executors.py").write_text(PACKAGE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own-executors\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[smbo.executors]\nown = own_executors:make\n")
    sys.path.append(str(place))  # the fixture `folder` puts the path back
    yield folder
    sys.modules.pop("own_executors", None)


def test_an_installed_executor_evaluates_a_job_and_resumes_it(package):
    package.job("cluster: {executor: {own: {note: first}}}")
    result = package.smbo("run", "job.yaml")
    assert result.exit_code == 0, result.output
    assert (package.path / "note.txt").read_text() == "first"
    (package.path / "note.txt").unlink()
    result = package.smbo("resume", "toy", "--trials", "6")
    assert "6 complete" in result.output
    assert (package.path / "note.txt").read_text() == "first"


def test_an_executor_without_settings_is_a_name(package):
    package.job("cluster: {executor: own}")
    assert package.smbo("run", "job.yaml").exit_code == 0
    assert (package.path / "note.txt").read_text() == "none"


@pytest.mark.parametrize(
    ("cluster", "message"),
    [
        ("{executor: {owm: {}}}", "cluster.executor: no executor 'owm'"),
        ("{executor: {own: {nite: x}}}", "cluster.executor: executor 'own' cannot be used"),
        ("{executor: {own: {}, other: {}}}", "cluster.executor: "),
        ("{executor: own, local: {}}", "give exactly one of"),
    ],
)
def test_a_wrong_executor_is_refused_before_anything_is_stored(package, cluster, message):
    package.job(f"cluster: {cluster}")
    result = package.smbo("run", "job.yaml")
    assert result.exit_code == 2
    assert message in result.output
    assert not (package.path / "toy.db").exists()
