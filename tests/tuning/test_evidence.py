"""Advice on the recorded runs: planted cases told right, and next to no alarm in a healthy run."""

import json
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_recorded_failures_are_told_right_and_healthy_runs_left_alone() -> None:
    command = [sys.executable, str(BENCHMARKS / "advice_accuracy.py")]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for pair, counts in json.loads(told.splitlines()[-1]).items():
        assert counts["planted"] >= 20, pair
        assert counts["right"] >= 0.9 * counts["planted"], told
        assert counts["alarms"] <= 0.05 * counts["healthy"], told
