"""The argument STUDY: a name with its default store, or a job file."""

import pytest

from smbo.cli.target import find
from smbo.errors import StoreError


def test_a_name_has_its_store_in_the_current_folder():
    assert find("toy", None) == ("toy", "sqlite:///toy.db")
    assert find("toy", "sqlite:///other.db") == ("toy", "sqlite:///other.db")


def test_a_job_file_names_study_and_store_and_an_option_overrides_the_store(folder):
    path = str(folder.job("store: sqlite:///mine.db"))
    assert find(path, None) == ("toy", "sqlite:///mine.db")
    assert find(path, "sqlite:///other.db") == ("toy", "sqlite:///other.db")


def test_a_hostile_name_is_refused():
    with pytest.raises(StoreError, match="cannot name a study"):
        find("../x", None)
