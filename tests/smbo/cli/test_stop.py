"""`smbo stop` where nothing runs; tests/smbo/cli/run/test_session.py stops a running study."""


def test_stop_has_nothing_to_do_where_nothing_runs(folder):
    folder.job()
    folder.smbo("run", "job.yaml")
    assert "nothing to stop" in folder.smbo("stop", "toy").output
