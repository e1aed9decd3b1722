"""Stand-ins for what a run's process does, in children of a server that is small and quick to start."""

from pathlib import Path

import pytest

STANDIN = "tests.jobs.standin"


@pytest.fixture
def standin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs and predictions are stand-ins, in children of a server without torch."""
    monkeypatch.setenv("LABKIT_PRELOAD", "msgspec,psutil")
    monkeypatch.setenv("LABKIT_RECORDER", f"{STANDIN}:record")
    monkeypatch.setenv("LABKIT_PREDICTOR", f"{STANDIN}:predict")
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2]))
