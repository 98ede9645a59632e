"""Lines that a program appends to its file of reports are reported once, in order, and only whole."""

from __future__ import annotations

import pytest

from smbo.problem import EvaluationFailed
from smbo_objectives.progress import ReportFollower


@pytest.fixture
def seen():
    return []


@pytest.mark.parametrize(
    "line",
    ["half", "[1, 2]", '{"step": 1}', '{"step": 1, "value": "2"}', '{"step": 1, "step": 2, "value": 1}'],
)
def test_a_line_that_is_no_report_fails_the_evaluation(tmp_path, line, seen):
    (tmp_path / "progress.jsonl").write_text(line + "\n")
    follower = ReportFollower(tmp_path / "progress.jsonl", lambda *pair: seen.append(pair))
    with pytest.raises(EvaluationFailed) as caught:
        follower.poll()
    assert caught.value.reason == "bad-output"
    assert seen == []


def test_other_entries_of_a_line_do_not_matter(tmp_path, seen):
    (tmp_path / "progress.jsonl").write_text('{"step": 1, "epoch": "first", "value": 2, "lr": null}\n')
    ReportFollower(tmp_path / "progress.jsonl", lambda *pair: seen.append(pair)).poll()
    assert seen == [(1.0, 2.0)]


def test_a_line_being_written_is_left_until_it_is_whole_or_all_is_over(tmp_path, seen):
    path = tmp_path / "progress.jsonl"
    follower = ReportFollower(path, lambda *pair: seen.append(pair))
    follower.poll()
    path.write_text('{"step": 1, "value": 2}\n{"step": 2,')
    follower.poll()
    follower.poll()
    assert seen == [(1.0, 2.0)]
    path.write_text('{"step": 1, "value": 2}\n{"step": 2, "value": 3}')
    follower.poll()
    assert seen == [(1.0, 2.0)]
    follower.poll(is_over=True)
    assert seen == [(1.0, 2.0), (2.0, 3.0)]


def test_reports_are_not_followed_through_a_link(tmp_path, seen):
    (tmp_path / "secret").write_text('{"step": 1, "value": 2}\n')
    (tmp_path / "progress.jsonl").symlink_to(tmp_path / "secret")
    with pytest.raises(EvaluationFailed, match="cannot be read"):
        ReportFollower(tmp_path / "progress.jsonl", lambda *pair: seen.append(pair)).poll()
    assert seen == []
