"""The job of a study, kept in its store, so that `smbo resume NAME` needs no file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smbo.errors import StoreError
from smbo.problem.stored_names import with_new_keys
from smbo.store.connect import masked
from smbo.study import Study

_KIND = "job"


def keep_job(study: Study, job: Mapping[str, Any], folder: Path) -> None:
    """Keep the job in the study's store, unless it is the one kept last."""
    kept = dict(job)
    if kept.get("store") is not None:  # no password is written down; `smbo resume` is given the URL anyway
        kept["store"] = masked(kept["store"])
    payload = {"job": kept, "folder": str(folder.resolve())}
    if _latest(study) != payload:
        study._driver.store.add_event(study._driver.id, _KIND, payload)


def stored_job(study: Study) -> tuple[dict[str, Any], Path]:
    """Return the job that a study was last run with, and the folder its modules are in.

    Raises:
        StoreError: it was never run from the command line.
    """
    payload = _latest(study)
    if payload is None:
        raise StoreError(
            f"study {study.name} was not run by `smbo run`, so its store does not know its objective; "
            "run it with a job file"
        )
    return payload["job"], Path(payload["folder"])


def fixed_before(study: Study) -> dict[str, Any] | None:
    """Return the values that the study's last run fixed; None before the first run."""
    payload = _latest(study)
    return None if payload is None else dict(payload["job"].get("fixed") or {})


def _latest(study: Study) -> dict[str, Any] | None:
    found = study._driver.store.events(study._driver.id, kind=_KIND)
    if not found:
        return None
    payload = dict(json.loads(found[-1].payload))
    return {**payload, "job": with_new_keys(payload["job"])}
