"""What runs on a worker: calling the objective, child processes and their supervisor, GPUs."""
