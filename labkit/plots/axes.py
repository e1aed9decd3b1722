"""One plot of a picture: axes at a fixed place with a heading, whose limits stay put as long as they can."""

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
from labkit.plots.series import Array, downsample
from labkit.plots.theme import Dashes, Theme

TITLE_PT, TEXT_PT, TICK_PT = 11.0, 9.5, 9.0  # font sizes in points; 9 are 10 pixels where a picture is 800 pixels wide

MOST_MARKS = 40


@dataclass(frozen=True)
class Box:
    """Where the axes lie in the figure, in inches from its left and top edges."""

    left: float
    top: float
    width: float
    height: float


class PlotArea:
    """Axes whose curves and words move, on a background that stays until `stamp` changes."""

    def __init__(self, figure: Figure, theme: Theme, box: Box, title: str = "", one_row: bool = False):
        """`one_row` puts the note beside the title, at the right edge, rather than below it."""
        width, height = figure.get_size_inches()
        bottom = height - box.top - box.height
        self.axes = figure.add_axes(
            (box.left / width, bottom / height, box.width / width, box.height / height), facecolor=theme.background
        )
        self.theme = theme
        self.text_bbox = {
            "facecolor": theme.background,
            "edgecolor": "none",
            "pad": 2.0,
        }  # lies under words, over lines
        self.labels_x = self.labels_y = True  # small multiples have them at the edges only
        self._height = box.height
        self.animated_artists: list[Artist] = []
        self._grid = self._add_grid()
        self._layout: dict[str, Hashable] = {}
        self._epoch_lines: list[Artist] = []
        self._legend: Legend | None = None
        self._plain_axes()
        self._title = self._heading(0.08 if one_row else 0.28, TITLE_PT, theme.text, bold=True, animated=False)
        self._title.set_text(title)
        self.note = self._heading(0.08, TEXT_PT, theme.muted)
        if one_row:
            self.note.set(x=1, ha="right")

    def _plain_axes(self) -> None:
        axes, theme = self.axes, self.theme
        axes.set_axisbelow(True)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.spines["bottom"].set(color=theme.muted, linewidth=0.8)
        plain: dict[str, Any] = {"labelsize": TICK_PT, "labelcolor": theme.muted, "labelfontfamily": font_families()}
        axes.tick_params(which="both", length=0, top=False, right=False, pad=4, **plain)
        axes.grid(False)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.set_xticks([])
        axes.set_yticks([])

    def _add_grid(self) -> LineCollection:
        """All lines of the grid as one: as parts of matplotlib's ticks, half a millisecond each, they were a quarter of
        the time of eight runs side by side, where most areas show no other part of a tick."""
        across = self.axes.get_yaxis_transform()
        grid = LineCollection([], colors=self.theme.grid, linewidths=0.8, zorder=0.5, transform=across)
        self.axes.add_collection(grid, autolim=False)
        return grid

    def _heading(self, above: float, size: float, colour: str, bold: bool = False, animated: bool = True) -> Text:
        """Words over the axes, so many inches above them."""
        text = self.add_text(size=size, color=colour, fontweight="bold" if bold else "normal", animated=animated)
        shift = ScaledTranslation(0, above, self.axes.figure.dpi_scale_trans)
        text.set(transform=self.axes.transAxes + shift, position=(0, 1), visible=True)
        return text

    # What moves.

    def add_curve(self, colour: str, width: float = 1.8, dashes: Dashes = "-", **how: Any) -> Line2D:
        """A curve without points yet; one made later is painted over it."""
        line = Line2D([], [], color=colour, linewidth=width, linestyle=dashes, marker="", animated=True, zorder=5)
        line.set(**{"solid_joinstyle": "round", **how})
        self.axes.add_line(line)
        self.animated_artists.append(line)
        return line

    def add_text(self, size: float = TEXT_PT, animated: bool = True, **how: Any) -> Text:
        """Words that are still to be said; never read as mathematics, as names of runs may hold a dollar sign."""
        plain: dict[str, Any] = {
            "fontfamily": font_families(),
            "parse_math": False,
            "usetex": False,
            "color": self.theme.text,
        }
        text = self.axes.text(0, 0, "", fontsize=size, animated=animated, zorder=4, **plain)
        text.set(**how)
        text.set_visible(False)
        if animated:
            self.animated_artists.append(text)
        return text

    # What stays: each change of it costs a full draw.

    def set_title(self, title: str) -> None:
        if self._update_layout("title", title):
            self._title.set_text(title)

    def set_legend(self, lines: Sequence[Line2D], labels: Sequence[str]) -> None:
        """A legend in the heading, above the axes."""
        if not self._update_layout("legend", tuple(labels)):
            return
        if self._legend:
            self._legend.remove()
        above = (0, 1 + 0.07 / self._height)
        self._legend = self.axes.legend(
            lines, labels, loc="lower left", bbox_to_anchor=above, ncols=len(labels), labelcolor=self.theme.muted,
            prop={"size": TEXT_PT, "family": font_families()}, frameon=False, borderpad=0, borderaxespad=0, handlelength=1.6,
            handletextpad=0.5, columnspacing=1.4,
        )  # fmt: skip

    def set_x_axis(self, high: float, ticks: Sequence[float], labels: Sequence[str]) -> None:
        """From 0 to `high`, with those ticks."""
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
        """Light lines where epochs end, and words between them under the axes."""
        if not self._update_layout("epochs", (*boundaries, *labels)):
            return
        while self._epoch_lines:
            self._epoch_lines.pop().remove()
        for x in boundaries:
            self._epoch_lines.append(self.axes.axvline(x, color=self.theme.grid, linewidth=0.8, zorder=0.4))
        self.axes.set_xticks(middles, labels=labels, minor=True)

    def _update_layout(self, what: str, shape: Hashable) -> bool:
        """Notes how something that stays is to look; says whether that is new."""
        if self._layout.get(what) == shape:
            return False
        self._layout[what] = shape
        return True

    def freeze(self) -> None:
        """From now on everything is part of the figure's own drawing."""
        for artist in self.animated_artists:
            artist.set_animated(False)

    @property
    def layout_key(self) -> Hashable:
        """Differs when what stays has changed."""
        return tuple(self._layout.items())


def set_data(line: Line2D, x: Array, y: Array) -> None:
    """Gives a curve its points, no more of them than can be seen."""
    line.set_data(*downsample(x, y))


def set_marked_data(line: Line2D, x: Array, y: Array, mark: str = "o") -> None:
    """The same for a curve with a mark at every point, as long as there are few enough to be told apart."""
    set_data(line, x, y)
    line.set_marker(mark if len(x) <= MOST_MARKS else "")


def set_text(text: Text, words: str, x: float | None = None, y: float | None = None, **how: Any) -> None:
    """Sets, moves and shows words, or hides them where there are none."""
    text.set(text=strip_undrawable(words), visible=bool(words), **how)
    if x is not None and y is not None:
        text.set_position((x, y))


def visible_artists(areas: Sequence[PlotArea]) -> list[Artist]:
    """The moving artists of some areas, in the order in which matplotlib would paint them."""
    return [
        artist
        for area in areas
        for artist in sorted(area.animated_artists, key=Artist.get_zorder)
        if artist.get_visible()
    ]
