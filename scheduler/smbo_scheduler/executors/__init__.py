"""Where jobs run: in this process, in child processes, on Dask."""

from typing import TYPE_CHECKING, Any

from smbo_scheduler.executors.serial import SerialExecutor

if TYPE_CHECKING:
    from smbo_scheduler.executors.dask import DaskExecutor
    from smbo_scheduler.executors.process import ProcessExecutor

__all__ = ["DaskExecutor", "ProcessExecutor", "SerialExecutor"]


def __getattr__(name: str) -> Any:
    # Dask takes half a second to import, which a serial run should not pay
    if name == "DaskExecutor":
        from smbo_scheduler.executors.dask import DaskExecutor

        return DaskExecutor
    if name == "ProcessExecutor":
        from smbo_scheduler.executors.process import ProcessExecutor

        return ProcessExecutor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
