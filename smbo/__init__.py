"""Sequential model-based optimization: ask/tell, tuning jobs on Dask clusters, a search estimator."""

__version__ = "0.1.0"
