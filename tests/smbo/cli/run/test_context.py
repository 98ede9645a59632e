"""The context of a run says where results wait to be recorded."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from smbo.cli.run.context import RunContext


@pytest.mark.parametrize(
    ("spool", "expected"), [(None, "/store/toy-spool"), ("/shared", "/shared/toy-spool")]
)
def test_results_wait_beside_the_store_or_in_the_folder_of_the_job(spool, expected):
    driver = SimpleNamespace(spool_folder=Path("/store/toy-spool"))
    job, study = SimpleNamespace(spool=spool), SimpleNamespace(_driver=driver)
    assert RunContext(job, None, study, None, None).spool_folder == Path(expected)
