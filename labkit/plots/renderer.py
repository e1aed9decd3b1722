"""A figure turned into PNG pictures, fast: what stays is drawn once, what moves is drawn over a copy of it."""

import io
import threading
from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib import rcParams
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from labkit.plots.theme import Theme

_DRAW_LOCK = threading.RLock()

Pixels = npt.NDArray[np.uint8]


@contextmanager
def exclusive_drawing() -> Iterator[None]:
    """One drawer at a time, as matplotlib's caches of fonts and texts are shared between figures.

    Letters are drawn as they are, not fitted to pixels: a page shows pictures in other sizes than they have, and eight
    runs side by side take a fifth less. No rc_context, which would take back what a notebook sets meanwhile.
    """
    with _DRAW_LOCK:
        before = rcParams["text.hinting"]
        rcParams["text.hinting"] = "none"
        try:
            yield
        finally:
            rcParams["text.hinting"] = before


class Picture(Figure):
    """A figure that a notebook shows by itself, without pyplot, which would keep each one until it is closed."""

    _png: bytes | None = None

    def png(self) -> bytes:
        """The whole figure, drawn again only when something in it was changed since."""
        if self._png is None or self.stale:
            self._png = to_png(self)
            self.stale = False  # matplotlib leaves it True; any change of an artist sets it again
        return self._png

    def _repr_png_(self) -> bytes:
        return self.png()


def to_png(figure: Figure) -> bytes:
    """The whole figure as PNG, in all its colours."""
    file = io.BytesIO()
    quickly = {"compress_level": 1}  # eight runs: 0.04 s and 303 kB, where the default takes 0.09 s for 286 kB
    with exclusive_drawing():
        figure.savefig(file, format="png", dpi="figure", facecolor="auto", metadata={"Software": None},
                       pil_kwargs=quickly)  # fmt: skip
    return file.getvalue()


class BlitRenderer:
    """Draws one figure again and again. Artists that move must be animated, and lie above all that stay."""

    def __init__(self, figure: Figure, theme: Theme):
        self.figure = figure
        self.theme = theme
        self.agg = FigureCanvasAgg(figure)
        self.full_draws = 0
        self._layout_key: Hashable = None
        self._background_indices: Pixels | None = None  # what stays, as palette numbers, (height, width)
        self._text_cache: dict[Text, tuple[Hashable, Any]] = {}  # how they looked, and the pixels of them

    def png(self, animated: Iterable[Artist], layout_key: Hashable) -> bytes:
        """The figure with the moving artists, in 64 colours.

        Args:
            moving: in the order in which they are to be painted, but words go below curves, and not over other words.
            stamp: anything that differs once what stays has changed, such as the limits of the axes; drawing that
                costs several times as much as the moving artists.
        """
        with exclusive_drawing():
            if self._background_indices is None or layout_key != self._layout_key:
                self._draw_background()
                self._layout_key = layout_key
            self.agg.restore_region(self._background_region)
            words, curves = _separate_texts(animated)
            for text in words:
                self._draw_text(text)
            for artist in curves:
                artist.draw(self.agg.get_renderer())
            return self._encode_png()

    def _draw_text(self, text: Text) -> None:
        """Words take as long as curves (1 to 2 ms each), and change less often: copies of them are kept."""
        aligned = (text.get_horizontalalignment(), text.get_verticalalignment())
        looks = (text.get_text(), text.get_position(), text.get_fontweight(), *aligned)
        known, patch = self._text_cache.get(text, (None, None))
        if known == looks:
            self.agg.restore_region(patch)
            return
        renderer = self.agg.get_renderer()
        text.draw(renderer)
        around = (text.get_bbox_patch() or text).get_window_extent(renderer).padded(3)
        self._text_cache[text] = looks, self.agg.copy_from_bbox(around)

    def _draw_background(self) -> None:
        self.agg.draw()
        self._background_region = self.agg.copy_from_bbox(self.figure.bbox)
        self._background_rgba = self._pixels().copy()
        self._text_cache.clear()
        self._background_indices = _lookup(self.theme)[_keys(self._background_rgba)]
        self.full_draws += 1

    def _pixels(self) -> npt.NDArray[np.uint32]:
        """The four bytes of every pixel as one number, (height, width); a view."""
        return np.asarray(np.asarray(self.agg.buffer_rgba()).view("<u4")[..., 0], np.uint32)

    def _encode_png(self) -> bytes:
        assert self._background_indices is not None
        pixels, numbers = self._pixels(), self._background_indices.copy()
        changed = pixels != self._background_rgba  # looking up only these saves 5 ms of 6
        numbers[changed] = _lookup(self.theme)[_keys(pixels[changed])]
        image = Image.fromarray(numbers)
        image.putpalette(_palette(self.theme).tobytes())
        file = io.BytesIO()
        image.save(file, "PNG", compress_level=3, compress_type=3)  # 3 is zlib's Z_RLE: 2 ms where the default takes 6
        return file.getvalue()


def _separate_texts(animated: Iterable[Artist]) -> tuple[list[Text], list[Artist]]:
    """Words and the rest, which is painted over them."""
    artists = list(animated)
    words = [artist for artist in artists if isinstance(artist, Text)]
    return words, [artist for artist in artists if not isinstance(artist, Text)]


def _keys(pixels: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """The upper five bits of red, green and blue side by side: 15 bits."""
    return np.asarray(((pixels & 0xF8) << 7) | ((pixels >> 6) & 0x3E0) | ((pixels >> 19) & 0x1F), np.uint32)


@lru_cache
def _palette(theme: Theme) -> Pixels:
    """The theme's colours in shades down to the background, as smooth edges need them, (64, 3)."""
    background = np.array(to_rgb(theme.background))
    shades = [(theme.text, (1, 0.85, 0.7, 0.55, 0.4, 0.25, 0.12)), (theme.muted, (1, 0.75, 0.5, 0.25))]
    shades += [(theme.grid, (1, 0.5)), (theme.background, (1, 1))]
    shades += [(colour, (1, 0.82, 0.64, 0.46, 0.3, 0.15)) for colour in theme.runs]
    mixed = [share * np.array(to_rgb(colour)) + (1 - share) * background for colour, parts in shades for share in parts]
    return np.asarray(np.rint(np.array(mixed) * 255), np.uint8)


@lru_cache
def _lookup(theme: Theme) -> Pixels:
    """For each of `_keys` the number of the nearest colour of the palette, (32768,)."""
    bits = np.arange(32)
    corners = np.stack(np.meshgrid(bits, bits, bits, indexing="ij"), axis=-1).reshape(-1, 3) * (255 / 31)
    far = [((corners - colour) ** 2).sum(axis=1) for colour in _palette(theme).astype(np.float64)]
    return np.asarray(np.argmin(far, axis=0), np.uint8)
