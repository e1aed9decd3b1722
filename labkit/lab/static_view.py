"""Static fallback output of the lab for notebooks without a kernel.

It is seen in a reopened or exported notebook. It is a separate output, beside that of the widgets: for widgets whose
kernel is gone, JupyterLab shows only "model not found", whatever else the same output holds.
"""

import html
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from IPython.display import DisplayHandle

from labkit.i18n.translation import LANGUAGES, translate
from labkit.messages import N_
from labkit.runs.run import Run

NEWEST = 5  # runs that are listed
# All texts are in all languages, as the reader of the file is unknown.
TEXT = N_("The labkit tuning lab is shown here while a kernel runs. Run this cell to see it, with all runs.")
HEADS = N_(("name", "best F1", "state", "created"))
# In JupyterLab the fallback is hidden beside a live lab, also while that is loading; without a live lab, JupyterLab's
# error message is hidden. Other pages and untrusted notebooks ignore the style.
STYLE = """
.jp-OutputArea:has(.labkit-lab) .jp-OutputArea-child:has(.labkit-static),
.jp-OutputArea:has(.labkit-static):not(:has(.labkit-lab)) .jp-OutputArea-child:has(> .jupyter-widgets) { display: none }
.labkit-static { animation: labkit-wait 2s }
@keyframes labkit-wait { from, 99% { max-height: 0; overflow: hidden } }
"""


class StaticView:
    """Fallback output of a cell, kept up to date until saved."""

    def __init__(self) -> None:
        self._handle: DisplayHandle | None = None
        self._last_bundle: dict[str, str] = {}

    def show(self, runs: Sequence[Run], names: Mapping[Path, str]) -> None:
        """Display the fallback in the running cell."""
        self._handle, self._last_bundle = DisplayHandle(), render_static_view(runs, names)  # type: ignore[no-untyped-call]
        self._handle.display(self._last_bundle, raw=True)  # type: ignore[no-untyped-call]

    def update(self, runs: Sequence[Run], names: Mapping[Path, str]) -> None:
        """Update the list of runs, if the fallback was displayed."""
        if self._handle and (view := render_static_view(runs, names)) != self._last_bundle:
            self._last_bundle = view
            self._handle.update(view, raw=True)  # type: ignore[no-untyped-call]


def render_static_view(runs: Sequence[Run], names: Mapping[Path, str]) -> dict[str, str]:
    """MIME bundle: how to reopen the lab, and in HTML the newest runs.

    Args:
        runs: all runs, the newest last.
        names: names of the runs, by folder.
    """
    texts = {language: translate(language, TEXT) for language in LANGUAGES}
    paragraphs = "".join(f'<p lang="{language}">{html.escape(text)}</p>' for language, text in texts.items())
    rows = []
    for run in reversed(runs[-NEWEST:]):
        score = "–" if run.best_f1 is None else f"{run.best_f1:.3f}"
        created = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.created))
        rows.append([names.get(run.folder, run.title), score, _in_all_languages(run.state), created])
    lines = [f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows]
    head = f"<tr>{''.join(f'<th>{html.escape(_in_all_languages(cell))}</th>' for cell in HEADS)}</tr>" if rows else ""
    # in one line, also without rows: notebooks compare equal whatever runs exist
    table = f'<table class="labkit-newest">{" ".join((head + "".join(lines)).split())}</table>'
    style = "".join(STYLE.splitlines())
    page = f'<style>{style}</style><div class="labkit-static">{paragraphs}{table}</div>'
    return {"text/html": page, "text/plain": "\n".join(texts.values())}


def _in_all_languages(text: str) -> str:
    return " ".join(translate(language, text) for language in LANGUAGES)
