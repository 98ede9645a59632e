"""The report of a run is written once all trials are in it, also after a run that was killed."""


def test_a_report_that_a_killed_run_did_not_write_is_made_up_for(folder):
    folder.job("report: out")
    assert folder.smbo("run", "job.yaml").exit_code == 0
    page = folder.path / "out" / "index.html"
    assert "report: " not in folder.smbo("run", "job.yaml").output
    page.unlink()
    assert "report: " in folder.smbo("run", "job.yaml").output
    folder.smbo("run", "job.yaml", "--trials", "6", "--no-report")
    stale = page.read_text()
    assert "report: " in folder.smbo("run", "job.yaml", "--trials", "6").output
    assert page.read_text() != stale
