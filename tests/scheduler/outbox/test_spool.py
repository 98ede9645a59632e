"""The spool keeps what it was given, whole or not at all, and gives each job away once."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import stat
import subprocess
import sys
from dataclasses import replace

import pytest

from smbo_scheduler.errors import SpoolError
from smbo_scheduler.jobs import Job, JobOutcome, JobStatus
from smbo_scheduler.outbox.processes import this_process
from smbo_scheduler.outbox.spool import Claim, Spool


def outcome_of(job, **changes):
    return replace(JobOutcome(job, JobStatus.OK, {"value": 1.5}), **changes)


def test_an_outcome_stays_until_it_is_discarded(spool, make_job):
    outcome = outcome_of(make_job(x=2))
    spool.write(outcome)
    again = Spool(spool.folder)
    assert again.pending() == [outcome]
    assert again.read(outcome.job) == outcome
    again.discard(outcome)
    assert spool.pending() == []
    assert spool.read(outcome.job) is None


def test_infinities_survive(spool, make_job):
    outcome = outcome_of(make_job(), result={"value": math.inf, "other": -math.inf})
    spool.write(outcome)
    assert spool.pending() == [outcome]


def test_the_folder_is_its_owners_alone(tmp_path):
    folder = tmp_path / "a" / "spool"
    folder.mkdir(parents=True, mode=0o755)
    Spool(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "spool").write_text("")
    with pytest.raises(SpoolError, match="cannot use"):
        Spool(tmp_path / "spool")


@pytest.mark.parametrize(
    "text", ["", "{", '{"job": 1}', "[]", "null", "\x00\xff", "[" * 10**5, '{"job":{},"ending":"ok"}']
)
def test_a_torn_or_foreign_file_is_passed_over(spool, make_job, text):
    good = outcome_of(make_job())
    spool.write(good)
    (spool.folder / "outcomes" / "tune-999-999.json").write_text(text)
    (spool.folder / "outcomes" / ".123-abc.tmp").write_text("half")
    (spool.folder / "outcomes" / "notes.txt").write_text("hello")
    assert spool.pending() == [good]


def test_every_prefix_of_an_outcome_is_passed_over(spool, make_job):
    outcome = outcome_of(make_job())
    spool.write(outcome)
    (path,) = (spool.folder / "outcomes").glob("*.json")
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert spool.pending() == []


def test_an_outcome_under_another_jobs_name_is_passed_over(spool, make_job):
    outcome = outcome_of(make_job())
    spool.write(outcome)
    (path,) = (spool.folder / "outcomes").glob("*.json")
    path.rename(path.with_name("tune-5-5.json"))
    assert spool.pending() == []


def test_a_link_is_not_followed(spool, make_job, tmp_path):
    outcome = outcome_of(make_job())
    spool.write(outcome)
    (path,) = (spool.folder / "outcomes").glob("*.json")
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert spool.pending() == []


@pytest.mark.parametrize("study", ["../x", "", "a/b", ".hidden", "a\n", "x" * 101, "-x", "a b", "$(id)"])
def test_a_study_whose_name_is_no_file_name_is_refused(spool, study):
    job = Job(study, 0, 1, {})
    for act in (spool.claim, spool.attempt_folder, spool.read, lambda job: spool.write(outcome_of(job))):
        with pytest.raises(SpoolError, match="cannot name a file"):
            act(job)


def test_a_result_that_is_too_large_is_refused_by_name(spool, make_job, monkeypatch):
    monkeypatch.setattr("smbo_scheduler.outbox.spool.LARGEST_OUTCOME_BYTES", 1000)
    with pytest.raises(SpoolError, match="tune-0-1: the result takes"):
        spool.write(outcome_of(make_job(), result={"text": "x" * 1000}))
    assert list((spool.folder / "outcomes").iterdir()) == []


def test_a_job_can_be_claimed_once_and_for_good(spool, make_job):
    job = make_job()
    assert spool.claim(job)
    assert not spool.claim(job)
    assert not Spool(spool.folder).claim(job)
    spool.write(outcome_of(job))
    spool.discard(outcome_of(job))
    assert not spool.claim(job)


def test_a_revoked_job_can_not_be_claimed_and_a_claimed_one_not_revoked(spool, make_job):
    first, second = make_job(), make_job()
    assert spool.revoke(first)
    assert not spool.claim(first)
    assert not spool.is_alive(spool.claim_of(first))
    assert spool.claim(second)
    assert not spool.revoke(second)


def claim_all(folder, jobs, won):
    spool = Spool(folder)
    won.put([job.key for job in jobs if spool.claim(job)])


def test_of_many_processes_exactly_one_gets_each_job(spool, make_job):
    context = multiprocessing.get_context("fork")
    jobs, won = [make_job() for _ in range(50)], context.Queue()
    racers = [context.Process(target=claim_all, args=(spool.folder, jobs, won)) for _ in range(4)]
    for racer in racers:
        racer.start()
    keys = [key for _ in racers for key in won.get(timeout=30)]
    for racer in racers:
        racer.join()
    assert sorted(keys) == sorted(job.key for job in jobs)


def test_claims_lists_what_runs_and_who_runs_it(spool, make_job):
    running, done, revoked = make_job(), make_job(), make_job()
    for job in (running, done):
        spool.claim(job)
    spool.discard(outcome_of(done))
    spool.revoke(revoked)
    assert spool.claims() == [Claim(running.key, this_process())]


def test_a_claim_lives_as_long_as_its_process(spool, make_job):
    job = make_job()
    code = (
        "import sys; from smbo_scheduler.outbox.spool import Spool; from smbo_scheduler.jobs import Job;"
        f"Spool({str(spool.folder)!r}).claim(Job('tune', {job.number}, {job.token}, {{}}));"
        "print('claimed', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(os.environ)
    ) as other:
        assert other.stdout.readline() == b"claimed\n"
        claim = spool.claim_of(job)
        assert claim.owner.pid == other.pid
        assert spool.is_alive(claim)
        other.kill()
        while other.poll() is None:
            assert other.wait(10) is not None
        assert not spool.is_alive(claim)


def test_a_pid_used_again_does_not_bring_a_claim_back(spool, make_job):
    owner = replace(this_process(), started=this_process().started - 1)
    assert not spool.is_alive(Claim("tune-0-1", owner))


def test_on_another_machine_the_beat_decides_by_our_own_clock(tmp_path, make_job):
    now = [0.0]
    spool = Spool(tmp_path, lease_seconds=60, clock=lambda: now[0])
    job = make_job()
    spool.claim(job)
    far = Claim(job.key, replace(this_process(), machine="another"))
    assert spool.is_alive(far)  # the first look proves nothing
    now[0] = 59
    assert spool.is_alive(far)
    spool.beat(job, 1)
    now[0] = 100
    assert spool.is_alive(far)  # it moved: the lease begins anew when we see it
    for now[0] in (125, 150, 159):
        assert spool.is_alive(far)
    now[0] = 161
    assert not spool.is_alive(far)


def test_a_claim_file_cut_short_is_judged_by_its_beat(tmp_path, make_job):
    now = [0.0]
    spool = Spool(tmp_path, lease_seconds=60, clock=lambda: now[0])
    job = make_job()
    spool.claim(job)
    (spool.folder / "claims" / f"{job.key}.json").write_text(json.dumps({"owner": None}))
    claim = spool.claim_of(job)
    assert claim.owner is None
    for now[0] in (0, 20, 40):
        assert spool.is_alive(claim)
    now[0] = 61
    assert not spool.is_alive(claim)


def test_an_attempt_folder_goes_when_all_went_well_and_stays_for_a_look_when_not(spool, make_job):
    good, bad = make_job(), make_job()
    folders = [spool.attempt_folder(job) for job in (good, bad)]
    spool.discard(outcome_of(good))
    spool.discard(outcome_of(bad, status=JobStatus.ERROR, result=None))
    assert [folder.exists() for folder in folders] == [False, True]


def test_an_attempt_folder_is_never_shared(spool, make_job):
    job = make_job()
    spool.attempt_folder(job)
    with pytest.raises(FileExistsError):
        spool.attempt_folder(job)
