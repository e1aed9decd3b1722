"""Plots of the displayed run: learning curves and CRF transition scores."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from labkit.formatting import format_loss
from labkit.i18n.translation import get_language, language_name, tr
from labkit.lab import run_html
from labkit.lab.page_widgets import make_html, set_text, set_visible
from labkit.lab.picture_view import PictureView
from labkit.memo import Memo
from labkit.messages import N_
from labkit.plots.pictures import TRANSITIONS_PX, PictureSize, live_heights_px, picture_heading
from labkit.runs.run import Run
from labkit.settings import format_rate

if TYPE_CHECKING:
    from labkit.plots.crf_transitions import TransitionsPlot
    from labkit.plots.live import LivePlot

HINTS = N_(("Press Train: the curves appear here.", "What the CRF learns appears here."))
FONT_HINT = N_(
    "No Chinese font was found, so pictures are in English, with … for Chinese names. Install one (Debian and Ubuntu: "
    "apt-get install fonts-noto-cjk; Fedora: dnf install google-noto-sans-cjk-fonts; macOS and Windows have one), then "
    "restart the kernel."
)


class RunPlots:
    """Picture views of a run's plots (`curves`, `transitions`), drawn for the width that the page has for them.

    `font_hint` warns about a missing font. matplotlib is imported with the first draw, as that takes longer than
    listing a thousand runs.
    """

    def __init__(self, on_resize: Callable[[], None]) -> None:
        """`on_resize` is called when the page has another width."""
        self.curves, self.transitions = _view("labkit-live-picture"), _view("labkit-transitions")
        self.font_hint = make_html("labkit-font-hint")
        self._plots: list[tuple[PictureView, LivePlot | TransitionsPlot, Callable[[Run], str]]] = []
        self._memo = Memo()
        for view in (self.curves, self.transitions):
            view.observe(lambda _: on_resize(), names=["width", "pixel_ratio"])
        self.retranslate()

    def retranslate(self) -> None:
        """Set the hints in the current language; the pictures follow at the next draw."""
        self.curves.hint, self.transitions.hint = map(tr, HINTS)

    def draw(self, run: Run | None, theme: str) -> None:
        """Draw the plots that changed; without a run their hints are shown."""
        if not self._plots:
            from labkit.plots.crf_transitions import TransitionsPlot
            from labkit.plots.live import LivePlot

            self._plots = [
                (self.curves, LivePlot(), describe_curves),
                (self.transitions, TransitionsPlot(), describe_transitions),
            ]
        set_visible(self.transitions, run is None or not has_no_tags(run))
        for view, plot, describe in self._plots:
            plot.theme, plot.size = theme, PictureSize(view.width, view.pixel_ratio)
            png = plot.draw(run) if run else b""
            if view.value is not png:
                view.alt = describe(run) if run else ""
                view.value = png

    def close(self) -> None:
        """Release the figures: they are most of the memory of a closed lab."""
        self._plots = []

    def update_font_hint(self, names: Sequence[str]) -> None:
        """Show the hint if no font has the Chinese of the plots.

        Args:
            names: names of the runs, which appear in the plots.
        """
        from labkit.plots.fonts import strip_undrawable

        texts = [language_name(get_language()), *names]
        is_missing = self._memo("font", texts, lambda: any(strip_undrawable(text) != text for text in texts))
        set_text(self.font_hint, run_html.render_warning(FONT_HINT) if is_missing else "")


def has_no_tags(run: Run) -> bool:
    """True for a run that ended before its first evaluation: nothing is known of the tags that it predicts."""
    return run.is_final and run.transitions is None and all(each.illegal is None for each in run.evaluations)


def describe_curves(run: Run) -> str:
    """Latest numbers of a run's curves in words, for readers who do not see them."""
    progress, latest, best = run.progress(), run.summary().latest, run.best
    told = [tr("step {step}", step=f"{progress.step:,}")]
    if len(run.steps) and math.isfinite(run.steps.loss[-1]):
        told.append(tr("loss per word {loss}", loss=format_loss(float(run.steps.loss[-1]), 3)))
    if latest and latest.loss is not None:
        told.append(tr("on dev {loss}", loss=format_loss(latest.loss, 3)))
    if best and best.score is not None:
        told.append(tr("best F1 {f1} at epoch {epoch}", f1=f"{best.score:.3f}", epoch=f"{best.epoch:.3g}"))
    if run.corpus and (entropies := run.corpus.describe_entropies()):
        told.append(tr(entropies))
    known = [event.describe() for event in (*run.moves[-1:], run.paths) if event]
    told += [tr(sentence) for sentence in known if sentence]
    told += [tr("{group} rate {rate}", group=tr(group.name), rate=format_rate(group.rate)) for group in run.groups]
    return f"{picture_heading(run)}: {', '.join(told)}"


def describe_transitions(run: Run) -> str:
    """What a run's CRF has learnt in words."""
    from labkit.plots.crf_transitions import build_grid_of, describe_learning

    told = [tr("Scores of transitions in the CRF"), *describe_learning(build_grid_of(run), run, tr)]
    return f"{picture_heading(run)}: {' '.join(told)}"


def build_css() -> str:
    """Style sheet that keeps the places of the pictures free before they are drawn."""
    pictures = {"labkit-live-picture": live_heights_px(), "labkit-transitions": TRANSITIONS_PX}
    return "".join(
        f"@container labkit-picture (min-width: {least}px) {{ .{name} > * {{ height: {height}px; }} }}\n"
        for name, heights in pictures.items()
        for least, height in heights.items()
    )


def _view(name: str) -> PictureView:
    return PictureView(_dom_classes=("labkit-picture", name))
