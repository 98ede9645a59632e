"""One run of a study from the command line: session, cluster, progress, final report."""
