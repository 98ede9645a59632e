"""Hyperparameter search for scikit-learn: the interface of RandomizedSearchCV with smbo's proposals.

estimator    the class: parameters, attributes, refit
candidates   which candidates to try next, and their scores
fits         one fit on one fold, and where fits are run
callbacks    scikit-learn's callbacks, where it has them
"""

from smbo.search_cv.estimator import BayesSearchCV

__all__ = ["BayesSearchCV"]
