"""What batch jobs wait for, on one line, for the driver and for `smbo status`."""

from __future__ import annotations

import pytest

from smbo_scheduler.clusters import queue_report
from smbo_scheduler.clusters.queue_report import QueueReport, read_queue, remove_queue, write_queue


@pytest.mark.parametrize(
    ("report", "text", "reasons"),
    [
        (QueueReport(), None, None),
        (QueueReport(running=2), None, None),
        (
            QueueReport((("1", "Resources"),)),
            "1 job waiting in the queue (Resources)",
            "no job has started: Resources",
        ),
        (
            QueueReport((("1", "Priority"), ("2", "Resources"), ("3", "Priority"))),
            "3 jobs waiting in the queue (2 Priority, 1 Resources)",
            "no job has started: Priority, Resources",
        ),
        (
            QueueReport((("1", ""),)),
            "1 job waiting in the queue (the batch system gives no reason)",
            "no job has started: the batch system gives no reason",
        ),
        (QueueReport(refusal="squeue failed"), "squeue failed; trying again", "squeue failed; trying again"),
    ],
)
def test_a_report_tells_reasons_and_how_many_jobs_have_them(report, text, reasons):
    assert (report.text(), report.reasons()) == (text, reasons)


def test_a_report_is_read_as_it_was_written_until_it_is_stale(tmp_path, monkeypatch):
    assert read_queue(tmp_path, is_here=True) is None
    write_queue(tmp_path, QueueReport((("1", "Resources"),), 2, "away"))
    found = read_queue(tmp_path, is_here=False)
    assert (found.waiting, found.running, found.refusal) == ((("1", "Resources"),), 2, "away")
    monkeypatch.setattr(queue_report.time, "time", lambda: found.written + 3600)
    assert read_queue(tmp_path, is_here=False) is None, "its manager may be gone for long"
    assert read_queue(tmp_path, is_here=True) is not None
    remove_queue(tmp_path)
    assert read_queue(tmp_path, is_here=True) is None


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"waiting": 3}', '{"waiting": [], "more": 1}', '{"waiting": [[1]]}']
)
def test_a_file_that_is_no_report_is_none(tmp_path, text):
    (tmp_path / "queue.json").write_text(text)
    assert read_queue(tmp_path, is_here=True) in (None, QueueReport())
