"""A warm server of the tests' own, small and quick to start, and stand-ins for what a run's process does."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from labkit.training import server

STANDIN = "tests.training.standin"


@pytest.fixture(scope="session")
def server_folder() -> Iterator[str]:
    """Where sockets of this session's servers lie; short, for a socket's path has few bytes."""
    folder = tempfile.mkdtemp(prefix="labkit-")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def standin(server_folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs and predictions are stand-ins, in children of a server without torch."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", server_folder)
    monkeypatch.setenv("LABKIT_PRELOAD", "msgspec,psutil")
    monkeypatch.setenv("LABKIT_RECORDER", f"{STANDIN}:record")
    monkeypatch.setenv("LABKIT_PREDICTOR", f"{STANDIN}:predict")
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2]))


@pytest.fixture(scope="session", autouse=True)
def no_server_is_left(server_folder: str) -> Iterator[None]:
    yield
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", server_folder)
        server.shutdown()
