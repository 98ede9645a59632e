"""Hyperparameter search for scikit-learn: RandomizedSearchCV's place and manners, our proposals.

estimator    the class: parameters, attributes, refit
candidates   what to try next, and what came of it
fits         one fit on one fold, and where fits are run
callbacks    scikit-learn's callbacks, where it has them
"""

from smbo.search_cv.estimator import BayesSearchCV

__all__ = ["BayesSearchCV"]
