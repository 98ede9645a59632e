"""Run jobs on executors and clusters, in one scheduler loop.  Imports nothing of smbo."""
