"""Advice on the recorded runs: planted cases told right, and next to no alarm in a healthy run."""

import json
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from labkit.runs.run import Run
from labkit.runs.store import RunStore

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
EVIDENCE = BENCHMARKS.parent / "data" / "evidence"


def test_recorded_failures_are_told_right_and_healthy_runs_left_alone() -> None:
    command = [sys.executable, str(BENCHMARKS / "advice_accuracy.py")]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for pair, counts in json.loads(told.splitlines()[-1]).items():
        assert counts["planted"] >= 20, pair
        assert counts["right"] >= 0.9 * counts["planted"], told
        assert counts["alarms"] <= 0.05 * counts["healthy"], told


def test_recorded_runs_are_small_and_read_like_any_run() -> None:
    folders = sorted(path.parent for path in EVIDENCE.glob("*/*/config.json"))
    assert len(folders) > 100
    for folder in folders:
        run = Run(folder)
        assert run.problem is None, folder
        assert run.is_final, folder
        assert len(run.steps) <= 200, folder
        compressed = sum(len(zlib.compress(path.read_bytes())) for path in folder.glob("*.json*"))
        assert compressed < 30 * 1024, folder
    assert {run.corpus.name for run in RunStore(EVIDENCE / "chinese").runs() if run.corpus} >= {"msra"}


def test_recorded_counts_add_up_to_the_recorded_scores() -> None:
    folder = EVIDENCE / "english" / "grid-5e-5-1e-2-seed-0"
    counts = json.loads((folder / "dev_counts.json").read_bytes())
    for evaluation, predicted, correct in zip(
        Run(folder).evaluations, counts["predicted"], counts["correct"], strict=True
    ):
        assert len(predicted) == len(counts["gold"]) == 359
        assert evaluation.f1 == pytest.approx(2 * sum(correct) / (sum(predicted) + sum(counts["gold"])))
