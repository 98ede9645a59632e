"""Named clusters: `cluster: mysite`, from a file of the user's or of the site's.

A file maps names to what would stand under `cluster:` in a job file; the first that knows a name counts.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from smbo.cli.job.document import Document, read_document
from smbo.cli.job.words import close_matches
from smbo.errors import JobFileError
from smbo_scheduler.clusters.specs import BatchSystem

VARIABLE = "SMBO_CLUSTERS"  # the path of a site's file, set by a module or a login script
WORDS = ("serial", "local", "allocation")  # of `cluster:`, which no profile can be called
_FILE = Path("smbo") / "clusters.yaml"


@dataclass(frozen=True)
class Profile:
    """A named cluster and the file that it comes from."""

    name: str
    cluster: Mapping[str, Any]
    file: Path


def profile_files() -> list[Path]:
    """Return where profiles are looked for: the user's file, then the site's."""
    get = os.environ.get
    own = Path(get("XDG_CONFIG_HOME") or Path.home() / ".config")
    of_the_site = [Path(place) for place in (get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep) if place]
    named = [Path(path) for path in get(VARIABLE, "").split(os.pathsep) if path]
    return [own / _FILE, *named, *(place / _FILE for place in of_the_site), Path("/etc") / _FILE]


def read_profiles() -> list[Profile]:
    """Return all profiles; of those with one name, the first.

    Raises:
        JobFileError: a file cannot be read, a name is a word of `cluster:`, or a profile is no mapping.
    """
    found: dict[str, Profile] = {}
    for path in profile_files():
        if not path.exists() and str(path) not in os.environ.get(VARIABLE, "").split(os.pathsep):
            continue
        document = read_document(path)
        for name, cluster in document.data.items():
            if name in WORDS:
                raise JobFileError(
                    f"{document.place((name,))}: {name!r} means something else under `cluster:`"
                )
            if not isinstance(cluster, Mapping):
                raise JobFileError(
                    f"{document.place((name,))}: a profile is what stands under `cluster:`, such as "
                    f"{{slurm: {{partition: main, memory: 4GB}}}}; got {cluster!r}"
                )
            found.setdefault(str(name), Profile(str(name), cluster, path))
    return list(found.values())


def with_profile(document: Document) -> tuple[Document, Profile | None]:
    """Return a document with the cluster that it names in place of the name, and the profile.

    `cluster: mysite` takes a profile as it is; `{profile: mysite, slurm: {workers: 4}}` changes keys.

    Raises:
        JobFileError: no file knows the name; the message says which files were looked at.
    """
    given = document.data.get("cluster")
    is_named = isinstance(given, str) and given not in WORDS
    changes: Mapping[str, Any] = {}
    if isinstance(given, Mapping) and "profile" in given:
        changes = {key: value for key, value in given.items() if key != "profile"}
        given, is_named = given["profile"], True
    if not is_named:
        return document, None
    place = document.place(("cluster",))
    if not isinstance(given, str):
        raise JobFileError(f"{place}.profile: a profile has a name; got {given!r}")
    profiles = {profile.name: profile for profile in read_profiles()}
    if given not in profiles:
        looked = ", ".join(str(path) for path in profile_files())
        meant = close_matches(given, [*profiles, *WORDS])
        there = f"; there are {', '.join(sorted(profiles))}" if profiles and not meant else ""
        if given.lower() in get_args(BatchSystem):
            meant = f"; write {{{given.lower()}: {{workers: 20, memory: 2GB, walltime: 2h}}}} or a name"
        raise JobFileError(f"{place}: {given[:60]!r} is no cluster{meant}{there} (looked in {looked})")
    profile = profiles[given]
    data = {**document.data, "cluster": _merged(profile.cluster, changes)}
    return Document(document.name, data, document.lines), profile


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping with changed keys; mappings within are merged in turn, anything else is replaced."""
    merged = dict(base)
    for key, value in changes.items():
        before = merged.get(key)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            merged[key] = _merged(before, value)
        else:
            merged[key] = value
    return merged
