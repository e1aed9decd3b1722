"""Plane of the two rates: a cell a pair of rates, with the mean of its runs."""

from pathlib import Path

import pytest

from labkit.config import RunConfig
from labkit.plots.rate_plane import group_by_rates, rate_plane_figure
from labkit.runs.run import Run
from tests.runs.samples import write_run


@pytest.fixture
def runs(tmp_path: Path) -> list[Run]:
    cells = [(5e-5, 1e-2), (5e-5, 1e-2), (5e-5, 1e-4), (2e-5, 1e-2)]
    configs = [RunConfig(encoder_rate=encoder, head_rate=head, seed=seed) for seed, (encoder, head) in enumerate(cells)]
    return [Run(write_run(tmp_path, config, seed=config.seed)) for config in configs]


def test_runs_are_grouped_by_both_rates(runs: list[Run]) -> None:
    cells = group_by_rates(runs, lambda run: run.best_f1)
    assert {rates: len(values) for rates, values in cells.items()} == {
        (5e-5, 1e-2): 2,
        (5e-5, 1e-4): 1,
        (2e-5, 1e-2): 1,
    }
    assert group_by_rates(runs, lambda run: None) == {}


def test_the_plane_shows_rates_means_and_numbers_of_runs(runs: list[Run]) -> None:
    figure = rate_plane_figure(runs)
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1e-4", "1e-2"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["5e-5", "2e-5"]
    mean = sum(run.best_f1 or 0 for run in runs[:2]) / 2
    texts = {text.get_text() for text in axes.texts}
    assert {f"{mean:.2f} (2)", f"{runs[2].best_f1:.2f}"} <= texts
    assert figure.png().startswith(b"\x89PNG")


def test_a_plane_without_runs_is_refused() -> None:
    with pytest.raises(ValueError, match="needs runs"):
        rate_plane_figure([])
