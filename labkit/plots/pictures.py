"""Shapes and headings of the pictures on the lab's page. Needs no matplotlib.

The page reserves each picture's place before the first one is drawn.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from labkit.runs.run import Run

CSS_DPI = 96  # pixels of a page an inch: at this resolution a figure's points are the page's
# By least width in CSS pixels: columns of the live plot, and the height of each of its NUM_PLOTS plots with its texts.
LIVE_SHAPES = {0: (1, 164), 600: (2, 205), 880: (2, 250)}
HEADING_PX, NUM_PLOTS = 22, 6
# Height of the plot of transitions; from the second width on, counts stand beside the map, otherwise below it.
TRANSITIONS_PX = {0: 690, 800: 490}

T = TypeVar("T")


@dataclass(frozen=True)
class PictureSize:
    """Width that a page has for a picture, in CSS pixels, and the device pixels of each.

    The height follows from the width. Letters keep their size, whatever the width.
    """

    width: int = 960
    pixel_ratio: float = 1.25

    @property
    def width_in(self) -> float:
        """Width of the figure in inches."""
        return self.width / CSS_DPI

    @property
    def dpi(self) -> float:
        """Resolution of the figure.

        Above 2 device pixels the eye sees no difference, but drawing takes longer.
        """
        return CSS_DPI * min(max(self.pixel_ratio, 1.0), 2.0)


def at_width(shapes: Mapping[int, T], width: int) -> T:
    """The entry for a width in CSS pixels, of those by least width."""
    return shapes[max(least for least in shapes if least <= width)]


def live_heights_px() -> dict[int, int]:
    """Height of the live plot, by least width."""
    return {least: HEADING_PX + NUM_PLOTS // columns * height for least, (columns, height) in LIVE_SHAPES.items()}


def picture_heading(run: Run) -> str:
    """Run and corpus that a picture shows: `#3 my name · wnut16`."""
    corpus = run.corpus.name if run.corpus else run.config.corpus if run.config else ""
    return " · ".join(filter(None, [f"{run.title} {run.name}".strip(), corpus]))
