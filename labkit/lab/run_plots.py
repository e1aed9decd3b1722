"""The pictures of the run that the page shows: its curves, and what its CRF has learnt."""

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING

import ipywidgets as widgets

from labkit.i18n.translation import LANGUAGES, get_language, tr
from labkit.lab.page_widgets import make_html, set_text
from labkit.runs.run import Run

if TYPE_CHECKING:
    from labkit.plots.crf_transitions import TransitionsPlot
    from labkit.plots.live import LivePlot

BLANK = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABh6FO1AAAAABJRU5ErkJggg=="
)
FONT_HINT = (
    "No Chinese font was found, so pictures are in English, with … for Chinese names. Install one (Debian and Ubuntu: "
    "apt-get install fonts-noto-cjk; Fedora: dnf install google-noto-sans-cjk-fonts; macOS and Windows have one), then "
    "restart the kernel."
)


class RunPlots:
    """`curves` and `transitions` are images on the page, `hint` is a line for what they cannot be written with.

    Nothing here imports matplotlib before the first draw: that takes longer than listing a thousand runs.
    """

    def __init__(self) -> None:
        self.curves, self.transitions = _image("labkit-live-picture"), _image("labkit-transitions")
        self.font_hint = make_html("labkit-font-hint")
        self._plots: list[tuple[widgets.Image, LivePlot | TransitionsPlot]] = []
        self._checked_texts: list[str] = []

    def draw(self, run: Run | None, theme: str) -> None:
        """Draws what is new."""
        for image, plot in self._load_plots():
            plot.theme = theme
            png = plot.draw(run)
            if png is not None:
                image.value = png

    def close(self) -> None:
        """Lets its figures go: they are most of what a closed lab would still hold."""
        self._plots = []

    def _load_plots(self) -> "list[tuple[widgets.Image, LivePlot | TransitionsPlot]]":
        if not self._plots:
            from labkit.plots.crf_transitions import TransitionsPlot
            from labkit.plots.live import LivePlot

            self._plots = [(self.curves, LivePlot()), (self.transitions, TransitionsPlot())]
        return self._plots

    def update_font_hint(self, names: Sequence[str]) -> None:
        """Tells what is missing where a picture would have Chinese in it, and no font to draw it with.

        Args:
            names: of runs.
        """
        from labkit.plots.fonts import strip_undrawable

        wanted = [LANGUAGES[get_language()], *names]
        if wanted != self._checked_texts:
            self._checked_texts = wanted
            missing = any(strip_undrawable(text) != text for text in wanted)
            set_text(self.font_hint, f'<div class="labkit-warning">{tr(FONT_HINT)}</div>' if missing else "")


def _image(name: str) -> widgets.Image:
    image = widgets.Image(value=BLANK, format="png", layout={"width": "100%", "max_width": "1100px"})
    image.add_class(name)
    return image
