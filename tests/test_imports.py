"""Imports point one way: from the commands down to files and errors, and never in a circle."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("mmrec", "studies", "bookbuild")
ORDER = (
    ("mmrec",),
    ("mmrec.errors", "mmrec.environment", "mmrec.seeding"),
    ("mmrec.files",),
    ("mmrec.cache",),
    ("mmrec.layers", "mmrec.text"),
    ("mmrec.data",),
    ("mmrec.simulation", "mmrec.features"),
    ("mmrec.datasets",),
    ("mmrec.models",),
    ("mmrec.evaluation",),
    ("mmrec.lists", "mmrec.plots"),
    ("mmrec.commands",),
    ("mmrec.cli",),
    ("studies", "bookbuild"),
)
"""Packages and modules from the lowest level to the highest. Each imports only from levels below its own."""
TO_BOOKBUILD = {"mmrec.commands.book", "mmrec.commands.figures"}
"""The only modules of the package that may import ``bookbuild``, and only inside their functions: it is no part of
the wheel."""


def sources() -> dict[str, Path]:
    """Dotted name of every module -> its file."""
    found = {}
    for part in PARTS:
        for path in sorted((ROOT / part).rglob("*.py")):
            names = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(names[:-1] if names[-1] == "__init__" else names)] = path
    return found


def imports_of(tree: ast.AST, module: str, is_package: bool, known: Mapping[str, Path]) -> Iterator[tuple[str, int]]:
    """(imported module, line) of every import in a file, also inside functions and under conditions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module.split(".") if is_package else module.split(".")[:-1]
                base = ".".join([*package[: len(package) - node.level + 1], *([base] if base else [])])
            targets = [f"{base}.{alias.name}" if f"{base}.{alias.name}" in known else base for alias in node.names]
        else:
            continue
        for target in dict.fromkeys(targets):
            if target.split(".")[0] in PARTS:
                yield target, node.lineno


def graph() -> dict[str, dict[str, int]]:
    """Module -> module that it imports -> line of the import."""
    known = sources()
    found: dict[str, dict[str, int]] = {}
    for module, path in known.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        edges = imports_of(tree, module, path.name == "__init__.py", known)
        found[module] = {target: line for target, line in edges if target != module}
    return found


def level_of(module: str) -> tuple[int, str]:
    """The level of a module and the package or module of ``ORDER`` that it belongs to."""
    names = module.split(".")
    for size in range(len(names), 0, -1):
        name = ".".join(names[:size])
        for level, group in enumerate(ORDER):
            if name in group and (name != "mmrec" or module == "mmrec"):
                return level, name
    raise AssertionError(f"{module} has no level: enter it in ORDER of {Path(__file__).name}")


def upward(edges: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Imports from a level that is not below, between two packages of ``ORDER``."""
    wrong = []
    for module, targets in edges.items():
        level, part = level_of(module)
        for target, line in targets.items():
            above, other = level_of(target)
            to_bookbuild = module in TO_BOOKBUILD and other == "bookbuild"
            if part != other and above >= level and not to_bookbuild:
                wrong.append(f"{module}, line {line}: imports {target}, which is not below {part}")
    return wrong


def circles(edges: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Every circle of imports, one for each module that closes it, as ``a -> b -> a``."""
    found: list[str] = []
    done: set[str] = set()
    path: list[str] = []

    def visit(module: str) -> None:
        if module in path:
            found.append(" -> ".join([*path[path.index(module) :], module]))
        elif module not in done:
            path.append(module)
            for target in edges.get(module, ()):
                visit(target)
            path.pop()
            done.add(module)

    for module in edges:
        visit(module)
    return found


def test_no_circle():
    found = circles(graph())
    assert not found, "modules import each other:\n" + "\n".join(found)


def test_imports_point_down():
    wrong = upward(graph())
    assert not wrong, "upward imports (see ORDER):\n" + "\n".join(wrong)


def test_package_imports_bookbuild_inside_functions():
    """An import outside them would break the package where only the wheel is installed."""
    wrong = [
        f"{module}, line {line}: imports {target}"
        for module, path in sources().items()
        if module in TO_BOOKBUILD
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if not isinstance(node, ast.FunctionDef)
        for target, line in imports_of(node, module, False, {})
        if target.startswith("bookbuild")
    ]
    assert not wrong, "\n".join(wrong)


def test_simulator_imports_no_model():
    wrong = [
        f"{module}, line {line}: imports {target}"
        for module, targets in graph().items()
        if module.startswith("mmrec.simulation")
        for target, line in targets.items()
        if target.startswith(("mmrec.models", "mmrec.features", "mmrec.evaluation"))
    ]
    assert not wrong, "\n".join(wrong)


def test_no_two_modules_have_one_name():
    """Within the package; a command's module is called like the command."""
    places: dict[str, list[str]] = {}
    for module in sources():
        if module.startswith("mmrec.") and not module.startswith("mmrec.commands."):
            places.setdefault(module.rpartition(".")[2], []).append(module)
    same = [f"{name}: {', '.join(modules)}" for name, modules in places.items() if len(modules) > 1]
    assert not same, "\n".join(same)


def test_checks_find_what_they_look_for():
    assert circles({"a": {"b": 1}, "b": {"c": 2}, "c": {"a": 3}}) == ["a -> b -> c -> a"]
    assert len(upward({"mmrec.simulation.card": {"mmrec.models.base": 3}})) == 1
    assert len(upward({"mmrec.data.media": {"bookbuild.pages": 9}, "mmrec.text": {"studies.text": 1}})) == 2
    assert not upward({"mmrec.commands.book": {"bookbuild.pages": 9}, "mmrec.lists.export": {"mmrec.models.base": 1}})
    known = {"mmrec.data.media": ROOT, "mmrec.data": ROOT}
    tree = ast.parse("def f():\n    from mmrec.data import media\n    from . import split\n")
    found = list(imports_of(tree, "mmrec.features.store", False, known))
    assert found == [("mmrec.data.media", 2), ("mmrec.features", 3)]
