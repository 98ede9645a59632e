"""The report of a run is written once all trials are in it, also after a run that was killed."""

from smbo.cli.run.report import _as_written


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


def test_a_report_folder_that_is_a_link_to_nothing_is_refused_before_the_first_evaluation(folder):
    (folder.path / "out").symlink_to("/no/such/folder")
    folder.job("report: out")
    result = folder.smbo("run", "job.yaml")
    assert result.exit_code == 2
    assert "out is a link to /no/such/folder, which is not there" in result.output
    assert not list(folder.path.glob("*.db"))


def test_the_settings_of_a_page_are_those_of_a_job_file():
    """Before: Python's ``{'local': {'workers': 2}}`` and ``None``."""
    assert _as_written({"local": {"workers": 2, "resources": None}}) == (
        '{"local": {"workers": 2, "resources": null}}'
    )
    assert _as_written("branin:evaluate") == "branin:evaluate"
