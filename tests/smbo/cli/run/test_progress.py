"""Progress tells what is known, not too often, and never in the way of the evaluations."""

import dataclasses
import io
import math
import threading

from smbo.cli.run.progress import (
    LiveProgress,
    PlainProgress,
    Recommender,
    Snapshot,
    line,
    open_progress,
    seconds_left,
)

SNAPSHOT = Snapshot(
    complete=7,
    failed=1,
    running=2,
    trials=40,
    slots=2,
    best=1.25,
    recommended=(1.3, 0.1),
    elapsed_seconds=65.0,
    left_seconds=300.0,
)


def test_a_line_says_all_that_is_known():
    assert line(SNAPSHOT, "chi2") == (
        "8/40 done, 2 running of 2 slots, 1 failed, best chi2 1.25, recommended 1.3 ± 0.1, "
        "1min 05s elapsed, about 5min 00s left"
    )


def test_a_line_leaves_out_what_is_unknown():
    young = dataclasses.replace(
        SNAPSHOT, complete=0, trials=None, slots=None, best=None, recommended=None, left_seconds=None
    )
    assert line(young) == "1 done, 2 running, 1 failed, 1min 05s elapsed"
    assert "nan" not in line(dataclasses.replace(SNAPSHOT, recommended=(1.3, math.nan)))


def test_a_recommendation_older_than_the_results_says_so():
    assert "recommended 1.3 ± 0.1 (by the first 4), " in line(dataclasses.replace(SNAPSHOT, recommended_of=4))
    assert line(dataclasses.replace(SNAPSHOT, recommended_of=7)) == line(SNAPSHOT)


def test_a_recommendation_by_less_than_half_of_the_results_is_left_out():
    assert "recommended" not in line(dataclasses.replace(SNAPSHOT, recommended_of=3))


def test_the_count_arrives_whatever_became_of_the_trials():
    end = dataclasses.replace(SNAPSHOT, complete=30, failed=4, paused=5, ended_early=1, running=0)
    assert line(end).startswith("40/40 done, 0 running of 2 slots, 5 paused, 1 ended early, 4 failed, ")


def test_no_more_evaluations_run_than_there_are_slots_and_the_others_wait():
    assert "2 running of 2 slots, 1 queued, " in line(dataclasses.replace(SNAPSHOT, running=3))
    assert "0 running of 0 slots, 3 queued, " in line(dataclasses.replace(SNAPSHOT, running=3, slots=0))


def test_the_first_estimate_waits_until_as_many_trials_ended_as_run_at_once():
    # eight slots, a second each: the first of forty to end, after a second, does not make it 39 s
    assert seconds_left(1, 0, 40, 1.0, None, 8) is None
    assert seconds_left(8, 0, 40, 1.0, None, 8) == 4.0
    assert seconds_left(1, 0, 40, 1.0, 30.0, 8) == 30.0
    assert seconds_left(37, 36, 40, 1.0, None, 8) is None
    assert seconds_left(40, 36, 40, 2.0, None, 8) == 0.0
    assert seconds_left(1, 0, 40, 1.0, None, 0) == 39.0


def test_a_hostile_name_of_the_value_drives_no_terminal():
    for text in (line(SNAPSHOT, "a\x1b[2J\u202e"), live("[bold]\x1b[2J\u202e")):
        assert "\\x1b[2J\\u202e" in text
        assert "\u202e" not in text
    assert "[bold]" in live("[bold]")


def live(value_name):
    file = io.StringIO()
    progress = LiveProgress("title", value_name, file)
    progress.close(SNAPSHOT)
    return file.getvalue()


def test_the_time_left_follows_the_pace_of_this_run_and_the_budget_of_time():
    assert seconds_left(10, 0, 40, 20.0, None) == 60.0
    assert seconds_left(30, 20, 40, 20.0, None) == 20.0  # the first 20 belong to an earlier run
    assert seconds_left(10, 0, 40, 20.0, 5.0) == 5.0
    assert seconds_left(10, 10, 40, 20.0, None) is None
    assert seconds_left(10, 0, None, 20.0, None) is None


def test_plain_lines_come_when_something_changed_and_not_too_often():
    lines, now = [], [0.0]
    progress = PlainProgress("value", lines.append, lambda: now[0], period_seconds=5.0)
    progress.show(SNAPSHOT)
    progress.show(dataclasses.replace(SNAPSHOT, complete=8))  # too soon
    now[0] = 6.0
    progress.show(SNAPSHOT)  # nothing new
    assert len(lines) == 1
    progress.show(dataclasses.replace(SNAPSHOT, complete=8))
    assert len(lines) == 2
    progress.close(dataclasses.replace(SNAPSHOT, complete=9))  # the last word is always said
    assert [text.split("/")[0] for text in lines] == ["8", "9", "10"]


def test_the_live_panel_draws_every_figure_and_takes_a_hostile_title_as_text():
    file = io.StringIO()
    progress = LiveProgress("[bold]not markup[/bold]", "value", file)
    progress.show(SNAPSHOT)
    progress.close(SNAPSHOT)
    text = file.getvalue()
    assert "[bold]not markup[/bold]" in text
    assert "8 of 40 done, 1 failed" in text
    assert "2 running of 2 slots" in text


def test_progress_is_plain_when_nobody_watches(capsys):
    assert isinstance(open_progress("title", "value"), PlainProgress)


def test_the_recommended_value_is_computed_once_for_many_questions():
    calls, computed = [], threading.Event()

    def compute():
        calls.append(threading.current_thread().name)
        computed.set()
        return (1.0, 0.1)

    recommender = Recommender(compute, period_seconds=60.0)
    try:
        assert recommender.latest(0) is None
        for _ in range(100):
            recommender.latest(3)
        assert computed.wait(5.0)
    finally:
        recommender.close()
    assert recommender.latest(3) == (1.0, 0.1)
    assert recommender.latest_of == 3
    assert calls == ["recommender"]


def test_a_recommendation_that_cannot_be_computed_ends_nothing():
    tried = threading.Event()

    def compute():
        tried.set()
        raise RuntimeError("no posterior")

    recommender = Recommender(compute, period_seconds=0.0)
    recommender.latest(1)
    assert tried.wait(5.0)
    recommender.close()
    assert recommender.latest(1) is None
