"""The example of the search estimator runs as it stands, and finds what is to be found."""

import runpy
from pathlib import Path


def test_the_example_runs_and_finds_a_good_classifier(capsys):
    example = runpy.run_path(str(Path(__file__).parents[3] / "examples" / "search_cv.py"))
    search = example["main"]()
    # the default SVC has 0.9935 on the same folds
    assert search.best_score_ > 0.99
    assert "area under the ROC curve" in capsys.readouterr().out
