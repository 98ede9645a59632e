"""The job file: its schema, its sections and the task that they describe."""
