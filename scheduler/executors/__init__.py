"""Where jobs run: in this process, in child processes, on Dask."""

from typing import TYPE_CHECKING, Any

from scheduler.executors.serial import SerialExecutor

if TYPE_CHECKING:
    from scheduler.executors.dask import DaskExecutor

__all__ = ["DaskExecutor", "SerialExecutor"]


def __getattr__(name: str) -> Any:
    # Dask takes half a second to import, which a serial run should not pay
    if name == "DaskExecutor":
        from scheduler.executors.dask import DaskExecutor

        return DaskExecutor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
