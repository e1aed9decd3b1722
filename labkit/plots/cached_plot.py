"""What pictures that are drawn again and again share: one draw at a time, in the theme and language of its moment."""

import threading
from collections.abc import Hashable

from labkit.plots import fonts
from labkit.plots.theme import theme_named


class CachedPlot:
    """A plot whose theme may change between two draws, on any thread, and whose language is that of the lab.

    A draw holds `_lock`, keeps in `_drawn` all that it depended on, `_looks()` included, and is left out where the
    next one would depend on the same.
    """

    def __init__(self, theme: str = "light"):
        """Raises ValueError for a theme that is not in THEMES."""
        self._lock = threading.RLock()
        self._theme = theme_named(theme)
        self._drawn_key: Hashable = None

    @property
    def theme(self) -> str:
        return self._theme.name

    @theme.setter
    def theme(self, name: str) -> None:
        """The next draw is in this theme. Raises ValueError for one that is not in THEMES."""
        with self._lock:
            self._theme = theme_named(name)

    def _style_key(self) -> Hashable:
        """Theme and language: where they differ, nothing of an older picture can stay."""
        return self._theme.name, fonts.plot_language()
