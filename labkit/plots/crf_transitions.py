"""Heat map of CRF transition scores, with counts of illegal transitions.

A CRF that learns gives the lowest scores to what its tag scheme forbids, and illegal transitions disappear. One whose
rate is too low stays near its initial scores, and illegal transitions remain.
"""

from dataclasses import dataclass

import numpy as np
from matplotlib.collections import PatchCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.patches import Rectangle

from labkit.data.tags import match_scheme
from labkit.events import CrfTransitions
from labkit.plots import fonts
from labkit.plots.axes import Box, PlotArea, set_marked_data, set_text
from labkit.plots.cached_plot import CachedPlot
from labkit.plots.fonts import plot_tr, strip_undrawable
from labkit.plots.renderer import Picture, exclusive_drawing, to_png
from labkit.plots.series import linear_ticks, round_up
from labkit.plots.step_axis import StepAxis, add_message
from labkit.plots.theme import Theme, theme_named
from labkit.runs.curves import FloatArray
from labkit.runs.run import Run

SIZE, DPI = (10.0, 4.8), 120
MAP, BAR, COUNT, EXPLANATION_TOP = Box(0.98, 1.16, 4.9, 3.5), Box(6.0, 1.16, 0.1, 3.5), Box(7.2, 0.54, 2.6, 1.7), 2.75
MOST_TYPES = 10  # 21 tags; more could not be read
MOST_LETTERS = 11  # of a tag
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
    """Plot of one run's CRF, redrawn at every evaluation; of constant size."""

    def draw(self, run: Run | None) -> bytes:
        """Return the plot as PNG; the same object if only steps have changed."""
        with self._lock:
            content = run and (run, run.state, run.plan, run.summary().latest, run.transitions)
            key = (self._style_key(), content)
            return self._memo("png", key, lambda: to_png(transitions_figure(run, self._theme.name)))


def transitions_figure(run: Run | None, theme: str = "light") -> Picture:
    """Figure of one run's CRF, for a notebook or a file."""
    chosen = theme_named(theme)
    with exclusive_drawing():
        figure = Picture(figsize=SIZE, dpi=DPI, facecolor=chosen.background)
        grid = None
        if run and run.transitions:
            support = {name: score.support for name, score in run.evaluations[-1].types.items()}
            grid = build_transition_grid(run.transitions, support)
        title = plot_tr("Scores of transitions in the CRF")
        area = PlotArea(figure, chosen, MAP, "" if grid else title)
        if grid:
            _draw_map(area, grid)
            _draw_heading(area, title, grid)
        else:
            area.axes.spines["bottom"].set_visible(False)
            has_no_crf = run and run.config and run.config.decoder != "crf"
            reason = plot_tr("this run has no CRF") if has_no_crf else _nothing_counted(run)
            set_text(add_message(area), reason, 0.5, 0.5)
        counts = _draw_counts(figure, chosen, run)
        _draw_explanation(counts, grid, run)
        area.freeze()
        counts.freeze()
    return figure


def _draw_heading(area: PlotArea, title: str, grid: TransitionGrid) -> None:
    """Write the title above the names of the columns."""
    head = area.add_text(size=11, fontweight="bold", va="baseline")
    set_text(head, title, 0, 1 + (MAP.top - 0.26) / MAP.height, transform=area.axes.transAxes, ha="left")
    note = area.add_text(size=8.5, color=area.theme.muted, va="baseline", ha="right")
    types = (len(grid.tags) - 1) // 2
    count = plot_tr("{shown} of {all} types", shown=types, all=types + grid.left_out) if grid.left_out else ""
    set_text(note, count, 1, 1 + (MAP.top - 0.26) / MAP.height, transform=area.axes.transAxes)


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
    width, height = SIZE
    place = (BAR.left / width, 1 - (BAR.top + BAR.height) / height, BAR.width / width, BAR.height / height)
    bar = axes.figure.colorbar(image, cax=axes.figure.add_axes(place), ticks=[-reach, 0, reach])
    bar.outline.set_visible(False)
    bar.ax.set_yticklabels([f"−{reach:.2g}", "0", f"{reach:.2g}"])
    bar.ax.tick_params(length=0, labelsize=9, labelcolor=theme.muted, labelfontfamily=fonts.font_families())


def _name_tags(area: PlotArea, grid: TransitionGrid) -> None:
    size = len(grid.tags) + 1
    tags = map(strip_undrawable, grid.tags)
    names = [tag if len(tag) <= MOST_LETTERS else tag[: MOST_LETTERS - 1] + "…" for tag in tags]
    axes, font = area.axes, 9 if size <= NUMBERED else 8
    axes.tick_params(labelbottom=False, labeltop=True, pad=3, labelsize=font)
    rows, columns = [plot_tr("start"), *names], [*names, plot_tr("end")]
    upright = size > 8 or max(map(len, columns)) * size > 62
    axes.set_xticks(range(size), labels=columns, rotation=90 if upright else 0)
    axes.set_yticks(range(size), labels=rows)


def _write_scores(area: PlotArea, grid: TransitionGrid, reach: float) -> None:
    for (row, column), score in np.ndenumerate(grid.scores):
        if np.isfinite(score):
            strong = abs(score) > 0.55 * reach
            background = {"boxstyle": "square,pad=0.12", "facecolor": area.theme.background, "edgecolor": "none"}
            text = area.add_text(size=8, ha="center", va="center", zorder=6)
            bbox = background if not grid.allowed[row, column] and not strong else None
            colour = area.theme.background if strong else area.theme.text
            set_text(text, _format_score(score), column, row, color=colour, bbox=bbox)


def _format_score(score: float, digits: int = 1) -> str:
    """Format with a minus as wide as a plus; never minus zero."""
    return f"{round(score, digits) + 0.0:.{digits}f}".replace("-", "−")


def _draw_counts(figure: Picture, theme: Theme, run: Run | None) -> PlotArea:
    """Draw the count of illegal transitions by evaluation."""
    mends = run is not None and run.config is not None and run.config.legal_only
    title = plot_tr("Illegal on dev, before mending") if mends else plot_tr("Illegal transitions on dev")
    area = PlotArea(figure, theme, COUNT, title)
    curve = area.add_curve(theme.score, 2.0, marker="o", markersize=4.5, clip_on=False)
    counted = [evaluation for evaluation in run.evaluations if evaluation.illegal is not None] if run else []
    x = np.array([evaluation.step for evaluation in counted], np.float64)
    # Without a predicted entity, 0 illegal transitions are no success: a gap, as numpy reads None as NaN.
    counts = [None if e.predicted == 0 and not e.illegal else e.illegal for e in counted]
    y = np.array(counts, np.float64)
    steps = StepAxis.of(run, float(run.steps.step[-1]) if run and len(run.steps) else 0.0)
    area.set_x_axis(steps.high, (0, steps.high), (plot_tr("step 0"), f"{steps.high:,.0f}") if run else ("", ""))
    highest = float(np.nanmax(y, initial=0.0))
    high = max(round_up(highest), 4.0) if highest else 4.0
    ticks = linear_ticks(high, whole=True)
    area.set_y_axis(0, high, ticks, [f"{tick:,.0f}" for tick in ticks])
    set_marked_data(curve, x, y)
    if not run or not counted:
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


def _nothing_counted(run: Run | None) -> str:
    if run is None:
        return plot_tr("no run yet")
    return plot_tr("not recorded by this run") if run.is_final else plot_tr("waiting for the first evaluation")


def _draw_explanation(area: PlotArea, grid: TransitionGrid | None, run: Run | None) -> None:
    lines = [plot_tr("row: the tag before; column: the tag after"), plot_tr("hatched: what the tag scheme forbids")]
    if grid is not None and not grid.allowed.all():
        allowed, forbidden = (float(np.nanmean(grid.scores[mask])) for mask in (grid.allowed, ~grid.allowed))
        lines += ["", plot_tr("mean score of what is allowed: {allowed}", allowed=_format_score(allowed, 2))]
        lines += [plot_tr("of what is forbidden: {forbidden}", forbidden=_format_score(forbidden, 2))]
        lines += ["", *_describe_learning(allowed - forbidden, run)]
    text = area.add_text(size=9, color=area.theme.muted, va="top", ha="left", linespacing=1.45)
    y = -(EXPLANATION_TOP - COUNT.top - COUNT.height) / COUNT.height
    set_text(text, "\n".join(lines) if grid else "", 0, y, transform=area.axes.transAxes)


def _describe_learning(difference: float, run: Run | None) -> list[str]:
    """Sentences on the difference of mean scores, allowed less forbidden.

    Initial scores are within 0.1, and so is the difference of their means. The advice depends on the rates so far: the
    CRF's own, otherwise the head's, which the CRF then uses.
    """
    if difference >= 0.1:
        return [plot_tr("The CRF has begun to learn the scheme.")]
    rates = run.steps.rates if run else {}
    own = rates.get("crf", rates.get("head", np.empty(0)))
    if len(own) and not np.nanmax(own):
        advice = plot_tr("its rate is 0, so it keeps its initial scores.")
    else:
        advice = plot_tr("a larger CRF rate teaches it." if "crf" in rates else "a larger head or CRF rate teaches it.")
    return [plot_tr("The CRF knows no rule of the scheme yet:"), advice]
