"""Scores of fits that failed, told apart from measured ones."""

import math
import pickle

import numpy as np

from smbo.search_cv.scores import ErrorScore, failure_reason, has_failed, rank_failed_last, with_names


def fit(score, error=None):
    return {"fit_error": error, "test_scores": score}


def test_an_error_score_is_told_from_a_measured_score_of_the_same_value_after_pickling_too():
    for given in (0.0, math.nan):
        assert has_failed(pickle.loads(pickle.dumps(fit(ErrorScore(given)))))
        assert not has_failed(fit(given))
    assert has_failed(fit(0.0, "Traceback\nRuntimeError: broken\n"))
    assert has_failed(fit({"a": 1.0, "b": ErrorScore(0)}), "b")
    assert not has_failed(fit({"a": 1.0, "b": ErrorScore(0)}), "a")


def test_the_reason_is_the_last_line_of_what_the_first_failed_fit_raised():
    results = [fit(1.0), fit(ErrorScore(0), "Traceback\n  x\nRuntimeError: broken\n")]
    assert failure_reason(results) == "RuntimeError: broken"
    assert failure_reason([fit(math.nan)]) == "no finite score"


def test_failed_candidates_are_ranked_behind_all_others_whatever_their_score():
    results = {"params": [{}] * 4, "mean_test_score": np.array([0.0, -3.0, -2.0, np.nan])}
    failed = [True, False, False, False, False, False, False, False]  # of two folds each
    rank_failed_last(results, {"score": failed})
    assert results["rank_test_score"].tolist() == [3, 2, 1, 3]


def test_a_failed_fit_gets_each_of_several_metrics():
    results = [fit(ErrorScore(0)), fit({"a": 1.0, "b": 2.0})]
    with_names(results, "test_scores")
    assert results[0]["test_scores"] == {"a": 0.0, "b": 0.0}
    assert has_failed(results[0], "b")
