"""Where jobs run: in this process, in child processes, on Dask."""

from scheduler.executors.serial import SerialExecutor

__all__ = ["SerialExecutor"]
