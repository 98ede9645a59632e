"""Code of a worker: calling the objective, child processes and their supervisor, GPUs."""
