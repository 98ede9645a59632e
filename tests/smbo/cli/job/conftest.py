"""A job file read from its text."""

import pytest

from smbo.cli.job.schema import read_jobfile


@pytest.fixture
def read(tmp_path):
    def read(text):
        path = tmp_path / "job.yaml"
        path.write_text(text)
        return read_jobfile(path)[0]

    return read
