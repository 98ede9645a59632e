"""The command line: `smbo run job.yaml` and its companions."""

from smbo.cli.group import main

__all__ = ["main"]
