"""Heat map of CRF transition scores, with counts of illegal transitions.

A CRF that learns gives the lowest scores to what its tag scheme forbids, and illegal transitions disappear. One whose
rate is too low stays near its initial scores, and illegal transitions remain.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.collections import PatchCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.patches import Rectangle

from labkit.data.tags import match_scheme
from labkit.events import CrfTransitions
from labkit.messages import N_
from labkit.plots import fonts
from labkit.plots.axes import TEXT_PT, TICK_PT, TITLE_PT, Box, PlotArea, set_marked_data, set_text
from labkit.plots.cached_plot import CachedPlot
from labkit.plots.fonts import plot_tr, strip_undrawable
from labkit.plots.pictures import CSS_DPI, TRANSITIONS_PX, PictureSize, at_width, picture_heading
from labkit.plots.renderer import Picture, exclusive_drawing, to_png
from labkit.plots.series import linear_ticks, round_up
from labkit.plots.step_axis import StepAxis, add_message, wrap_text
from labkit.plots.text_width import fit_text, text_width_in
from labkit.plots.theme import Theme, theme_named
from labkit.runs.curves import FloatArray
from labkit.runs.run import Run

MAP_LEFT, MAP_TOP, MAP_HEIGHT = 0.98, 1.4, 3.55  # inches, as all that follows
COUNT_WIDTH, COUNT_HEIGHT = 2.6, 1.5
MOST_TYPES = 10  # 21 tags; more could not be read
MOST_LETTERS = 11  # of a tag
SMALL_PT = 8.5  # of tags and scores in the map
NUMBERED = 10  # most rows for which cells have room for their scores
MIN_SCORE_RANGE = 0.5  # least end of the colour scale, so that initial scores (within 0.1) look neutral


@dataclass(frozen=True)
class TransitionGrid:
    """Transition scores as drawn: a row per previous tag, a column per next.

    The first row is START, the last column END. `scores` and `allowed` are (rows, columns); the corner, from START to
    END, is NaN and allowed.
    """

    tags: tuple[str, ...]
    scores: FloatArray
    allowed: np.ndarray[tuple[int, int], np.dtype[np.bool_]]
    left_out: int  # entity types not drawn


def build_transition_grid(event: CrfTransitions, support: dict[str, int]) -> TransitionGrid:
    """Build the grid of all tags, limited to MOST_TYPES entity types.

    If there are more, those with the most gold entities are kept.

    Args:
        support: gold entities by type.
    """
    types = list(dict.fromkeys(tag[2:] for tag in event.tags if tag != "O"))
    kept = sorted(types, key=lambda name: -support.get(name, 0))[:MOST_TYPES]
    ordered = [tag for tag in event.tags if tag == "O"]
    ordered += [tag for name in types if name in kept for tag in event.tags if tag != "O" and tag[2:] == name]
    indices = [event.tags.index(tag) for tag in ordered]
    scheme = match_scheme(event.tags)
    scores = np.full((len(indices) + 1, len(indices) + 1), np.nan)
    scores[0, :-1], scores[1:, -1] = np.array(event.start)[indices], np.array(event.end)[indices]
    scores[1:, :-1] = np.array(event.transitions)[np.ix_(indices, indices)]
    edges = [["", *ordered], [*ordered, ""]]
    allowed = np.array([[not scheme.find_violation(before, after) for after in edges[1]] for before in edges[0]])
    return TransitionGrid(tuple(ordered), scores, allowed, len(types) - len(kept))


class TransitionsPlot(CachedPlot):
    """Plot of one run's CRF, redrawn at every evaluation; its height depends on its width only."""

    def draw(self, run: Run) -> bytes:
        """Return the plot as PNG; the same object if only steps have changed."""
        with self._lock:
            content = (run, run.state, run.label, run.plan, run.summary().latest, run.transitions)
            key = (self._style_key(), content)
            return self._memo("png", key, lambda: to_png(transitions_figure(run, self._theme.name, self.size)))


def transitions_figure(run: Run, theme: str = "light", size: PictureSize | None = None) -> Picture:
    """Figure of one run's CRF, for a notebook or a file."""
    chosen, size = theme_named(theme), size or PictureSize()
    height_px = at_width(TRANSITIONS_PX, size.width)
    width, height, is_wide = size.width_in, height_px / CSS_DPI, height_px == min(TRANSITIONS_PX.values())
    with exclusive_drawing():
        figure = Picture(figsize=(width, height), dpi=size.dpi, facecolor=chosen.background)
        grid = build_grid_of(run)
        title = f"{picture_heading(run)} · {plot_tr('Scores of transitions in the CRF')}"
        map_width = width - MAP_LEFT - (COUNT_WIDTH + 1.5 if is_wide else 0.7)
        area = PlotArea(figure, chosen, Box(MAP_LEFT, MAP_TOP, map_width, MAP_HEIGHT))
        if grid:
            _draw_map(area, grid)
        else:
            area.axes.spines["bottom"].set_visible(False)
            has_no_crf = run.config and run.config.decoder != "crf"
            reason = plot_tr("this run has no CRF") if has_no_crf else _nothing_counted(run)
            set_text(add_message(area), reason, 0.5, 0.5)
        _draw_heading(area, title, grid)
        if is_wide:
            box = Box(width - COUNT_WIDTH - 0.2, 0.54, COUNT_WIDTH, COUNT_HEIGHT)
            beside = (box.left, box.top + COUNT_HEIGHT + 0.5)
        else:
            box = Box(0.6, MAP_TOP + MAP_HEIGHT + 0.55, COUNT_WIDTH, COUNT_HEIGHT)
            beside = (box.left + COUNT_WIDTH + 0.4, box.top - 0.4)
        counts = _draw_counts(figure, chosen, run, box)
        _draw_explanation(figure, counts, grid, run, beside)
        area.freeze()
        counts.freeze()
    return figure


def build_grid_of(run: Run) -> TransitionGrid | None:
    """Grid of a run's latest transition scores; None before its first evaluation, and without a CRF."""
    if not run.transitions:
        return None
    return build_transition_grid(
        run.transitions, {name: score.support for name, score in run.evaluations[-1].types.items()}
    )


def _draw_heading(area: PlotArea, title: str, grid: TransitionGrid | None) -> None:
    """Write the title above the names of the columns, and under it how to read the map."""
    width = area.width + MAP_LEFT
    place: dict[str, Any] = {"transform": area.axes.transAxes, "ha": "left", "va": "baseline"}
    left = 0.03 / area.width - MAP_LEFT / area.width
    head, note = area.add_text(TITLE_PT, fontweight="bold", **place), area.add_text(color=area.theme.muted, **place)
    set_text(head, fit_text(title, width, 1, TITLE_PT, bold=True), left, 1 + (MAP_TOP - 0.2) / MAP_HEIGHT)
    words = plot_tr("blue: likes this tag after that one; orange: avoids it; hatched should be orange")
    if grid and grid.left_out:
        types = (len(grid.tags) - 1) // 2
        words = f"{plot_tr('{shown} of {all} types', shown=types, all=types + grid.left_out)}; {words}"
    note.set_verticalalignment("top")
    set_text(note, fit_text(words, width, 2, TEXT_PT) if grid else "", left, 1 + (MAP_TOP - 0.28) / MAP_HEIGHT)


def _draw_map(area: PlotArea, grid: TransitionGrid) -> None:
    axes, theme, size = area.axes, area.theme, len(grid.tags) + 1
    reach = max(MIN_SCORE_RANGE, float(np.nanmax(np.abs(grid.scores))))
    colours = LinearSegmentedColormap.from_list("scores", [theme.dev, theme.background, theme.train])
    image = axes.imshow(
        grid.scores, cmap=colours, norm=Normalize(-reach, reach), aspect="auto", interpolation="nearest"
    )
    axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5))
    axes.grid(False)
    axes.spines["bottom"].set_visible(False)
    forbidden = [Rectangle((column - 0.5, row - 0.5), 1, 1) for row, column in np.argwhere(~grid.allowed)]
    hatched = PatchCollection(forbidden, linewidth=0.5, alpha=0.75, facecolor="none", edgecolor=theme.muted)
    hatched.set_hatch("/" * (3 if size <= NUMBERED else 5))
    axes.add_collection(hatched)
    _name_tags(area, grid)
    if size <= NUMBERED:
        _write_scores(area, grid, reach)
    box = axes.get_position()
    across = 0.1 / area.width * box.width  # a tenth of an inch, in shares of the figure
    place = (box.x1 + across, box.y0, across, box.height)
    bar = axes.figure.colorbar(image, cax=axes.figure.add_axes(place), ticks=[-reach, 0, reach])
    bar.outline.set_visible(False)
    bar.ax.set_yticklabels([f"−{reach:.2g}", "0", f"{reach:.2g}"])
    bar.ax.tick_params(length=0, labelsize=9, labelcolor=theme.muted, labelfontfamily=fonts.font_families())


def _name_tags(area: PlotArea, grid: TransitionGrid) -> None:
    size = len(grid.tags) + 1
    tags = map(strip_undrawable, grid.tags)
    names = [tag if len(tag) <= MOST_LETTERS else tag[: MOST_LETTERS - 1] + "…" for tag in tags]
    axes, font = area.axes, TICK_PT if size <= NUMBERED else SMALL_PT
    axes.tick_params(labelbottom=False, labeltop=True, pad=3, labelsize=font)
    rows, columns = [plot_tr("start"), *names], [*names, plot_tr("end")]
    upright = size > 8 or max(map(len, columns)) * size > 12.5 * area.width
    axes.set_xticks(range(size), labels=columns, rotation=90 if upright else 0)
    axes.set_yticks(range(size), labels=rows)


def _write_scores(area: PlotArea, grid: TransitionGrid, reach: float) -> None:
    for (row, column), score in np.ndenumerate(grid.scores):
        if np.isfinite(score):
            strong = abs(score) > 0.55 * reach
            background = {"boxstyle": "square,pad=0.12", "facecolor": area.theme.background, "edgecolor": "none"}
            text = area.add_text(size=SMALL_PT, ha="center", va="center", zorder=6)
            bbox = background if not grid.allowed[row, column] and not strong else None
            colour = area.theme.background if strong else area.theme.text
            set_text(text, _format_score(score), column, row, color=colour, bbox=bbox)


def _format_score(score: float, digits: int = 1) -> str:
    """Format with a minus as wide as a plus; never minus zero."""
    return f"{round(score, digits) + 0.0:.{digits}f}".replace("-", "−")


def _draw_counts(figure: Picture, theme: Theme, run: Run, box: Box) -> PlotArea:
    """Draw the count of transitions that break the tag scheme, by evaluation."""
    area = PlotArea(figure, theme, box, plot_tr("Tags that break {scheme} (dev)", scheme=_scheme_name(run)))
    curve = area.add_curve(theme.score, 2.0, marker="o", markersize=4.5, clip_on=False)
    counted = [evaluation for evaluation in run.evaluations if evaluation.illegal is not None]
    x = np.array([evaluation.step for evaluation in counted], np.float64)
    # Without a predicted entity, 0 illegal transitions are no success: a gap, as numpy reads None as NaN.
    counts = [None if e.predicted == 0 and not e.illegal else e.illegal for e in counted]
    y = np.array(counts, np.float64)
    steps = StepAxis.of(run, float(run.steps.step[-1]) if len(run.steps) else 0.0, area.width)
    area.set_x_axis(steps.high, (0, steps.high), (plot_tr("step 0"), f"{steps.high:,.0f}"))
    highest = float(np.nanmax(y, initial=0.0))
    high = max(round_up(highest), 4.0) if highest else 4.0
    ticks = linear_ticks(high, whole=True)
    area.set_y_axis(0, high, ticks, [f"{tick:,.0f}" for tick in ticks])
    set_marked_data(curve, x, y)
    if not counted:
        set_text(add_message(area), _nothing_counted(run), 0.5, 0.5)
        return area
    left, mended = run.count_illegal(counted[-1])
    if mended:
        set_text(area.note, plot_tr("latest {mended}, all mended", mended=f"{mended:,}"))
    elif left is None:
        set_text(area.note, plot_tr("latest: no entity predicted"))
    else:
        set_text(area.note, plot_tr("latest {count}", count=f"{left:,}"))
    return area


def _nothing_counted(run: Run) -> str:
    return plot_tr("not recorded") if run.is_final else plot_tr("waiting for the first evaluation")


def _scheme_name(run: Run) -> str:
    """Name of the tag scheme that the CRF learns; BIO until it is known."""
    return match_scheme(run.transitions.tags if run.transitions else []).name


def _draw_explanation(
    figure: Picture, area: PlotArea, grid: TransitionGrid | None, run: Run, place: tuple[float, float]
) -> None:
    """Write what was learnt at a place in inches, from the figure's left and top edges."""
    width, height = figure.get_size_inches()
    room = min(width - place[0], COUNT_WIDTH + 0.2)
    sentences = [plot_tr("row: the tag before; column: the tag after"), *describe_learning(grid, run)]
    lines = "\n".join(wrap_text(sentence, int(room / text_width_in("0", TICK_PT)), 5) for sentence in sentences)
    text = area.add_text(TICK_PT, color=area.theme.muted, va="top", ha="left", linespacing=1.4)
    set_text(text, lines if grid else "", place[0] / width, 1 - place[1] / height, transform=figure.transFigure)


def describe_learning(grid: TransitionGrid | None, run: Run, tr: Callable[..., str] = plot_tr) -> list[str]:
    """Sentences on the mean scores of what the tag scheme allows and forbids; empty before they are known.

    Initial scores are within 0.1, and so is the difference of their means. The advice depends on the rates so far: the
    CRF's own, otherwise the head's, which the CRF then uses.
    """
    if grid is None or grid.allowed.all():
        return []
    allowed, forbidden = (float(np.nanmean(grid.scores[mask])) for mask in (grid.allowed, ~grid.allowed))
    scheme, difference = _scheme_name(run), allowed - forbidden
    text = N_("what {scheme} forbids scores {difference} lower than what it allows")
    if difference < 0:
        text = N_("what {scheme} forbids scores {difference} higher than what it allows")
    told = [tr(text, scheme=scheme, difference=f"{abs(difference):.2f}")]
    if difference >= 0.1:
        return [*told, tr("The CRF has begun to learn the {scheme} rules.", scheme=scheme)]
    rates = run.steps.rates
    own = rates.get("crf", rates.get("head", np.empty(0)))
    if len(own) and not np.nanmax(own):
        advice = tr("Its rate is 0, so it keeps its initial scores.")
    elif "crf" in rates:
        advice = tr("Try a larger CRF rate, or more steps.")
    else:
        advice = tr("Try a larger head or CRF rate, or more steps.")
    return [*told, tr("The CRF has not learnt the {scheme} rules yet.", scheme=scheme), advice]
