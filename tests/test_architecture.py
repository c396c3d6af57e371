"""docs/architecture.md is true: it lists every module in its room, and imports run down its floors only."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("kc_schema", "pipelines", "training")
PAGE = ROOT / "docs" / "architecture.md"

# A room's heading names its package in backticks; a row of its table begins with the names of its modules.
_HEADING = re.compile(r"^#+ `([\w.]+)`", re.MULTILINE)
_ROW = re.compile(r"^\| ((?:`[\w.]+`(?:, )?)+) \|", re.MULTILINE)


def modules():
    """Module name -> file; a package's ``__init__`` belongs to the package's name."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(name):
    """The project's modules that a module imports, also within functions and for type checking."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in MODULES else node.module)
    return {module for module in found if module in MODULES and module != name}


IMPORTS = {name: imports(name) for name in MODULES}


def sections():
    """(room, the modules that the page lists there), in the page's order: the top floor first.

    A room may have several sections, on floors of their own.
    """
    text = PAGE.read_text(encoding="utf-8")
    headings = list(_HEADING.finditer(text))
    ends = [*(heading.start() for heading in headings[1:]), len(text)] if headings else []
    found = []
    for heading, end in zip(headings, ends, strict=True):
        rows = _ROW.findall(text[heading.end() : end])
        found.append((heading[1], [name for row in rows for name in re.findall(r"`([\w.]+)`", row)]))
    return found


SECTIONS = sections()
FLOORS = {f"{room}.{name}": floor for floor, (room, names) in enumerate(reversed(SECTIONS)) for name in names}


def floor_of(module):
    """The floor on which a module stands; a package itself (its ``__init__``) on that of its highest section."""
    if module in FLOORS:
        return FLOORS[module]
    inside = [floor for name, floor in FLOORS.items() if name.startswith(f"{module}.")]
    return max(inside, default=len(SECTIONS))


def test_every_module_is_listed_in_its_room_and_nothing_else_is():
    there = {name for name, path in MODULES.items() if path.name != "__init__.py"}
    assert FLOORS.keys() - there == set(), "the page lists what is not there"
    assert there - FLOORS.keys() == set(), "the page does not list them"


def test_no_import_runs_up():
    up = [
        f"{name} imports {other}"
        for name, others in IMPORTS.items()
        for other in others
        if floor_of(other) > floor_of(name) and MODULES[other].name != "__init__.py"
    ]
    assert up == []


def test_no_modules_import_each_other_in_a_circle():
    done, path = set(), []

    def visit(name):
        if name in path:
            pytest.fail(" -> ".join([*path[path.index(name) :], name]))
        if name not in done:
            path.append(name)
            for other in sorted(IMPORTS[name]):
                visit(other)
            done.add(path.pop())

    for name in MODULES:
        visit(name)


@pytest.mark.parametrize(("package", "stranger"), [
    ("kc_schema", "pipelines"), ("kc_schema", "training"), ("training", "pipelines"), ("pipelines", "training"),
])  # fmt: skip
def test_packages_keep_apart(package, stranger):
    crossing = [
        f"{name} imports {other}"
        for name, others in IMPORTS.items()
        if name.split(".")[0] == package
        for other in others
        if other.split(".")[0] == stranger
    ]
    assert crossing == []


# Found when a command of the light side starts: none of these may be needed for it.
HEAVY = {"torch", "transformers", "faiss", "open_clip", "apache_beam", "PIL", "requests"}


def imports_at_the_top(name):
    tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
    found = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize(
    "command", ["pipelines.build_text_kc", "pipelines.index_text", "pipelines.search", "kc_schema.kc"]
)
def test_the_light_commands_start_without_the_heavy_extras(command):
    seen, todo = set(), [command]
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        found = imports_at_the_top(name)
        heavy = {module.split(".")[0] for module in found} & HEAVY
        assert not heavy, f"{name} imports {heavy} at its top"
        todo += [module for module in found if module in MODULES]
        todo += [".".join(name.split(".")[:n]) for n in range(1, name.count(".") + 1)]


def test_one_module_alone_knows_the_library_of_object_storage():
    knowing = {
        name
        for name, path in MODULES.items()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for module in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
        if module.split(".")[0] in {"obstore", "boto3", "fsspec", "s3fs", "gcsfs"}
    }
    assert knowing == {"kc_schema.store.object_storage"}


def test_no_two_public_names_are_the_same():
    homes = {}
    for name, path in MODULES.items():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(name)
    double = {thing: places for thing, places in homes.items() if len(places) > 1 and thing != "Options"}
    assert double == {}
