"""Plots of the displayed run: learning curves and CRF transition scores."""

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING

import ipywidgets as widgets

from labkit.i18n.translation import get_language, language_name
from labkit.lab import run_html
from labkit.lab.page_widgets import make_html, set_picture, set_text
from labkit.memo import Memo
from labkit.messages import N_
from labkit.runs.run import Run

if TYPE_CHECKING:
    from labkit.plots.crf_transitions import TransitionsPlot
    from labkit.plots.live import LivePlot

BLANK = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABh6FO1AAAAABJRU5ErkJggg=="
)
FONT_HINT = N_(
    "No Chinese font was found, so pictures are in English, with … for Chinese names. Install one (Debian and Ubuntu: "
    "apt-get install fonts-noto-cjk; Fedora: dnf install google-noto-sans-cjk-fonts; macOS and Windows have one), then "
    "restart the kernel."
)


class RunPlots:
    """Image widgets of a run's plots (`curves`, `transitions`).

    `font_hint` warns about a missing font. matplotlib is imported with the first draw, as that takes longer than
    listing a thousand runs.
    """

    def __init__(self) -> None:
        self.curves, self.transitions = _image("labkit-live-picture"), _image("labkit-transitions")
        self.font_hint = make_html("labkit-font-hint")
        self._plots: list[tuple[widgets.Image, LivePlot | TransitionsPlot]] = []
        self._memo = Memo()

    def draw(self, run: Run | None, theme: str) -> None:
        """Draw the plots that changed."""
        if not self._plots:
            from labkit.plots.crf_transitions import TransitionsPlot
            from labkit.plots.live import LivePlot

            self._plots = [(self.curves, LivePlot()), (self.transitions, TransitionsPlot())]
        for image, plot in self._plots:
            plot.theme = theme
            set_picture(image, plot.draw(run))

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


def _image(name: str) -> widgets.Image:
    image = widgets.Image(value=BLANK, format="png", layout={"width": "100%", "max_width": "1100px"})
    image.add_class(name)
    return image
