"""What jobs wait for: in the progress at once, on a line of its own after a minute, in the status."""

from smbo.cli.run.progress import Snapshot, line
from smbo.cli.run.queue import QueueWatch
from smbo_scheduler.clusters.queue_report import QueueReport, write_queue


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def watch(report):
    """Return a watch of a report that can be changed, its clock, and the lines it writes."""
    said, clock, box = [], Clock(), [report]
    return QueueWatch(lambda: box[0], said.append, clock), clock, said, box


def pass_seconds(queue, clock, seconds, capacity=0):
    for _ in range(seconds):
        queue.look(capacity)
        clock.now += 1.0


def test_a_reason_is_told_at_once_in_the_progress_and_after_a_minute_on_its_own_line():
    queue, clock, said, _ = watch(QueueReport((("1", "Resources"), ("2", "Resources"))))
    pass_seconds(queue, clock, 50)
    assert queue.text == "2 jobs waiting in the queue (Resources)"
    assert said == []
    pass_seconds(queue, clock, 60)
    assert said == ["no job has started: Resources"]


def test_a_line_is_written_again_only_for_another_reason():
    queue, clock, said, box = watch(QueueReport((("1", "Resources"),)))
    pass_seconds(queue, clock, 100)
    box[0] = QueueReport((("1", "Resources"), ("2", "Resources")))
    pass_seconds(queue, clock, 100)
    assert len(said) == 1
    box[0] = QueueReport((("1", "PartitionDown"),))
    pass_seconds(queue, clock, 3)
    assert said[1:] == ["no job has started: PartitionDown"]


def test_where_evaluations_run_jobs_that_wait_are_no_line_of_their_own():
    queue, clock, said, _ = watch(QueueReport((("1", "Priority"),), running=3))
    pass_seconds(queue, clock, 200, capacity=3)
    assert said == []
    assert queue.text == "1 job waiting in the queue (Priority)"


def test_a_cluster_without_a_queue_tells_nothing():
    queue, clock, said, _ = watch(None)
    pass_seconds(queue, clock, 100)
    assert (queue.text, said) == (None, [])


def test_the_progress_ends_with_what_jobs_wait_for():
    shown = Snapshot(1, 0, 0, 4, 0, None, None, 3.0, None, queue="1 job waiting in the queue (Resources)")
    assert line(shown).endswith("3s elapsed, 1 job waiting in the queue (Resources)")


def test_status_tells_what_jobs_wait_for(folder):
    folder.job()
    folder.smbo("run", "job.yaml")
    (spool,) = folder.path.glob("*-spool/*")
    (spool / "cluster-slurm").mkdir()
    write_queue(spool / "cluster-slurm", QueueReport((("7", "PartitionDown"),), running=2))
    said = folder.smbo("status", "toy").output
    assert "queue        slurm jobs: 2 running; 1 job waiting in the queue (PartitionDown)" in said
    assert "PartitionDown" in folder.smbo("status", "toy", "--json").output
