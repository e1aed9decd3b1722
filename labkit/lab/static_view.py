"""Text in the lab's place where no kernel runs: a notebook that is reopened, exported, or on a hosting site.

It is an output of its own, beside that of the widgets. JupyterLab knows nothing to show for widgets whose kernel is
gone but "model not found", whatever else the same output holds.
"""

import html
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from IPython.display import DisplayHandle

from labkit.i18n.translation import translate
from labkit.runs.run import Run

NEWEST = 5  # runs that are listed
TEXTS = (  # who reads the file may be anybody
    ("en", "The labkit tuning lab is shown here while a kernel runs. Run this cell to see it, with all runs."),
    ("zh-CN", "内核运行时，这里显示 labkit 调参界面。运行这个单元格即可看到它和全部实验。"),
)
HEADS = ("run 实验", "best F1 最佳 F1", "state 状态", "created 创建时间")
# In JupyterLab it stands beside the live lab and is not to be seen, not even until that has come up; where the lab is
# gone, JupyterLab's complaint of it is not. Other pages and untrusted notebooks leave the style out.
STYLE = """
.jp-OutputArea:has(.labkit-lab) .jp-OutputArea-child:has(.labkit-static),
.jp-OutputArea:has(.labkit-static):not(:has(.labkit-lab)) .jp-OutputArea-child:has(> .jupyter-widgets) { display: none }
.labkit-static { animation: labkit-wait 2s }
@keyframes labkit-wait { from, 99% { max-height: 0; overflow: hidden } }
"""


class StaticView:
    """The text as it was last shown in a notebook; kept up to date in what JupyterLab will save."""

    def __init__(self) -> None:
        self._handle: DisplayHandle | None = None
        self._last_bundle: dict[str, str] = {}

    def show(self, runs: Sequence[Run], names: Mapping[Path, str]) -> None:
        """Displays it in the cell that is running."""
        self._handle, self._last_bundle = DisplayHandle(), render_static_view(runs, names)  # type: ignore[no-untyped-call]
        self._handle.display(self._last_bundle, raw=True)  # type: ignore[no-untyped-call]

    def update(self, runs: Sequence[Run], names: Mapping[Path, str]) -> None:
        """Lists the runs that there are now, where it was shown."""
        if self._handle and (view := render_static_view(runs, names)) != self._last_bundle:
            self._last_bundle = view
            self._handle.update(view, raw=True)  # type: ignore[no-untyped-call]


def render_static_view(runs: Sequence[Run], names: Mapping[Path, str]) -> dict[str, str]:
    """Text by MIME type: how to have the lab back, in both languages, and in HTML the newest runs.

    Args:
        runs: all there are, the newest last.
        names: of them, by folder.
    """
    told = "".join(f'<p lang="{language}">{html.escape(text)}</p>' for language, text in TEXTS)
    rows = [_row(run, names.get(run.folder, run.title)) for run in reversed(runs[-NEWEST:])]
    style = "".join(STYLE.splitlines())
    page = f'<style>{style}</style><div class="labkit-static">{told}{_table(rows)}</div>'
    return {"text/html": page, "text/plain": "\n".join(text for _, text in TEXTS)}


def _row(run: Run, name: str) -> list[str]:
    score = "–" if run.best_f1 is None else f"{run.best_f1:.3f}"
    created = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.created))
    return [name, score, f"{run.state} {translate('zh', run.state)}", created]


def _table(rows: Sequence[Sequence[str]]) -> str:
    """In one line, and there without rows too, so that notebooks can be compared whatever runs there are."""
    lines = [f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows]
    head = f"<tr>{''.join(f'<th>{html.escape(cell)}</th>' for cell in HEADS)}</tr>" if rows else ""
    return f'<table class="labkit-newest">{" ".join((head + "".join(lines)).split())}</table>'
