"""Axes of one plot: animated curves and text over a static layout, for blitting."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.artist import Artist
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.transforms import ScaledTranslation

from labkit.plots.fonts import font_families, strip_undrawable
from labkit.plots.series import downsample
from labkit.plots.text_width import fit_text, pick_fitting, text_width_in
from labkit.plots.theme import Dashes, Theme
from labkit.runs.curves import FloatArray

TITLE_PT, TEXT_PT, TICK_PT = 10.5, 9.5, 9.0  # font sizes in points; at 96 pixels an inch, 9 points are 12 pixels

MOST_MARKS = 40  # points of a curve that still has markers


@dataclass(frozen=True)
class Box:
    """Axes rectangle in inches, from the figure's left and top edges."""

    left: float
    top: float
    width: float
    height: float


class PlotArea:
    """Axes with animated curves and text over a background for blitting.

    The background can be reused until `layout_key` changes.
    """

    def __init__(self, figure: Figure, theme: Theme, box: Box, title: str = "", one_row: bool = False):
        """Add the axes, with title, note and grid, to `figure`.

        Args:
            one_row: put the note beside the title, at the right edge, instead of below it.
        """
        width, height = figure.get_size_inches()
        bottom = height - box.top - box.height
        self.axes = figure.add_axes(
            (box.left / width, bottom / height, box.width / width, box.height / height), facecolor=theme.background
        )
        self.theme = theme
        self.text_bbox = {"facecolor": theme.background, "edgecolor": "none", "pad": 2.0}  # under text, over lines
        self.labels_x = self.labels_y = True  # small multiples have them at the edges only
        self.width, self.height = box.width, box.height  # inches
        self._one_row = one_row
        self.animated_artists: list[Artist] = []
        self._grid = self._add_grid()
        self._layout: dict[str, Hashable] = {}
        self._epoch_lines: list[Artist] = []
        self._legend: Legend | None = None
        self._style_axes()
        self._title = self._heading(0.08 if one_row else 0.28, TITLE_PT, theme.text, bold=True, animated=False)
        self._title.set_text(title)
        self.note = self._heading(0.08, TEXT_PT, theme.muted)
        if one_row:
            self.note.set(x=1, ha="right")

    def _style_axes(self) -> None:
        axes, theme = self.axes, self.theme
        axes.set_axisbelow(True)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.spines["bottom"].set(color=theme.muted, linewidth=0.8)
        labels: dict[str, Any] = {"labelsize": TICK_PT, "labelcolor": theme.muted, "labelfontfamily": font_families()}
        axes.tick_params(which="both", length=0, top=False, right=False, pad=4, **labels)
        axes.grid(False)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.set_xticks([])
        axes.set_yticks([])

    def _add_grid(self) -> LineCollection:
        """Add all grid lines as one LineCollection.

        Matplotlib's own grid lines belong to its ticks and take 0.5 ms each: a quarter of the time of eight runs side
        by side, where most areas show no other part of a tick.
        """
        x_in_axes = self.axes.get_yaxis_transform()
        grid = LineCollection([], colors=self.theme.grid, linewidths=0.8, zorder=0.5, transform=x_in_axes)
        self.axes.add_collection(grid, autolim=False)
        return grid

    def _heading(self, above_in: float, size: float, colour: str, bold: bool = False, animated: bool = True) -> Text:
        """Add text `above_in` inches above the axes."""
        text = self.add_text(size=size, color=colour, fontweight="bold" if bold else "normal", animated=animated)
        shift = ScaledTranslation(0, above_in, self.axes.figure.dpi_scale_trans)
        text.set(transform=self.axes.transAxes + shift, position=(0, 1), visible=True)
        return text

    # Animated artists: drawn over the background at each draw.

    def add_curve(self, colour: str, width: float = 1.8, dashes: Dashes = "-", **style: Any) -> Line2D:
        """Add an empty animated curve; later curves are painted over it."""
        line = Line2D([], [], color=colour, linewidth=width, linestyle=dashes, marker="", animated=True, zorder=5)
        line.set(**{"solid_joinstyle": "round", **style})
        self.axes.add_line(line)
        self.animated_artists.append(line)
        return line

    def add_text(self, size: float = TEXT_PT, animated: bool = True, **style: Any) -> Text:
        """Add a hidden, empty text, to be filled by `set_text`.

        It is not parsed as mathtext, as names of runs may hold a dollar sign.
        """
        plain: dict[str, Any] = {"fontfamily": font_families(), "parse_math": False, "usetex": False}
        text = self.axes.text(0, 0, "", fontsize=size, animated=animated, zorder=4, color=self.theme.text, **plain)
        text.set(**style)
        text.set_visible(False)
        if animated:
            self.animated_artists.append(text)
        return text

    def set_note(self, *versions: str) -> None:
        """Set the note to the first version that fits, below the title or beside it."""
        beside = text_width_in(self._title.get_text(), TITLE_PT, bold=True) + 0.1 if self._one_row else 0.0
        room = self.width - beside
        set_text(self.note, fit_text(pick_fitting(versions, room, TEXT_PT), room, 1, TEXT_PT))

    # Layout: each change of it costs a full draw.

    def set_title(self, *versions: str) -> None:
        """Set the title to the first version that fits."""
        title = pick_fitting(versions, self.width, TITLE_PT, bold=True)
        if self._update_layout("title", title):
            self._title.set_text(title)

    def set_legend(self, lines: Sequence[Line2D], labels: Sequence[str]) -> None:
        """Show a legend in the heading, above the axes."""
        if not self._update_layout("legend", tuple(labels)):
            return
        if self._legend:
            self._legend.remove()
        above = (0, 1 + 0.07 / self.height)
        self._legend = self.axes.legend(
            lines, labels, loc="lower left", bbox_to_anchor=above, ncols=len(labels), labelcolor=self.theme.muted,
            prop={"size": TEXT_PT, "family": font_families()}, frameon=False, borderpad=0, borderaxespad=0,
            handlelength=1.6, handletextpad=0.5, columnspacing=1.4,
        )  # fmt: skip

    def set_x_axis(self, high: float, ticks: Sequence[float], labels: Sequence[str]) -> None:
        """Set the x limits to 0 and `high`, with these ticks."""
        if self._update_layout("x", (high, *ticks, *labels)):
            self.axes.set_xlim(0, high)
            if self.labels_x:
                self.axes.set_xticks(ticks, labels=labels)

    def set_y_axis(
        self, low: float, high: float, ticks: Sequence[float], labels: Sequence[str], log: bool = False
    ) -> None:
        if self._update_layout("y", (low, high, *ticks, *labels)):
            self.axes.set_yscale("log" if log else "linear")
            self.axes.set_ylim(low, high)
            self.axes.set_yticks(ticks if self.labels_y else [], labels=labels if self.labels_y else [])
            self.axes.set_yticks([], minor=True)
            self._grid.set_segments([((0, tick), (1, tick)) for tick in ticks])

    def mark_epochs(self, boundaries: Sequence[float], middles: Sequence[float], labels: Sequence[str]) -> None:
        """Draw epoch boundaries as light lines, with labels between them below."""
        if not self._update_layout("epochs", (*boundaries, *labels)):
            return
        while self._epoch_lines:
            self._epoch_lines.pop().remove()
        for x in boundaries:
            self._epoch_lines.append(self.axes.axvline(x, color=self.theme.grid, linewidth=0.8, zorder=0.4))
        self.axes.set_xticks(middles, labels=labels, minor=True)

    def _update_layout(self, name: str, value: Hashable) -> bool:
        """Store one property of the layout; True if it has changed."""
        changed = self._layout.get(name) != value
        self._layout[name] = value
        return changed

    def freeze(self) -> None:
        """Make every artist part of the figure's normal drawing."""
        for artist in self.animated_artists:
            artist.set_animated(False)

    @property
    def layout_key(self) -> Hashable:
        """State of the layout; a new one requires a full draw."""
        return tuple(self._layout.items())


def set_data(line: Line2D, x: FloatArray, y: FloatArray) -> None:
    """Set the points of a curve, downsampled to what can be seen."""
    line.set_data(*downsample(x, y))


def set_marked_data(line: Line2D, x: FloatArray, y: FloatArray, mark: str = "o") -> None:
    """Set the points of a curve, with markers if at most MOST_MARKS."""
    set_data(line, x, y)
    line.set_marker(mark if len(x) <= MOST_MARKS else "")


def set_text(text: Text, content: str, x: float | None = None, y: float | None = None, **style: Any) -> None:
    """Set, move and show a text; hide it if `content` is empty."""
    text.set(text=strip_undrawable(content), visible=bool(content), **style)
    if x is not None and y is not None:
        text.set_position((x, y))
