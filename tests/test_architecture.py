"""Imports point down: every import of the three packages is read and held against the floors below.

The floors follow docs/architecture.md.  A module may import what stands on its own floor or below
it, and no chain of imports may lead back to where it began.  Type-only imports and imports inside
functions count like any other.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("smbo", "scheduler", "objectives")

# Ground first.  "smbo.store" stands for the package and everything in it.
SMBO_FLOORS: tuple[tuple[str, ...], ...] = (
    ("smbo.errors",),
    ("smbo.plain",),
    ("smbo.transforms", "smbo.expressions", "smbo.designs", "smbo.evidence"),
    (
        "smbo.enough",
        "smbo.beliefs",
    ),
    ("smbo.choices", "smbo.repeats"),
    ("smbo.hypervolume",),
    ("smbo.fidelity",),
    ("smbo.losses", "smbo.level_sets", "smbo.surrogates", "smbo.slacks", "smbo.goals"),
    ("smbo.dimensions", "smbo.forms", "smbo.rules"),
    ("smbo.space", "smbo.trials"),
    ("smbo.acquisition", "smbo.maximize", "smbo.guidance", "smbo.fixing"),
    ("smbo.batch", "smbo.new_points"),
    ("smbo.trust_region",),
    ("smbo.selection", "smbo.replication"),
    ("smbo.recipe",),
    ("smbo.outcome", "smbo.charts"),
    ("smbo.objective",),
    ("smbo.problem", "smbo.auto", "smbo.earlier"),
    ("smbo.informed", "smbo.recommendation"),
    ("smbo.propose", "smbo.presets"),
    (
        "smbo.judging",
        "smbo.climbing",
        "smbo.weighing",
        "smbo.weighing_outputs",
        "smbo.explain",
        "smbo.results",
    ),
    ("smbo.derived",),
    ("smbo.ending", "smbo.tuning", "smbo.contours", "smbo.pareto"),
    ("smbo.columns",),
    ("smbo.optimizer",),
    ("smbo.store", "smbo.evaluation"),
    (
        "smbo.study.proposals",
        "smbo.study.crew",
        "smbo.study.outcomes",
        "smbo.study.reports",
        "smbo.study.stored",
        "smbo.study.importing",
    ),
    ("smbo.study.ahead", "smbo.study.replay", "smbo.study.outbox", "smbo.study.log"),
    ("smbo.study.asking", "smbo.study.runnable"),
    ("smbo.study.source",),
    ("smbo.study.run",),
    ("smbo.study",),
    ("smbo.analysis",),
    ("smbo.report.wording",),
    ("smbo.report.wording_tune",),
    ("smbo.plots",),
    ("smbo.report.page",),
    ("smbo.report.tune", "smbo.report.contours", "smbo.report.pareto", "smbo.report.feasibility"),
    ("smbo.report",),
    ("smbo.search_cv",),
    ("smbo",),  # the front door: who is inside does not go through it
    ("smbo.cli",),
)

# scheduler/ knows nothing of smbo; these few carry trials to it and outcomes back
MAY_IMPORT_SCHEDULER = (
    "smbo.study.reports",
    "smbo.evaluation",
    "smbo.study.study",
    "smbo.study.crew",
    "smbo.study.outbox",
    "smbo.study.outcomes",
    "smbo.study.source",
    "smbo.study.run",
    "smbo.search_cv",
    "smbo.cli",
)
# an objective, ours or a stranger's, needs to know what is to be solved and nothing of how
OBJECTIVES_MAY_IMPORT = ("smbo.problem", "smbo.space")

Imports = Mapping[str, frozenset[str]]


def modules_of(root: Path, packages: Iterable[str]) -> dict[str, Path]:
    """Return every module below ``root`` by its dotted name."""
    found = {}
    for package in packages:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_of(name: str, path: Path, modules: Iterable[str]) -> frozenset[str]:
    """Return which of ``modules`` the module imports, anywhere in its text."""
    known = set(modules)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    targets: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            targets.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, base] if base else parents)
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                targets.add(inner if inner in known else base)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            function = node.func
            called = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            if called == "import_module" and isinstance(node.args[0].value, str):
                targets.add(node.args[0].value)
    return frozenset(_nearest(target, known) for target in targets) - {name, ""}


def _nearest(target: str, known: set[str]) -> str:
    """Return the module of ours that a dotted name leads to, "" for other people's."""
    while target and target not in known:
        target = target.rpartition(".")[0]
    return target


def floor_of(module: str) -> int | None:
    """Return the number of a module's floor, None if it has no place yet."""
    if module == "smbo":
        return next(i for i, floor in enumerate(SMBO_FLOORS) if "smbo" in floor)
    for number, floor in enumerate(SMBO_FLOORS):
        if any(module == entry or module.startswith(entry + ".") for entry in floor if entry != "smbo"):
            return number
    return None


def _within(module: str, entries: Iterable[str]) -> bool:
    return any(module == entry or module.startswith(entry + ".") for entry in entries)


def complaints(imports: Imports) -> list[str]:
    """Return one line for each import that the floors forbid."""
    lines = []
    for module, targets in sorted(imports.items()):
        package = module.partition(".")[0]
        if package == "smbo" and floor_of(module) is None:
            lines.append(f"{module} has no floor: give it one in {Path(__file__).name}")
            continue
        for target in sorted(targets):
            other = target.partition(".")[0]
            if package == "smbo" and other == "smbo":
                above, below = floor_of(module), floor_of(target)
                if above is not None and below is not None and below > above:
                    lines.append(f"{module} (floor {above}) imports {target} (floor {below}), which is above")
            elif package == "smbo" and other == "scheduler" and not _within(module, MAY_IMPORT_SCHEDULER):
                lines.append(f"{module} imports {target}; only {MAY_IMPORT_SCHEDULER} reach the scheduler")
            elif package == "smbo" and other == "objectives":
                lines.append(f"{module} imports {target}; objectives are found by their entry points")
            elif package == "scheduler" and other != "scheduler":
                lines.append(f"{module} imports {target}; the scheduler knows nothing of the other packages")
            elif package == "objectives" and other == "scheduler":
                lines.append(f"{module} imports {target}; an objective does not know where it runs")
            elif package == "objectives" and other == "smbo" and target not in OBJECTIVES_MAY_IMPORT:
                lines.append(f"{module} imports {target}; objectives import {OBJECTIVES_MAY_IMPORT} only")
    return lines


def circle(imports: Imports) -> list[str] | None:
    """Return a chain of imports that ends where it began, None if there is none."""
    done: set[str] = set()

    def visit(module: str, chain: list[str]) -> list[str] | None:
        if module in chain:
            return [*chain[chain.index(module) :], module]
        if module in done:
            return None
        for target in sorted(imports.get(module, ())):
            found = visit(target, [*chain, module])
            if found:
                return found
        done.add(module)
        return None

    for module in sorted(imports):
        found = visit(module, [])
        if found:
            return found
    return None


def read_imports(root: Path) -> dict[str, frozenset[str]]:
    modules = modules_of(root, PACKAGES)
    return {name: imports_of(name, path, modules) for name, path in modules.items()}


def test_every_import_points_down() -> None:
    imports = read_imports(ROOT)
    assert {"smbo.errors", "scheduler.jobs", "objectives"} <= imports.keys()
    assert complaints(imports) == []


def test_no_chain_of_imports_leads_back() -> None:
    assert circle(read_imports(ROOT)) is None


def test_every_floor_is_named_once() -> None:
    names = [name for floor in SMBO_FLOORS for name in floor]
    assert len(names) == len(set(names))


PLANTED = {
    "plain": ("smbo/space.py", "import smbo.optimizer"),
    "from a package": ("smbo/space.py", "from smbo import optimizer"),
    "type-only": (
        "smbo/space.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from smbo.optimizer import Optimizer",
    ),
    "lazy": ("smbo/space.py", "def f():\n    from smbo.optimizer import Optimizer\n    return Optimizer"),
    "relative": ("smbo/surrogates/gp.py", "from ..optimizer import Optimizer"),
    "by name": ("smbo/space.py", "import importlib\nimportlib.import_module('smbo.optimizer')"),
    "through the front door": ("smbo/space.py", "from smbo import Optimizer"),
    "scheduler to smbo": ("scheduler/loop.py", "from smbo.errors import SmboError"),
    "optimizer to scheduler": ("smbo/optimizer.py", "from scheduler.jobs import Job"),
    "objective to study": ("objectives/mine.py", "from smbo.optimizer import Optimizer"),
    "study to objective": ("smbo/optimizer.py", "import objectives.mine"),
    "a module without a floor": ("smbo/novelty.py", "x = 1"),
}


def plant(root: Path, file: str, text: str) -> dict[str, frozenset[str]]:
    """Lay out a small house with one file of the given text; return its imports."""
    for name in (
        "smbo/__init__.py",
        "smbo/errors.py",
        "smbo/space.py",
        "smbo/optimizer.py",
        "smbo/surrogates/__init__.py",
        "smbo/surrogates/gp.py",
        "scheduler/__init__.py",
        "scheduler/jobs.py",
        "scheduler/loop.py",
        "objectives/__init__.py",
        "objectives/mine.py",
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (root / file).write_text(text + "\n")
    return read_imports(root)


@pytest.mark.parametrize(("file", "text"), PLANTED.values(), ids=PLANTED.keys())
def test_a_planted_forbidden_import_is_caught(tmp_path: Path, file: str, text: str) -> None:
    found = complaints(plant(tmp_path, file, text))
    assert len(found) == 1
    assert file.removesuffix(".py").replace("/", ".") in found[0]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("smbo/optimizer.py", "from smbo.space import Space"),
        ("smbo/optimizer.py", "import numpy"),
        ("objectives/mine.py", "from smbo.space import Space"),
    ],
)
def test_an_import_that_points_down_passes(tmp_path: Path, file: str, text: str) -> None:
    assert complaints(plant(tmp_path, file, text)) == []


def test_a_planted_circle_is_caught(tmp_path: Path) -> None:
    plant(tmp_path, "scheduler/jobs.py", "def f():\n    import scheduler.loop")
    imports = plant_more(tmp_path, "scheduler/loop.py", "from scheduler.jobs import Job")
    assert circle(imports) == ["scheduler.jobs", "scheduler.loop", "scheduler.jobs"]


def plant_more(root: Path, file: str, text: str) -> dict[str, frozenset[str]]:
    (root / file).write_text(text + "\n")
    return read_imports(root)
