"""Menu whose options change while the user's choice stays, for example one of runs."""

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from labkit.lab.page_widgets import css_classes
from labkit.runs.run import Run

Options = list[tuple[str, str]]  # (label, value)


class ChoiceMenu(widgets.Dropdown):  # type: ignore[misc]
    """Dropdown that shows the user's choice wherever it is offered, else the first option.

    `chosen` is the value that the user has chosen; None before. A menu of runs, newest first, so follows the newest.
    """

    options: Any

    def __init__(self, name: str, on_choice: Callable[[], None]) -> None:
        """
        Args:
            name: its CSS class.
            on_choice: called after each choice of the user.
        """
        self.chosen: str | None = None
        self._choice_lock = threading.RLock()
        self._is_updating = False
        self._on_choice = on_choice
        super().__init__(options=[], layout={"width": "auto", "max_width": "100%"}, **css_classes(name))
        self.style.description_width = "auto"
        self.observe(self._on_value, names="value")

    def set_options(self, options: Options) -> None:
        """Offer these options, without calling back."""
        values = [value for _, value in options]
        with self._choice_lock, self.hold_sync():  # or the page would jump to the first option and back
            self._is_updating = True
            try:
                if tuple(self.options) != tuple(options):
                    self.options = options
                self.value = self.chosen if self.chosen in values else next(iter(values), None)
            finally:
                self._is_updating = False

    def _on_value(self, change: Any) -> None:
        with self._choice_lock:
            if self._is_updating:
                return
            self.chosen = change.new
        self._on_choice()


def run_options(runs: Sequence[Run], names: Mapping[Path, str]) -> Options:
    """Options of a menu of runs, by folder name; labels hold the corpus if there are several.

    Args:
        names: names of the runs, by folder.
    """
    corpora = {run.folder: Path(run.config.corpus).name if run.config else "" for run in runs}
    is_mixed = len(set(corpora.values())) > 1
    return [(names[run.folder] + f" ({corpora[run.folder]})" * is_mixed, run.folder.name) for run in runs]
