"""Reports of very many jobs: each is looked at in its turn."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

from smbo.study.pruning import Reporter
from smbo_scheduler.jobs import Job


class Outbox:
    """Counts looks; no job has anything to report."""

    def __init__(self):
        self.looks = Counter()

    def reports(self, job, start):
        self.looks[job.token] += 1
        return [], start


def test_of_very_many_jobs_each_is_looked_at_in_its_turn():
    outbox = Outbox()
    reporter = Reporter(SimpleNamespace(), outbox)
    reporter.watch([Job("s", number, number, {}) for number in range(250)])
    reporter.take()
    assert 0 < outbox.looks.total() < 250
    for _ in range(4):
        reporter.take()
    assert set(outbox.looks.values()) == {2}
    reporter.forget(Job("s", 7, 7, {}))
    reporter.take()
    assert 7 not in {token for token, n in outbox.looks.items() if n == 3}
