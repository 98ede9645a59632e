"""Tables of the bars on real data, from the kept rows.

python tests/benchmarks/tune/report.py
"""

from __future__ import annotations

import numpy as np
from events import mean_and_error, rows


def main() -> None:
    """Print F of default tune, floor and recommendations, and how far these are above the floor."""
    values: dict[str, list[float]] = {}
    for row in rows("checks"):
        values.setdefault(row["of"], []).append(row["value"])
    if "default" not in values:
        print("no check of the default tune yet: against_data.py check --who default")
        return
    default = float(np.mean(values["default"]))
    floors = [each for of, each in values.items() if of.startswith("floor")]
    floor = float(np.mean(floors[-1])) if floors else None
    print(f"default tune: F = {_text(values['default'])}")
    print(f"floor: F* = {_text(floors[-1])}" if floors else "floor: not measured yet (floor.py)")
    print("| who | evaluations | seeds | F, median (each) | (F - F*) / (F_default - F*), median, worst |")
    print("| --- | --- | --- | --- | --- |")
    groups: dict[tuple[str, int], list[float]] = {}
    for of, each in values.items():
        if of == "default" or of.startswith("floor"):
            continue
        who, _, n = of.split(" ")
        groups.setdefault((who, int(n)), []).append(float(np.mean(each)))
    for (who, n), means in sorted(groups.items()):
        shares = "not known"
        if floor is not None:
            above = (np.array(means) - floor) / (default - floor)
            shares = f"{np.median(above):.2f}, {above.max():.2f}"
        listed = ", ".join(f"{mean:.3f}" for mean in means)
        print(f"| {who} | {n} | {len(means)} | {np.median(means):.3f} ({listed}) | {shares} |")


def _text(values: list[float]) -> str:
    if len(values) < 2:
        return f"{values[0]:.4f} (one run)"
    return "{:.4f} ± {:.4f}".format(*mean_and_error(values))


if __name__ == "__main__":
    main()
