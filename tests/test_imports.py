"""The import map of the package, read from its sources and held to."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import labkit

PACKAGE = Path(__file__).resolve().parent.parent / "labkit"

# What may be imported from anywhere: settings and their checks, the log's vocabulary, paths, small tools.
BASICS = {
    "config",
    "environment",
    "events",
    "file_lock",
    "formatting",
    "gc_pause",
    "i18n",
    "memo",
    "messages",
    "paths",
    "presets",
    "settings",
    "versions",
}
# Room (a folder of labkit, or a module at its root) → the rooms it may import, beside itself and the basics.
ROOMS = {
    **{basic: set() for basic in BASICS},
    "__init__": {
        "data",
        "jobs",
        "lab",
        "model",
        "plots",
        "runs",
        "training",
        "tuning",
    },  # the public face: each when it is used
    "config": {"data", "training"},  # of them only how types are mapped, and the names of schedules, see below
    "__main__": {"cli"},
    "data": set(),
    "devices": set(),
    "model": {"data"},
    "runs": set(),
    "jobs": {"runs"},
    "tuning": {"runs"},
    "training": {"data", "devices", "model", "runs"},
    "plots": {"runs", "data"},
    "pretraining": {"data", "model", "training"},
    "lab": {
        "data",
        "jobs",
        "plots",
        "runs",
        "training",
        "tuning",
    },  # of training only the checks that need no torch, see below
    "cli": {"data", "devices", "jobs", "lab", "plots", "pretraining", "runs", "training", "tuning"},
}
# Third-party package → the only places that may import it, anywhere in a file.
OWNERS = {
    "torch": ("data.featurize", "model", "training", "pretraining"),
    "torchcrf": ("model",),
    "transformers": ("data", "model", "jobs.fork_server", "pretraining"),
    "tokenizers": ("pretraining",),
    "accelerate": ("training",),
    "safetensors": ("data", "model", "pretraining"),
    "filelock": ("file_lock", "jobs.fork_server"),
    "pynvml": ("devices",),
    "psutil": ("devices", "training"),
    "msgspec": ("data.json_cache", "devices", "events", "runs", "model"),
    "matplotlib": ("plots",),
    "PIL": ("plots",),
    "ipywidgets": ("lab",),
    "anywidget": ("lab",),
    "traitlets": ("lab",),
    "IPython": ("lab",),
    "jupyterlab": ("cli",),
    "pyarrow": ("data.formats.hugging_face",),
    "platformdirs": ("paths",),
    "click": ("cli",),
    "rich": ("cli",),
    "seqeval": (),
}


class Import(NamedTuple):
    """`module` is named from the package's root: `runs.store`; `name` is what is imported, dotted and absolute."""

    module: str
    name: str
    at_import: bool
    where: str


def _modules() -> dict[str, ast.Module]:
    files = sorted(PACKAGE.rglob("*.py"))
    return {_name(file): ast.parse(file.read_text(encoding="utf-8"), str(file)) for file in files}


def _name(file: Path) -> str:
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


def _imports(module: str, tree: ast.Module) -> Iterator[Import]:
    lazy = {id(node) for body in ast.walk(tree) if _is_deferred(body) for node in ast.walk(body) if node is not body}
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(module, node)
            names = [f"{base}.{alias.name}" for alias in node.names]
        for name in names:
            yield Import(module, name, id(node) not in lazy, f"labkit/{module}, line {node.lineno}: {name}")


def _is_deferred(node: ast.AST) -> bool:
    """True if the code inside does not run when the module is imported."""
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


def _absolute(module: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    is_package = (PACKAGE / module.replace(".", "/") / "__init__.py").is_file()
    parents = ["labkit", *module.split(".")]
    parents = parents[: len(parents) - node.level + is_package]
    return ".".join([*parents, node.module] if node.module else parents)


def _within(module: str, place: str) -> bool:
    return module == place or module.startswith(place + ".")


MODULES = _modules()
IMPORTS = [found for module, tree in MODULES.items() for found in _imports(module, tree)]


def _inside(found: Import) -> str | None:
    """The module of labkit that an import names, from the package's root; None for one from elsewhere."""
    if not _within(found.name, "labkit"):
        return None
    parts = found.name.split(".")[1:]
    while parts and ".".join(parts) not in MODULES and not (PACKAGE.joinpath(*parts)).is_dir():
        parts = parts[:-1]
    return ".".join(parts) or "__init__"


def _rules(module: str) -> list[set[str]]:
    """Imports that a module's rooms allow, from the widest room to the narrowest."""
    rooms = [room for room in ROOMS if _within(module, room)]
    return [ROOMS[room] | BASICS | {room.split(".")[0], "__init__"} for room in sorted(rooms)]


def test_every_folder_is_a_room_and_holds_modules() -> None:
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == {room for room in ROOMS if (PACKAGE / room).is_dir()}
    assert all((PACKAGE / folder / "__init__.py").is_file() for folder in folders), "each needs an __init__.py"


def test_rooms_import_only_downwards() -> None:
    wrong = [
        found.where
        for found in IMPORTS
        for allowed in _rules(found.module)
        if (target := _inside(found)) and target.split(".")[0] not in allowed
    ]
    assert not wrong


def test_basics_import_only_what_they_are_made_of() -> None:
    inside = {(found.module, target) for found in IMPORTS if found.module in BASICS and (target := _inside(found))}
    assert {each for each in inside if each[1] != "messages"} == {
        ("config", "settings"),
        ("config", "training.schedules"),
        ("config", "data.type_mapping"),
        ("presets", "config"),
        ("presets", "settings"),
        ("versions", "__init__"),
    }


def test_schedules_import_nothing_that_takes_time() -> None:
    assert {found.name for found in IMPORTS if found.module in ("training", "training.schedules")} <= {
        "labkit.messages.N_",
        "math",
    }


def test_the_lab_takes_of_training_only_the_checks_of_a_config() -> None:
    used = {
        target
        for found in IMPORTS
        if _within(found.module, "lab") and _within(target := _inside(found) or "", "training")
    }
    assert used == {"training.config_checks"}
    assert not _heavy("training.config_checks")


def test_nothing_imports_the_lab_but_itself_and_the_command_line() -> None:
    users = {found.module.split(".")[0] for found in IMPORTS if (_inside(found) or "").split(".")[0] == "lab"}
    assert users <= {"lab", "cli", "__init__"}


@pytest.mark.parametrize("package", OWNERS)
def test_a_third_party_package_is_imported_by_its_owners_only(package: str) -> None:
    wrong = [
        found.where
        for found in IMPORTS
        if _within(found.name, package) and not any(_within(found.module, owner) for owner in OWNERS[package])
    ]
    assert not wrong


def test_every_third_party_package_has_an_owner() -> None:
    known = {*sys.stdlib_module_names, *OWNERS, "labkit", "numpy", "huggingface_hub"}
    assert not [found.where for found in IMPORTS if found.name.split(".")[0] not in known]


@pytest.mark.parametrize(
    "module", [name for name in MODULES if name.split(".")[0] in ("runs", "plots", "jobs", "i18n")]
)
def test_runs_plots_and_jobs_do_not_reach_torch(module: str) -> None:
    assert not _heavy(module)


def _heavy(module: str) -> list[str]:
    """Imports of torch or transformers that importing a module leads to."""
    reached, todo = {module}, [module]
    while todo:
        here = todo.pop()
        found = [_inside(each) for each in IMPORTS if each.module == here and each.at_import]
        fresh = {name for name in found if name} - reached
        reached |= fresh
        todo += fresh
    heavy = ("torch", "torchcrf", "transformers", "accelerate")
    return [
        found.where
        for found in IMPORTS
        if found.module in reached and found.at_import and any(_within(found.name, each) for each in heavy)
    ]


def test_runs_plots_and_launch_work_where_torch_is_not_installed() -> None:
    program = (
        "import sys\n"
        "hidden = ('torch', 'torchcrf', 'transformers', 'accelerate')\n"
        "sys.modules.update(dict.fromkeys(hidden))\n"  # importing one of these then raises ImportError
        "import labkit.plots.live, labkit.runs.store, labkit.runs.compare, labkit.jobs.launch\n"
        "assert not [name for name in hidden if sys.modules[name]]\n"
        "assert 'matplotlib.pyplot' not in sys.modules, 'pyplot'\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=PACKAGE.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("module", ["lab.tuning_lab", "cli.tables", "cli.main"])
def test_runs_are_listed_before_anybody_needs_matplotlib_or_torch(module: str) -> None:
    """Importing either takes longer than listing a thousand runs."""
    heavy = {"matplotlib", "PIL", "torch", "transformers", "accelerate"}
    program = f"import sys, labkit.{module}\nfound = {heavy} & sys.modules.keys()\nassert not found, found"
    done = subprocess.run([sys.executable, "-c", program], cwd=PACKAGE.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_public_face_is_there_by_name_and_imports_nothing_before_it_is_used() -> None:
    program = (
        "import sys, threading, labkit\n"
        "others = [name for name in sys.modules if name.startswith('labkit.')]\n"
        "assert not others, others\n"
        "assert not {'torch', 'numpy', 'matplotlib', 'ipywidgets'} & sys.modules.keys()\n"
        "assert set(labkit.__all__) <= set(dir(labkit))\n"
        "assert all(getattr(labkit, name) is not None for name in labkit.__all__)\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
        "from labkit import *\n"
        "assert RunConfig is labkit.RunConfig and callable(train)\n"
        "import psutil\n"
        "assert not psutil.Process().children(), 'a process was started'\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=PACKAGE.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'labkit' has no attribute 'TuningLap'"):
        labkit.TuningLap  # noqa: B018


def test_pyplot_is_imported_nowhere() -> None:
    assert not [found.where for found in IMPORTS if "pyplot" in found.name.split(".") or "pylab" in found.name]


def test_nothing_is_printed() -> None:
    wrong = [
        f"labkit/{module}, line {node.lineno}"
        for module, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("print", "pprint")
    ]
    assert not wrong
