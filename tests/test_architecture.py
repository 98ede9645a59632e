"""Imports point down: every import of the three packages is read and held against the floors below.

The floors follow docs/architecture.md and list folders, not files.  A module may import what stands on
its own floor or below it, and no chain of imports, between modules or between folders, may lead back to
where it began.  Type-only imports and imports inside functions count like any other.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# where each package lies below the root
PACKAGES = {"smbo": ".", "smbo_scheduler": "scheduler", "smbo_objectives": "objectives"}

# Ground first; a folder stands for all that it holds.
SMBO_FLOORS: tuple[tuple[str, ...], ...] = (
    ("smbo.errors", "smbo.training_data", "smbo.plain_values", "smbo.frozen"),
    ("smbo.space", "smbo.trial"),
    ("smbo.fidelity",),
    ("smbo.problem", "smbo.store"),
    ("smbo.surrogates", "smbo.history"),
    ("smbo.acquisition", "smbo.tuning"),
    ("smbo.proposal",),
    ("smbo.analysis",),
    ("smbo.optimizer", "smbo.plots"),
    ("smbo.study", "smbo.search_cv", "smbo.integrations", "smbo.report"),
    ("smbo", "smbo.cli", "smbo.service"),
)
# smbo_scheduler knows nothing of smbo; these carry trials to it and outcomes back
MAY_IMPORT_SCHEDULER = ("smbo.study", "smbo.search_cv", "smbo.cli")
# an objective, ours or a stranger's, needs to know what is to be solved and nothing of how
OBJECTIVES_MAY_IMPORT = ("smbo.problem", "smbo.space")

Imports = Mapping[str, frozenset[str]]


def modules_of(root: Path, packages: Mapping[str, str]) -> dict[str, Path]:
    """Return every module below ``root`` by its dotted name."""
    found = {}
    for package, folder in packages.items():
        for path in sorted((root / folder / package).rglob("*.py")):
            parts = path.relative_to(root / folder).with_suffix("").parts
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
    return next((number for number, floor in enumerate(SMBO_FLOORS) if room_of(module) in floor), None)


def room_of(module: str) -> str:
    """Return the folder, or the file beside the folders, of a module; of another package the package."""
    package, *rest = module.split(".")
    return ".".join([package, *rest[:1]]) if package == "smbo" else package


def between_rooms(imports: Imports) -> dict[str, frozenset[str]]:
    """Return which rooms each room imports."""
    rooms: dict[str, set[str]] = {}
    for module, targets in imports.items():
        rooms.setdefault(room_of(module), set()).update(map(room_of, targets))
    return {room: frozenset(targets - {room}) for room, targets in rooms.items()}


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
            elif package == "smbo" and other == "smbo_scheduler":
                if _within(module, MAY_IMPORT_SCHEDULER):
                    continue
                lines.append(f"{module} imports {target}; only {MAY_IMPORT_SCHEDULER} reach the scheduler")
            elif package == "smbo" and other == "smbo_objectives":
                lines.append(f"{module} imports {target}; objectives are found by their entry points")
            elif package == "smbo_scheduler" and other != "smbo_scheduler":
                lines.append(f"{module} imports {target}; the scheduler knows nothing of the other packages")
            elif package == "smbo_objectives" and other == "smbo_scheduler":
                lines.append(f"{module} imports {target}; an objective does not know where it runs")
            elif package == "smbo_objectives" and other == "smbo":
                if _within(target, OBJECTIVES_MAY_IMPORT):
                    continue
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


# the parts of a recipe: what they can do they say themselves (`serves`, and the abilities in their base)
PARTS = ("smbo.surrogates", "smbo.acquisition")


def concrete_parts(modules: Mapping[str, Path]) -> dict[str, str]:
    """Return the classes below ``PARTS`` that are no protocols, and the folder in which each is at home."""
    return {
        node.name: name.rpartition(".")[0]
        for name, path in modules.items()
        if _within(name, PARTS)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef) and "Protocol" not in map(_last_name, node.bases)
    }


def questions_of_type(name: str, path: Path, parts: Mapping[str, str]) -> list[str]:
    """Return one line for each place where a module asks whether something is of a concrete part's class."""
    tree = ast.parse(path.read_text())
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    imported = {
        alias.asname: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname
    }
    asked: list[ast.expr] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _last_name(node.func) in ("isinstance", "issubclass"):
            asked += node.args[1:]
        elif isinstance(node, ast.MatchClass):
            asked.append(node.cls)
        elif isinstance(node, ast.Compare) and _last_name(getattr(node.left, "func", node.left)) == "type":
            asked += node.comparators
    names = [
        _last_name(each)
        for expression in asked
        for each in ast.walk(expression)
        if isinstance(each, ast.Name | ast.Attribute)
    ]
    found = [imported.get(each, each) for each in names]
    return [
        f"{name} asks for the type {each}: let the part say what it can do"
        for each in found
        if each in parts and each not in own and not _within(name, [parts[each]])
    ]


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Subscript):
        node = node.value
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def read_questions(root: Path) -> list[str]:
    modules = modules_of(root, PACKAGES)
    parts = concrete_parts(modules)
    return [line for name, path in modules.items() for line in questions_of_type(name, path, parts)]


def read_imports(root: Path) -> dict[str, frozenset[str]]:
    modules = modules_of(root, PACKAGES)
    return {name: imports_of(name, path, modules) for name, path in modules.items()}


def test_every_import_points_down() -> None:
    imports = read_imports(ROOT)
    assert {"smbo.errors", "smbo_scheduler.jobs", "smbo_objectives"} <= imports.keys()
    assert complaints(imports) == []


def test_no_chain_of_imports_leads_back() -> None:
    imports = read_imports(ROOT)
    assert circle(imports) is None
    # the package itself hands names on lazily, which nobody inside uses
    assert circle({room: to for room, to in between_rooms(imports).items() if room != "smbo"}) is None


def test_the_house_has_at_most_twenty_four_rooms() -> None:
    rooms = between_rooms(read_imports(ROOT)).keys() - {"smbo"}
    assert 20 <= len(rooms) <= 24


def test_a_planted_circle_of_folders_on_one_floor_is_caught(tmp_path: Path) -> None:
    plant(tmp_path, "smbo/surrogates/base.py", "import smbo.history.table")
    for file, text in (("table.py", ""), ("encode.py", "import smbo.surrogates.gp")):
        (tmp_path / "smbo/history").mkdir(exist_ok=True)
        imports = plant_more(tmp_path, f"smbo/history/{file}", text)
    assert complaints(imports) == []
    assert circle(imports) is None
    assert circle(between_rooms(imports)) == ["smbo.history", "smbo.surrogates", "smbo.history"]


def test_nobody_asks_for_the_concrete_type_of_a_part_outside_its_folder() -> None:
    assert {"GP", "GPPosterior", "Subset", "ThompsonSampling"} <= concrete_parts(
        modules_of(ROOT, PACKAGES)
    ).keys()
    assert read_questions(ROOT) == []


QUESTIONS = {
    "plain": "from smbo.surrogates.gp import GP\nis_gp = isinstance(x, GP)",
    "one of several": "from smbo.surrogates.gp import GP\nis_gp = isinstance(x, (int, GP | str))",
    "through a module": "import smbo.surrogates.gp as gp\nis_gp = issubclass(x, gp.GP)",
    "under another name": "from smbo.surrogates.gp import GP as Process\nis_gp = isinstance(x, Process)",
    "by type": "from smbo.surrogates.gp import GP\nis_gp = type(x) is GP",
    "by a pattern": "from smbo.surrogates.gp import GP\nmatch x:\n    case GP():\n        pass",
}


@pytest.mark.parametrize("text", QUESTIONS.values(), ids=QUESTIONS.keys())
def test_a_planted_question_for_a_concrete_type_is_caught(tmp_path: Path, text: str) -> None:
    plant(tmp_path, "smbo/surrogates/base.py", "from typing import Protocol\nclass Surrogate(Protocol): ...")
    plant_more(tmp_path, "smbo/surrogates/gp/gp.py", "class GP: ...\nis_gp = isinstance(x, GP)")
    plant_more(tmp_path, "smbo/space/space.py", "is_surrogate = isinstance(x, Surrogate)")
    assert read_questions(tmp_path) == []
    plant_more(tmp_path, "smbo/optimizer.py", text)
    (found,) = read_questions(tmp_path)
    assert found.startswith("smbo.optimizer asks for the type GP")


def test_every_floor_is_named_once() -> None:
    names = [name for floor in SMBO_FLOORS for name in floor]
    assert len(names) == len(set(names))


PLANTED = {
    "plain": ("smbo/space/space.py", "import smbo.optimizer"),
    "from a package": ("smbo/space/space.py", "from smbo import optimizer"),
    "type-only": (
        "smbo/space/space.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from smbo.optimizer import Optimizer",
    ),
    "lazy": ("smbo/space/space.py", "def f():\n    from smbo.optimizer import Optimizer"),
    "relative": ("smbo/surrogates/base.py", "from ..optimizer import Optimizer"),
    "by name": ("smbo/space/space.py", "import importlib\nimportlib.import_module('smbo.optimizer')"),
    "through the front door": ("smbo/space/space.py", "from smbo import Optimizer"),
    "scheduler to smbo": ("scheduler/smbo_scheduler/loop.py", "from smbo.errors import SmboError"),
    "optimizer to scheduler": ("smbo/optimizer.py", "from smbo_scheduler.jobs import Job"),
    "objective to study": ("objectives/smbo_objectives/mine.py", "from smbo.optimizer import Optimizer"),
    "study to objective": ("smbo/optimizer.py", "import smbo_objectives.mine"),
    "a module without a floor": ("smbo/novelty.py", "x = 1"),
}


def plant(root: Path, file: str, text: str) -> dict[str, frozenset[str]]:
    """Lay out a small house with one file of the given text; return its imports."""
    for name in (
        "smbo/__init__.py",
        "smbo/errors.py",
        "smbo/space/__init__.py",
        "smbo/space/space.py",
        "smbo/optimizer.py",
        "smbo/surrogates/__init__.py",
        "smbo/surrogates/base.py",
        "scheduler/smbo_scheduler/__init__.py",
        "scheduler/smbo_scheduler/jobs.py",
        "scheduler/smbo_scheduler/loop.py",
        "objectives/smbo_objectives/__init__.py",
        "objectives/smbo_objectives/mine.py",
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
    assert Path(file).stem in found[0]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("smbo/optimizer.py", "from smbo.space.space import Space"),
        ("smbo/optimizer.py", "import numpy"),
        ("objectives/smbo_objectives/mine.py", "from smbo.space.space import Space"),
    ],
)
def test_an_import_that_points_down_passes(tmp_path: Path, file: str, text: str) -> None:
    assert complaints(plant(tmp_path, file, text)) == []


def test_a_planted_circle_is_caught(tmp_path: Path) -> None:
    plant(tmp_path, "scheduler/smbo_scheduler/jobs.py", "def f():\n    import smbo_scheduler.loop")
    imports = plant_more(tmp_path, "scheduler/smbo_scheduler/loop.py", "from smbo_scheduler.jobs import Job")
    assert circle(imports) == ["smbo_scheduler.jobs", "smbo_scheduler.loop", "smbo_scheduler.jobs"]


def plant_more(root: Path, file: str, text: str) -> dict[str, frozenset[str]]:
    (root / file).parent.mkdir(exist_ok=True)
    (root / file).write_text(text + "\n")
    return read_imports(root)
