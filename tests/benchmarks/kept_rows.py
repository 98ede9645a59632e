"""Rows of benchmark runs: lines of JSON, those of each benchmark in one compressed file, NAME/rows.jsonl.gz.

    python tests/benchmarks/kept_rows.py tests/benchmarks/pareto/rows.jsonl.gz      # print the rows
    python tests/benchmarks/kept_rows.py --pack tests/benchmarks/pareto/rows.jsonl.gz [MORE FILES]

A row is appended as a gzip member of its own, which is written at once and compresses badly; ``--pack``
compresses all rows of the files together into the first one.  Do that before a commit.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def read_rows(*files: Path) -> list[dict[str, Any]]:
    """Return the rows of the files (compressed where the name ends in ".gz"), none of a missing file."""
    lines: list[str] = []
    for file in files:
        if file.exists():
            packed = file.read_bytes()
            lines += (gzip.decompress(packed) if file.suffix == ".gz" else packed).decode().splitlines()
    return [json.loads(line) for line in lines]


def append_row(file: Path, row: Mapping[str, Any]) -> None:
    """Append one row to a file, compressed where its name ends in ".gz"."""
    line = (json.dumps(row) + "\n").encode()
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab") as stream:
        stream.write(gzip.compress(line, mtime=0) if file.suffix == ".gz" else line)


def pack(file: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Replace a file by all rows compressed together; the same rows give the same bytes."""
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    part = file.with_name(file.name + ".part")
    part.write_bytes(gzip.compress(lines.encode(), mtime=0))
    part.replace(file)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--pack", action="store_true", help="compress all rows into the first file")
    arguments = parser.parse_args()
    rows = read_rows(*arguments.files)
    if arguments.pack:
        pack(arguments.files[0], rows)
    else:
        print("\n".join(json.dumps(row) for row in rows))


if __name__ == "__main__":
    main()
