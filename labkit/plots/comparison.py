"""Comparison plots of several runs, side by side or overlaid."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from labkit.gc_pause import gc_paused
from labkit.messages import N_, Message
from labkit.plots import fonts
from labkit.plots.axes import PlotArea
from labkit.plots.cached_plot import CachedPlot
from labkit.plots.overlay import OverlayLayout
from labkit.plots.pictures import PictureSize
from labkit.plots.renderer import BlitRenderer, Picture
from labkit.plots.side_by_side import SideBySideLayout
from labkit.plots.theme import Theme, theme_named
from labkit.runs.compare import ComparisonTable, build_comparison_table, default_axis, name_runs
from labkit.runs.curves import Axis, check_axis
from labkit.runs.run import Run
from labkit.runs.store import RunStore


class ComparisonLayout(Protocol):
    """Layout of a comparison: one figure, updated in place."""

    figure: Picture

    @property
    def areas(self) -> list[PlotArea]: ...

    def update(self) -> None: ...


LAYOUTS: dict[str, Callable[[Theme, PictureSize, Sequence[Run], Sequence[str], Axis], ComparisonLayout]] = {
    "side by side": SideBySideLayout,
    "overlaid": OverlayLayout,
}
Names = Mapping[Path, str]


class ComparePlot(CachedPlot):
    """Plot of several runs, live ones included, redrawn as they grow.

    Its height depends on its width, the layout and the number of runs.
    """

    def draw(
        self, runs: Sequence[Run], x: Axis = "step", layout: str = "side by side", names: Names | None = None
    ) -> bytes:
        """Return the plot as PNG; the same object if nothing has changed.

        Args:
            x: quantity on the x axis: `step`, `epoch`, `tokens` or `seconds`.
            layout: `side by side` or `overlaid`.
            names: names by run folder; runs without one are named after the settings in which they differ.

        Raises ValueError for an unknown axis or layout.
        """
        with self._lock:
            labels = _run_labels(runs, names)
            key = (self._style_key(), x, layout, *runs, *labels)
            comparison = self._memo(
                "layout", key, lambda: _build_layout(self._theme, self.size, runs, labels, x, layout)
            )
            renderer = self._memo("renderer", comparison, lambda: BlitRenderer(comparison.figure, self._theme))

            def redraw() -> bytes:
                comparison.update()
                return renderer.png(comparison.areas)

            return self._memo("png", (renderer, [run.version for run in runs]), redraw)


def compare_figure(
    runs: Sequence[Run],
    x: Axis = "step",
    layout: str = "side by side",
    theme: str = "light",
    names: Names | None = None,
) -> Picture:
    """Figure of several runs, for a notebook or a file.

    Arguments and errors as in `ComparePlot.draw`.
    """
    comparison = _build_layout(theme_named(theme), PictureSize(), runs, _run_labels(runs, names), x, layout)
    comparison.update()
    for area in comparison.areas:
        area.freeze()
    return comparison.figure


def _build_layout(
    theme: Theme, size: PictureSize, runs: Sequence[Run], labels: Sequence[str], x: Axis, layout: str
) -> ComparisonLayout:
    check_axis(x)
    if layout not in LAYOUTS:
        text = N_("layout must be one of {layouts}, not {layout!r}")
        raise ValueError(Message(text, layouts=", ".join(LAYOUTS), layout=layout))
    with gc_paused():
        return LAYOUTS[layout](theme, size, runs, labels, x)


def _run_labels(runs: Sequence[Run], names: Names | None) -> list[str]:
    defaults = name_runs(runs, fonts.plot_tr)
    return [(names or defaults).get(run.folder, defaults[run.folder]) for run in runs]


@dataclass(frozen=True)
class Comparison:
    """Runs to be compared; a notebook shows them side by side in one figure."""

    runs: tuple[Run, ...]

    def figure(self, axis: Axis | None = None, layout: str = "side by side", theme: str = "light") -> Picture:
        """One figure of all runs.

        Args:
            axis: `step`, `epoch`, `tokens` or `seconds`; what suits these runs where None.
            layout: `side by side` or `overlaid`.
            theme: `light` or `dark`.

        Raises:
            ValueError: for an unknown axis, layout or theme.
        """
        return compare_figure(self.runs, axis or default_axis(self.runs), layout, theme)

    def table(self) -> ComparisonTable:
        """Settings that differ, and scores, one row a run."""
        return build_comparison_table(self.runs)

    def _repr_png_(self) -> bytes:
        return self.figure().png()


def compare(runs: Iterable[Run | int | str | Path], folder: str | Path | None = None) -> Comparison:
    """Compare runs in a figure and a table.

    >>> labkit.compare([1, 2]).figure(layout="overlaid")  # doctest: +SKIP

    Args:
        runs: runs, or their numbers, names or folders.
        folder: the folder of runs; by default the one that `labkit.RunStore()` reads.

    Raises:
        ValueError: where no run, or more than one, is meant by a number or a name.
    """
    return Comparison(tuple(RunStore(folder).get_all(runs)))
