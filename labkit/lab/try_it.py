"""Try-it panel: tag a typed sentence with a finished run."""

import html
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from labkit.i18n.translation import tr
from labkit.jobs import launch
from labkit.lab import run_html
from labkit.lab.choice_menu import ChoiceMenu, run_options
from labkit.lab.page_widgets import set_visible
from labkit.messages import Message, message_of, plural
from labkit.plots.theme import THEMES
from labkit.presets import DEFAULT_PAIR, STARTER_PAIRS, find_starter_pair
from labkit.runs.folder import CHECKPOINT_SETTINGS, CHECKPOINTS
from labkit.runs.store import Run


class TryItPanel:
    """Run menu, text field, and the text with its entities marked.

    Tagging runs in a separate process.
    """

    def __init__(self, predict: Callable[[Path, str], dict[str, Any]] = launch.predict):
        self._predict = predict
        self._runs: dict[str, Run] = {}  # by folder name
        self._lock = threading.Lock()
        self._request_number = 0
        self.run_menu = ChoiceMenu("labkit-try-run", self._set_example)
        wide = {"width": "calc(100% - 6px)"}
        self.text = widgets.Textarea(
            value=STARTER_PAIRS[DEFAULT_PAIR].example, rows=2, layout=wide, continuous_update=False
        )
        self.button = widgets.Button(icon="tags", layout={"width": "140px"})
        self.answer = widgets.HTML()
        for widget, name in ((self.text, "text"), (self.button, "go"), (self.answer, "answer")):
            widget.add_class(f"labkit-try-{name}")
        self.button.on_click(lambda _: threading.Thread(target=self.tag_text, daemon=True).start())
        self._tools = widgets.HBox([self.run_menu, self.button], layout={"flex_flow": "row wrap"})
        self._hint = widgets.HTML()
        self.widget = widgets.VBox([self._hint, self.text, self._tools, self.answer])
        self._render_answer: Callable[[], str] = str
        self.retranslate()
        self.refresh([], {})

    def retranslate(self) -> None:
        """Set all texts in the current language."""
        self.run_menu.description = tr("by run")
        self.button.description = tr("Mark entities")
        self._hint.value = run_html.render_muted(tr("As soon as a run has saved its weights, you can try it here."))
        self.answer.value = self._render_answer()

    def refresh(self, runs: Sequence[Run], names: dict[Path, str]) -> None:
        """List the runs with weights, newest first.

        The newest is selected until the user chooses another.
        """
        usable = [run for run in reversed(runs) if run.is_final and has_weights(run)]
        self._runs = {run.folder.name: run for run in usable}
        self.run_menu.set_options(run_options(usable, names))
        self._set_example()
        for widget, visible in ((self._hint, not usable), (self.text, usable), (self._tools, usable)):
            set_visible(widget, bool(visible))

    def _set_example(self) -> None:
        """Set an example in the run's language, unless the user typed."""
        run = self._runs.get(self.run_menu.value or "")
        pair = find_starter_pair(run.config) if run and run.config else None
        if pair and self.text.value in {each.example for each in STARTER_PAIRS.values()}:
            self.text.value = pair.example

    def tag_text(self) -> None:
        """Tag the text and show the result or error in `answer`.

        A result is dropped if a later request was made meanwhile.
        """
        with self._lock:
            self._request_number += 1
            number = self._request_number
            run, text = self._runs.get(self.run_menu.value or ""), self.text.value
        if run is None or not text.strip():
            return self._show_answer(number, lambda: run_html.render_muted(tr("Type a sentence and choose a run.")))
        self._show_answer(number, lambda: run_html.render_muted(tr("reading…")))
        try:
            prediction = self._predict(run.folder, text)
        except (ValueError, RuntimeError, OSError) as problem:
            message = message_of(problem)
            return self._show_answer(number, lambda: run_html.render_error(message))
        self._show_answer(number, lambda: render_prediction(text, prediction, run))

    def _show_answer(self, number: int, render: Callable[[], str]) -> None:
        """Show `render()` now and after each change of language.

        Nothing is shown if a later request was made.
        """
        with self._lock:
            if number == self._request_number:
                self._render_answer = render
                self.answer.value = render()


def render_prediction(text: str, prediction: dict[str, Any], run: Run) -> str:
    """Marked text as HTML, with number of entities, run and time."""
    types = sorted({tag[2:] for tag in run.corpus.tags if tag != "O"}) if run.corpus else []
    colours = THEMES["light"].runs
    by_type = {name: colours[place % len(colours)] for place, name in enumerate(types)}
    count = len(prediction["entities"])
    values = {"run": html.escape(run.title), "time": f"{prediction['seconds']:.1f}"}
    line = plural(count, "1 entity found by {run} in {time} s", "{count} entities found by {run} in {time} s", **values)
    if count == 0:
        line = Message("no entity found by {run} in {time} s", **values)
    warning = run_html.render_warning(prediction["note"]) if prediction.get("note") else ""
    return run_html.render_entities(text, prediction["entities"], by_type) + run_html.render_muted(tr(line)) + warning


def has_weights(run: Run) -> bool:
    """True if the run's folder has a checkpoint."""
    return any(os.path.isfile(f"{run.folder}/{name}/{CHECKPOINT_SETTINGS}") for name in CHECKPOINTS)
