"""The job of a study in its store: kept once, without a password, read under today's keys."""

import json

import pytest

from smbo import Study
from smbo.cli.job.stored import fixed_before, keep_job, spool_folders, stored_job
from smbo.errors import DamagedStore, StoreError


@pytest.fixture
def study(tmp_path):
    with Study.open(f"sqlite:///{tmp_path}/a.db", "a", {"x": (0.0, 1.0)}, seed=1) as study:
        yield study


def test_the_latest_job_is_returned_with_its_folder(study, tmp_path):
    keep_job(study, {"study": "a", "fixed": {"x": 0.5}}, tmp_path)
    keep_job(study, {"study": "a"}, tmp_path)
    assert stored_job(study) == ({"study": "a"}, tmp_path)
    assert fixed_before(study) == {}


def test_the_same_job_is_kept_once(study, tmp_path):
    for _ in range(3):
        keep_job(study, {"study": "a"}, tmp_path)
    assert len(study._driver.store.events(study._driver.id, kind="job")) == 1


def test_a_password_is_not_written_down(study, tmp_path):
    keep_job(study, {"study": "a", "store": "postgresql://me:secret@host/db"}, tmp_path)
    (event,) = study._driver.store.events(study._driver.id, kind="job")
    assert "secret" not in event.payload
    assert "host/db" in json.loads(event.payload)["job"]["store"]


def test_keys_of_an_older_job_have_their_names_of_today(study):
    study._driver.store.add_event(
        study._driver.id, "job", {"job": {"stopping": "asha", "enough": {"left": 1.0}}, "folder": "/"}
    )
    job, _ = stored_job(study)
    assert job == {"early_stopping": "asha", "termination": {"left": 1.0}}


def test_a_study_that_was_never_run_from_the_command_line_has_no_job(study):
    assert fixed_before(study) is None
    with pytest.raises(StoreError, match="run it with a job file"):
        stored_job(study)


@pytest.mark.parametrize(
    "payload", [{"job": 5, "folder": "/"}, {"job": {}, "folder": 7}, {"job": {"spool": 3}, "folder": "/"}, {}]
)
def test_a_job_that_is_none_is_a_damage_with_the_number_of_its_event(study, payload):
    """A traceback, in `status` and `resume`."""
    study._driver.store.add_event(study._driver.id, "job", payload)
    for read in (stored_job, spool_folders, fixed_before):
        with pytest.raises(DamagedStore, match=r"study a, event \d+: column payload holds "):
            read(study)
