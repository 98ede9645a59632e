"""Surrogates built on scikit-learn's regressors: forests, boosting, any regressor."""
