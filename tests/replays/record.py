"""Record what smbo proposes and answers, so that two checkouts can be compared bit for bit by compare.py.

    PYTHON tests/replays/record.py OUT.json [--only TEXT]
    PYTHON tests/replays/record.py --list

PYTHON is the interpreter of the checkout to be recorded.  Every recipe is played on every kind of problem, in
memory; then durable studies, files of earlier versions, job files and the search estimator (five minutes of
processor time in all).

A recording is {scenario: {"exact": [[label, value], ...], "words": [[label, text], ...]}}.  "exact" holds
all that must be the same to the last bit: points (floats as float.hex()), fidelities, results, a digest of
the memory's numbers, recommendations, tables, fronts, contours, tunes.  "words" holds texts, in which a
renamed class may show.
"""

from __future__ import annotations

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(
        _variable, "1"
    )  # before numpy is imported: sums of another order have other last bits

import argparse
import json
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jobs
import numpy as np
import scenarios
import scipy
import studies
from recording import SCENARIOS, Tape

import smbo

for _module in (scenarios, studies, jobs):
    _module.add()


def record(names: Iterable[str]) -> dict[str, Any]:
    """Play scenarios and return their recordings; one that raises is recorded as broken."""
    recorded = {}
    for name in names:
        tape = Tape()
        try:
            SCENARIOS[name](tape)
        except Exception:
            tape.put("broke", True)
            tape.say("broke", traceback.format_exc())
        recorded[name] = {"exact": tape.exact, "words": tape.words}
    return recorded


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", nargs="?", type=Path)
    parser.add_argument("--only", metavar="TEXT", default="", help="scenarios whose name holds this")
    parser.add_argument("--list", action="store_true", help="print the scenarios' names")
    options = parser.parse_args()
    names = [name for name in SCENARIOS if options.only in name]
    if options.list:
        print("\n".join(names))
        return
    if options.out is None:
        parser.error("OUT.json is missing")
    versions = {"python": sys.version.split()[0], "numpy": np.__version__, "scipy": scipy.__version__}
    meta = {"package": str(Path(smbo.__file__).parent), **versions, "only": options.only}
    recorded = record(names)
    options.out.write_text(json.dumps({"meta": meta, "scenarios": recorded}, indent=0))
    broken = [name for name, each in recorded.items() if ["broke", True] in each["exact"]]
    print(f"{len(recorded)} scenarios of {meta['package']}; broken: {', '.join(broken) or 'none'}")
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
