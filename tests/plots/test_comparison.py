"""The public comparison of runs."""

from pathlib import Path

import pytest

import labkit
from tests.runs.samples import write_run


def test_runs_are_compared_by_number_name_or_themselves(runs_folder: Path) -> None:
    for seed in range(2):
        write_run(runs_folder, steps=20, seed=seed)
    store = labkit.RunStore(runs_folder)
    store.rename(store.get(2), "second")
    comparison = labkit.compare([1, "second", store.get(1)], folder=runs_folder)
    assert [run.number for run in comparison.runs] == [1, 2, 1]
    assert len(comparison.table().rows) == 3
    first, second = comparison.figure(), comparison.figure("seconds", layout="overlaid", theme="dark")
    assert first.png()[:4] == second.png()[:4] == b"\x89PNG"
    assert first.png() != second.png()


def test_an_unknown_run_axis_or_layout_is_refused(runs_folder: Path) -> None:
    write_run(runs_folder, steps=20)
    with pytest.raises(ValueError, match="run '7' is not in"):
        labkit.compare([7], folder=runs_folder)
    comparison = labkit.compare([1], folder=runs_folder)
    with pytest.raises(ValueError, match="layout must be one of"):
        comparison.figure(layout="in a row")
    with pytest.raises(ValueError, match="x"):
        comparison.figure("miles")
