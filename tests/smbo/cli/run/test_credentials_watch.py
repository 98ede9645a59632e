"""Credentials that end are told before the run, shortly before, and when they have ended; each once."""

import pytest

from smbo.cli.job.document import Document
from smbo.cli.job.schema import check_jobfile
from smbo.cli.run.credentials import CredentialWatch, credential_horizon
from smbo_scheduler.clusters.credentials import Credential

HOUR = 3600.0


def watch(ends, horizon):
    said, now, box = [], [0.0], [Credential("Kerberos ticket", ends, "kinit")]
    return CredentialWatch(horizon, said.append, lambda: box, lambda: now[0]), said, now, box


def pass_hours(watched, now, hours):
    for _ in range(round(hours * 12)):
        watched.look()
        now[0] += HOUR / 12


def test_a_ticket_that_ends_before_the_run_is_told_at_its_start_and_again_shortly_before():
    watched, said, now, box = watch(10 * HOUR, 24 * HOUR)
    pass_hours(watched, now, 5)
    assert said == [
        "your Kerberos ticket ends in 10h 00min, before this run may: renew it with `kinit` in time"
    ]
    pass_hours(watched, now, 4.75)
    assert len(said) == 2
    assert "ends in 30min" in said[1] or "ends in 25min" in said[1]
    pass_hours(watched, now, 2)
    assert len(said) == 3
    assert "has ended: renew it with `kinit`" in said[2]
    assert "resumes the study" in said[2]
    box[0] = Credential("Kerberos ticket", 100 * HOUR, "kinit")
    pass_hours(watched, now, 30)
    assert len(said) == 3


def test_a_ticket_that_lasts_is_not_told():
    watched, said, now, _ = watch(30 * HOUR, 24 * HOUR)
    pass_hours(watched, now, 20)
    assert said == []


def test_where_no_credentials_are_needed_none_are_looked_at():
    watched, said, now, _ = watch(0.0, None)
    pass_hours(watched, now, 1)
    assert said == []


@pytest.mark.parametrize(
    ("cluster", "horizon"),
    [
        ("serial", None),
        ({"local": {"workers": 2}}, None),
        ({"slurm": {"workers": 2, "memory": "1GB", "walltime": "3h"}}, 7200.0 * 2),
        ({"slurm": {"workers": 2, "memory": "1GB", "walltime": "8h"}}, 8 * HOUR),
        ({"address": "tls://h:1"}, 7200.0 * 2),
    ],
)
def test_credentials_are_needed_as_long_as_the_budget_or_a_job_lasts(cluster, horizon):
    data = {"study": "a", "objective": {"python": "m:f"}, "budget": {"time": "4h"}, "cluster": cluster}
    assert credential_horizon(check_jobfile(Document("a", data))) == horizon
