"""The job of a study, kept in its store, so that `smbo resume NAME` needs no file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from smbo.errors import DamagedStore, StoreError
from smbo.problem import HasFiles
from smbo.problem.stored_names import with_new_keys
from smbo.store.connect import masked
from smbo.study import Study

_KIND = "job"


def keep_job(study: Study, job: Mapping[str, Any], folder: Path, objective: object = None) -> None:
    """Keep the job in the study's store, unless it is the one kept last.

    Args:
        objective: whose files are kept as digests, if it names any.
    """
    kept = dict(job)
    if kept.get("store") is not None:  # no password is written down; `smbo resume` is given the URL anyway
        kept["store"] = masked(kept["store"])
    if kept.get("spool") is not None:  # results that wait there are looked for from other folders too
        kept["spool"] = str(Path(kept["spool"]).absolute())
    payload = {"job": kept, "folder": str(folder.resolve()), **_files(objective, folder)}
    if _latest(study) != payload:
        study._driver.store.add_event(study._driver.id, _KIND, payload)


def objective_changes(study: Study, job: Mapping[str, Any], folder: Path, objective: object) -> list[str]:
    """Return what of a study's objective differs from its last run, in words: settings and files."""
    before = _latest(study)
    if before is None:
        return []
    old, new = before["job"].get("objective"), job.get("objective")
    found = [] if old == new else [f"its section was {_short(old)} and is {_short(new)}"]
    digests, now = before.get("files", {}), _files(objective, folder).get("files", {})
    found += [f"{name} was changed" for name in now if name in digests and digests[name] != now[name]]
    return found


def _files(objective: object, folder: Path) -> dict[str, Any]:
    """Return digests of an objective's files by their paths, relative to the job's folder if below it."""
    if not isinstance(objective, HasFiles):
        return {}
    found = {}
    for path in objective.files():
        with suppress(OSError):
            name = path.resolve()
            short = name.relative_to(folder.resolve()) if name.is_relative_to(folder.resolve()) else name
            found[str(short)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"files": found}


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 120 else f"{text[:117]}..."


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


def spool_folders(study: Study) -> list[Path]:
    """Return where results of a study may wait: beside its store, and where its runs were told to."""
    beside_the_store = study._driver.spool_folder
    jobs = [payload["job"] for payload in _kept(study)]
    named = [Path(job["spool"]) / beside_the_store.name for job in jobs if job.get("spool") is not None]
    return list(dict.fromkeys([beside_the_store, *named]))


def fixed_before(study: Study) -> dict[str, Any] | None:
    """Return the values that the study's last run fixed; None before the first run."""
    payload = _latest(study)
    return None if payload is None else dict(payload["job"].get("fixed") or {})


def _latest(study: Study) -> dict[str, Any] | None:
    found = _kept(study)
    if not found:
        return None
    payload = found[-1]
    return {**payload, "job": with_new_keys(payload["job"])}


def _kept(study: Study) -> Sequence[dict[str, Any]]:
    """Return what was kept of each of a study's jobs, the latest last.

    Raises:
        DamagedStore: it is not of the form that ``keep_job`` writes.
    """
    found = []
    for event in study._driver.store.events(study._driver.id, kind=_KIND):
        payload = dict(json.loads(event.payload))
        job, folder = payload.get("job"), payload.get("folder")
        is_whole = isinstance(job, dict) and isinstance(job.get("spool"), str | None)
        if not is_whole or not isinstance(folder, str):
            raise DamagedStore(
                f"study {study.name}, event {event.seq}: column payload holds {event.payload[:80]!r}; the "
                "job of a run is needed; go on from a backup"
            )
        found.append(payload)
    return found
