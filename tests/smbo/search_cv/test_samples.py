"""A fold's samples as indices, and the classes of labels of every kind."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from smbo.search_cv.samples import as_indices, classes, least_samples

LABELS = np.array([[0, 1], [1, 1], [0, 1], [0, 0]])


def test_a_mask_and_indices_of_a_fold_are_the_same_samples():
    for fold in ([True, False, True], np.array([True, False, True]), [0, 2], np.array([0, 2])):
        assert as_indices(fold).tolist() == [0, 2]


@pytest.mark.parametrize("y", [LABELS, csr_matrix(LABELS), LABELS.tolist()], ids=["dense", "sparse", "list"])
def test_each_combination_of_labels_is_a_class(y):
    assert classes(y, [0, 1, 2, 3]).tolist() == [1, 2, 1, 0]
    assert classes(y, np.array([3, 1])).tolist() == [0, 1]


def test_the_least_samples_are_two_of_each_class_or_label():
    assert least_samples(["a", "b", "c", "a"]) == 6
    assert least_samples(np.array([[1], [0]])) == 4
    assert least_samples(LABELS) == least_samples(csr_matrix(LABELS)) == 6
