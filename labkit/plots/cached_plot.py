"""Base class for plots that are redrawn: lock, theme, skip if unchanged."""

import threading
from collections.abc import Hashable

from labkit.plots import fonts
from labkit.plots.theme import theme_named


class CachedPlot:
    """Thread-safe plot that skips a draw if nothing has changed.

    The theme may be set between two draws, on any thread; the language is the lab's. A draw holds `_lock` and keeps in
    `_drawn_key` all that it depended on, `_style_key()` included. The next draw is skipped if its key is the same.
    """

    def __init__(self, theme: str = "light"):
        """Raises ValueError for a theme that is not in THEMES."""
        self._lock = threading.RLock()
        self._theme = theme_named(theme)
        self._drawn_key: Hashable = None

    @property
    def theme(self) -> str:
        """Name of the next draw's theme. Setting one that is not in THEMES raises ValueError."""
        return self._theme.name

    @theme.setter
    def theme(self, name: str) -> None:
        with self._lock:
            self._theme = theme_named(name)

    def _style_key(self) -> Hashable:
        """Theme and language; an older figure is reusable only if both match."""
        return self._theme.name, fonts.plot_language()
