"""Plots that are redrawn: changes of theme and language."""

from collections.abc import Callable

import pytest

from labkit.plots import fonts
from labkit.plots.cached_plot import CachedPlot
from labkit.plots.crf_transitions import TransitionsPlot
from labkit.plots.live import ComparePlot, LivePlot
from labkit.runs.run import Run
from tests.plots.test_plots import run_of
from tests.runs.samples import events

Draw = Callable[[], bytes]


@pytest.fixture(params=[LivePlot, ComparePlot, TransitionsPlot])
def plot(request: pytest.FixtureRequest) -> CachedPlot:
    made: CachedPlot = request.param()
    return made


@pytest.fixture
def draw(plot: CachedPlot) -> Draw:
    run: Run = run_of(events(steps=20))
    return lambda: plot.draw([run, run] if isinstance(plot, ComparePlot) else run)  # type: ignore[attr-defined]


def test_another_theme_is_drawn_anew_and_the_same_one_is_not(plot: CachedPlot, draw: Draw) -> None:
    light = draw()
    plot.theme = "light"
    assert draw() is light
    plot.theme = "dark"
    assert plot.theme == "dark"
    assert draw() != light
    plot.theme = "light"
    assert draw() == light


def test_another_language_is_drawn_anew(plot: CachedPlot, draw: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    before = draw()
    assert draw() is before
    monkeypatch.setattr(fonts, "plot_language", lambda: "fr")
    assert draw() is not before


def test_an_unknown_theme_is_refused_and_the_one_before_stays(plot: CachedPlot) -> None:
    with pytest.raises(ValueError, match="theme must be one of light, dark, not 'sepia'"):
        plot.theme = "sepia"
    assert plot.theme == "light"
    with pytest.raises(ValueError, match="theme must be one of light, dark, not 'sepia'"):
        type(plot)("sepia")
