"""Base class for plots that are redrawn: lock, theme, size, memo."""

import threading
from collections.abc import Hashable

from labkit.memo import Memo
from labkit.plots import fonts
from labkit.plots.pictures import PictureSize
from labkit.plots.theme import theme_named


class CachedPlot:
    """Thread-safe plot that is drawn only if something has changed.

    Theme and size may be set between two draws, on any thread; the language is the lab's. `draw` holds `_lock` and
    keeps figure and picture in `_memo`, with keys that hold `_style_key()` and the versions of the runs.
    """

    def __init__(self, theme: str = "light"):
        """Raises ValueError for a theme that is not in THEMES."""
        self._lock = threading.RLock()
        self._theme = theme_named(theme)
        self.size = PictureSize()
        self._memo = Memo()

    @property
    def theme(self) -> str:
        """Name of the next draw's theme. Setting one that is not in THEMES raises ValueError."""
        return self._theme.name

    @theme.setter
    def theme(self, name: str) -> None:
        with self._lock:
            self._theme = theme_named(name)

    def _style_key(self) -> Hashable:
        """Theme, size and language; an older figure is reusable only if all match."""
        return self._theme.name, self.size, fonts.plot_language()
