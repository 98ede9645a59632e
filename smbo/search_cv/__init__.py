"""Hyperparameter search for scikit-learn: the interface of RandomizedSearchCV with smbo's proposals.

estimator    the class: parameters, attributes, refit
candidates   which candidates to try next
fits         one fit on one fold, and the loop that keeps the slots busy
on_joblib, on_dask   the slots
scores       scores of fits, failed ones among them
samples      samples of a training set and their classes
callbacks    the callbacks given to fit, and scikit-learn's own, where it has them
"""

from smbo.search_cv.estimator import BayesSearchCV

__all__ = ["BayesSearchCV"]
