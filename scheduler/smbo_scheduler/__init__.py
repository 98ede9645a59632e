"""Running trials somewhere: jobs, executors, clusters and one loop.  Knows nothing of smbo."""
