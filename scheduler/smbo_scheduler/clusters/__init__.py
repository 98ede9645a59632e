"""Dask clusters: managed (on this machine, in batch jobs, by ssh) or external."""
