"""A sentence typed in, tagged by a finished run."""

import html
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from labkit.lab import words
from labkit.lab.theme import THEMES
from labkit.runs.store import Run
from labkit.training import launch

EXAMPLE = "Barack Obama flew to New York with @tim to see the Empire State Building"


class TryIt:
    """Run menu, text, and the text with its entities marked. Tagging runs in a process of its own."""

    def __init__(self, predict: Callable[[Path, str], dict[str, Any]] = launch.predict):
        self._predict = predict
        self._runs: dict[str, Run] = {}
        self._offered: str | None = None
        self.run = widgets.Dropdown(options=[], description="by run", layout={"width": "min(100%, 420px)"})
        self.run.style.description_width = "52px"
        wide = {"width": "calc(100% - 6px)"}
        self.text = widgets.Textarea(value=EXAMPLE, rows=2, layout=wide, continuous_update=False)
        self.button = widgets.Button(description="Mark entities", icon="tags", layout={"width": "140px"})
        self.answer = widgets.HTML()
        for widget, name in ((self.run, "run"), (self.text, "text"), (self.button, "go"), (self.answer, "answer")):
            widget.add_class(f"labkit-try-{name}")
        self.button.on_click(lambda _: threading.Thread(target=self.go, daemon=True).start())
        self._tools = widgets.HBox([self.run, self.button], layout={"flex_flow": "row wrap"})
        self._hint = widgets.HTML('<div class="labkit-muted">As soon as a run has kept its weights, try it here.</div>')
        self.widget = widgets.VBox([self._hint, self.text, self._tools, self.answer])
        self.refresh([], {})

    def refresh(self, runs: Sequence[Run], names: dict[Path, str]) -> None:
        """Offers the runs that have weights, the newest first, which is offered until somebody chooses another."""
        usable = [run for run in reversed(runs) if run.is_final and has_weights(run)]
        self._runs = {names[run.folder]: run for run in usable}
        if tuple(self.run.options) != tuple(self._runs):
            chosen = self.run.value
            self.run.options = list(self._runs)
            newest = next(iter(self._runs), None)
            kept = chosen in self._runs and chosen != self._offered  # somebody chose it
            self.run.value = chosen if kept else newest
            self._offered = newest
        for widget, shown in ((self._hint, not usable), (self.text, usable), (self._tools, usable)):
            wanted = None if shown else "none"
            if widget.layout.display != wanted:
                widget.layout.display = wanted

    def go(self) -> None:
        """Tags the text; says in `answer` what came out, or what went wrong."""
        run = self._runs.get(self.run.value or "")
        if run is None or not self.text.value.strip():
            self.answer.value = '<div class="labkit-muted">Type a sentence and choose a run.</div>'
            return
        self.answer.value = '<div class="labkit-muted">reading…</div>'
        try:
            self.answer.value = shown(self.text.value, self._predict(run.folder, self.text.value), run)
        except (ValueError, RuntimeError, OSError) as problem:
            self.answer.value = f'<div class="labkit-problem">{html.escape(str(problem))}</div>'


def shown(text: str, found: dict[str, Any], run: Run) -> str:
    """The marked text, and how many entities it holds, by which run."""
    types = sorted({tag[2:] for tag in run.corpus.tags if tag != "O"}) if run.corpus else []
    colours = THEMES["light"].runs
    by_type = {name: colours[place % len(colours)] for place, name in enumerate(types)}
    count = len(found["entities"])
    told = "no entity" if count == 0 else "1 entity" if count == 1 else f"{count} entities"
    line = f'<div class="labkit-muted">{told} found by {html.escape(run.title)} in {found["seconds"]:.1f} s</div>'
    return words.marked(text, found["entities"], by_type) + line


def has_weights(run: Run) -> bool:
    """Whether a run's folder holds a checkpoint."""
    return any(os.path.isfile(f"{run.folder}/{name}/tagger.json") for name in ("best", "last"))
