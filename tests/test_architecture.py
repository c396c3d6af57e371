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


# What opens, lists, links or removes by a path of this machine; `kc_schema.store` does the same also in object storage.
_LOCAL_MODULES = {"glob", "shutil", "tempfile", "fcntl"}
_LOCAL_OF_OS = {
    *("walk", "scandir", "listdir", "link", "symlink", "rename", "replace", "remove", "unlink", "makedirs", "mkdir"),
    *("rmdir", "open", "stat", "lstat", "access", "utime", "statvfs", "chmod", "readlink"),
}  # fmt: skip
_OPENERS = {"memory_map", "OSFile", "read_index", "write_index", "new_file", "open_file", "memmap", "connect"}
_WITHOUT_PATHS = {"glob.has_magic", "shutil.which"}
_RUNS = "a run of the training lies on this machine; `training.config` refuses an address"
LOCAL_ONLY = {
    "kc_schema.command": ("os.open", "the null device"),
    "pipelines.dump.download.fetch": ("shutil.disk_usage", "free room of a disk; a bucket has no end"),
    "pipelines.dump.parts": ("os.", "what is no address; names of files that no path could spell"),
    "pipelines.forecast.text": ("tempfile.", "a sample that is thrown away"),
    "pipelines.page_index.lookup": ("tempfile.", "an index for this process alone"),
    "pipelines.refresh": ("shutil.disk_usage", "free room of a disk; a bucket has no end"),
    "pipelines.snapshots.images": ("shutil.", "a root on a disk; objects are copied by the server"),
    "pipelines.snapshots.sharing": ("os.link", "hard links of a disk; objects have one name"),
    "pipelines.text_index.embedded_build": (
        "shutil.rmtree",
        "the scratch folder of a place is of this machine",
    ),
    "training.experts": ("", _RUNS),
    "training.fitting": ("", _RUNS),
    "training.mixture": ("", _RUNS),
    "training.run_folder": ("", _RUNS),
}
"""Module -> what it may say, and why."""


def local_spellings(tree):
    """What a module says that would mistake an address of object storage for a path of this machine."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            name = ast.unparse(node)
            module, _, last = name.rpartition(".")
            local = (
                module in _LOCAL_MODULES or (module == "os" and last in _LOCAL_OF_OS) or module == "os.path"
            )
            if (local and name not in _WITHOUT_PATHS) or last in ("tofile", "symlink_to", "hardlink_to"):
                yield name if local else last
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called == "open":
                yield called
            if called.rpartition(".")[2] in _OPENERS:
                for given in node.args:
                    if ast.unparse(given).startswith("str(") or (
                        isinstance(given, ast.JoinedStr)
                        and not re.search(r"fspath|local_copy", ast.unparse(given))
                    ):
                        yield f"{called}({ast.unparse(given)})"


def test_paths_are_opened_by_what_also_knows_object_storage():
    found = {}
    for name, path in MODULES.items():
        if name.startswith("kc_schema.store"):
            continue
        allowed, _ = LOCAL_ONLY.get(name, (None, ""))
        said = set(local_spellings(ast.parse(path.read_text(encoding="utf-8"))))
        wrong = sorted(one for one in said if allowed is None or not one.startswith(allowed))
        if wrong:
            found[name] = wrong
    assert found == {}, "use kc_schema.store, Path's own methods, or os.fspath (a local copy)"


def test_what_is_allowed_to_be_local_still_is():
    for name, (allowed, _) in LOCAL_ONLY.items():
        said = local_spellings(ast.parse(MODULES[name].read_text(encoding="utf-8")))
        assert any(one.startswith(allowed) for one in said), f"{name} says nothing of the kind any more"
