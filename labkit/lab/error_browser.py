"""What runs got wrong: F1 by type, and the sentences with errors, of one run or of two beside each other."""

import html
import os
import threading
from collections.abc import Sequence
from pathlib import Path

import ipywidgets as widgets

from labkit.i18n.translation import tr, translate_message
from labkit.lab import entity_html, run_html, type_scores_html
from labkit.lab.page_widgets import line, set_shown, set_text
from labkit.runs.entity_errors import ERROR_KINDS, EntityMatch, match_entities
from labkit.runs.predictions import Predictions, ScoredSentence, align_predictions, predictions_path, read_predictions
from labkit.runs.store import Run

PAGE = 20  # sentences
PARTS = ("dev", "test")
ANY_ERROR, DIFFERENT, EVERYTHING = "any error", "where the two differ", "everything"
KINDS = (ANY_ERROR, *ERROR_KINDS, DIFFERENT, EVERYTHING)
Row = list[tuple[ScoredSentence, list[EntityMatch]]]  # one sentence, by run


class Mistakes:
    """Menus, bars and sentences. All is read from files in the run folders, quickly; nothing is computed by a model."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._runs: dict[str, Run] = {}
        self._read: dict[tuple[Path, str, float], Predictions | None] = {}
        self._newest: Path | None = None
        self._saying = False
        self._page = 0
        self.run, self.beside = self._menu("run", "300px"), self._menu("beside", "300px")
        self.part, self.type, self.kind = (
            self._menu(name, width) for name, width in (("part", "150px"), ("type", "190px"), ("kind", "210px"))
        )
        self.back, self.on = (widgets.Button(layout={"width": "36px"}) for _ in range(2))
        self.back.icon, self.on.icon = "chevron-left", "chevron-right"
        self.count, self.scores, self.sentences = (
            line(f"labkit-errors-{name}") for name in ("count", "scores", "list")
        )
        for button, name, step in ((self.back, "back", -1), (self.on, "on", 1)):
            button.add_class(f"labkit-errors-{name}")
            button.on_click(lambda _, step=step: self._turn(step))
        wrapping = {"flex_flow": "row wrap", "align_items": "center"}
        self._chosen = widgets.HBox([self.run, self.beside, self.part], layout=wrapping)
        self._filters = widgets.HBox([self.type, self.kind, self.back, self.on, self.count], layout=wrapping)
        self._hint = line("labkit-errors-hint")
        shown = [self._hint, self._chosen, self.scores, self._filters, self.sentences]
        self.widget = widgets.VBox(shown)
        self.widget.add_class("labkit-errors")
        self.speak()
        self.refresh([], {})

    def _menu(self, name: str, width: str) -> widgets.Dropdown:
        menu = widgets.Dropdown(options=[], layout={"width": f"min(100%, {width})"})
        menu.style.description_width = "auto"
        menu.add_class(f"labkit-errors-{name}")
        menu.observe(lambda _: self._changed(), names="value")
        return menu

    def speak(self) -> None:
        """Says what it says in the language of the lab; what is chosen stays."""
        with self._lock:
            self.run.description, self.beside.description = tr("by run"), tr("beside")
            self.part.description, self.type.description, self.kind.description = tr("part"), tr("type"), tr("show")
            self.back.tooltip, self.on.tooltip = tr("back"), tr("on")
            self._hint.value = run_html.muted(tr("As soon as a run has ended, what it got wrong is shown here."))
            self._offer(self.part, [(tr(part), part) for part in PARTS])
            self._offer(self.kind, [(tr(kind), kind) for kind in KINDS])
            self._show()

    def refresh(self, runs: Sequence[Run], names: dict[Path, str]) -> None:
        """Offers the runs that have ended and kept predictions; the newest is shown until somebody chooses another."""
        with self._lock:
            usable = [run for run in reversed(runs) if run.is_final and has_predictions(run)]
            chosen, beside = self._runs.get(self.run.value or ""), self._runs.get(self.beside.value or "")
            self._runs = {run.folder.name: run for run in usable}
            options = [(names[run.folder], run.folder.name) for run in usable]
            newest = usable[0].folder if usable else None
            follows = chosen is None or chosen.folder == self._newest
            self._offer(self.run, options, newest.name if newest and follows else None)
            self._offer(self.beside, [("–", ""), *options], beside.folder.name if beside else "")
            self._newest = newest
            for widget in (self._chosen, self._filters, self.scores, self.sentences):
                set_shown(widget, bool(usable))
            set_shown(self._hint, not usable)
            self._show()

    def _offer(self, menu: widgets.Dropdown, options: list[tuple[str, str]], wanted: str | None = None) -> None:
        """Fills a menu; what was chosen stays chosen where it can, unless something else is wanted."""
        kept = menu.value if wanted is None else wanted
        values = [value for _, value in options]
        self._saying = True
        try:
            with menu.hold_sync():
                if tuple(menu.options) != tuple(options):
                    menu.options = options
                menu.value = kept if kept in values else next(iter(values), None)
        finally:
            self._saying = False

    def _changed(self) -> None:
        with self._lock:
            if not self._saying:
                self._page = 0
                self._show()

    def _turn(self, step: int) -> None:
        with self._lock:
            self._page += step
            self._show()

    # --- what is shown

    def _show(self) -> None:
        chosen = [self._runs[id] for id in dict.fromkeys((self.run.value, self.beside.value)) if id in self._runs]
        if not chosen:
            return
        called = {value: name for name, value in self.run.options}
        of = {called[run.folder.name]: (run, run.test if self.part.value == "test" else run.best) for run in chosen}
        set_text(self.scores, type_scores_html.bars(of))
        read = [(run, self._predictions(run, self.part.value)) for run in chosen]
        missing = [run.title for run, found in read if found is None]
        known = {run.folder.name: found for run, found in read if found is not None}
        if missing:
            return self._say(tr("{runs} kept no predictions on this part.", runs=", ".join(missing)))
        if self.kind.value == DIFFERENT and len(known) < 2:
            return self._say(tr("Choose a second run under “beside” to see where the two differ."))
        try:
            rows = self._rows(known)
        except ValueError as problem:
            return self._say(translate_message(str(problem)))
        self._list(rows, list(known.values()), list(of))

    def _rows(self, known: dict[str, Predictions]) -> list[Row]:
        """The sentences that the menus ask for; offers the types that occur."""
        every = [
            [(each, match_entities(each.gold, each.predicted)) for each in row.values()]
            for row in align_predictions(known)
        ]
        types = sorted({name for row in every for _, found in row for finding in found for name in finding.types})
        self._offer(self.type, [(tr("all types"), ""), *((name, name) for name in types)])
        return [row for row in every if self._asked_for(row)]

    def _asked_for(self, row: Row) -> bool:
        kind, name = self.kind.value, self.type.value
        of_type = [[finding for finding in found if not name or name in finding.types] for _, found in row]
        if kind == DIFFERENT:
            return any(found != of_type[0] for found in of_type[1:])
        kinds = {finding.kind for found in of_type for finding in found}
        if kind == EVERYTHING:
            return bool(kinds)
        return bool(kinds & (set(ERROR_KINDS) if kind == ANY_ERROR else {kind}))

    def _list(self, rows: list[Row], known: list[Predictions], names: list[str]) -> None:
        last = max(0, (len(rows) - 1) // PAGE)
        self._page = min(max(self._page, 0), last)
        first = self._page * PAGE
        shown = rows[first : first + PAGE]
        span = f"{first + 1}–{first + len(shown)}" if shown else "0"
        told = tr("{span} of {count} sentences", span=span, count=f"{len(rows):,}")
        cut = [found.header for found in known if found.header.truncated_at < found.header.total]
        if cut:
            told += " " + tr("(the first {count} kept)", count=f"{min(len(found.sentences) for found in known):,}")
        self.count.value = f'<span class="labkit-muted">{html.escape(told)}</span>'
        self.back.disabled, self.on.disabled = self._page == 0, self._page == last
        heads = "".join(f"<b>{html.escape(name)}</b>" for name in names) if len(names) > 1 else ""
        head = f'<div class="labkit-errors-row"><span></span>{heads}</div>' if heads else ""
        body = "".join(_row(row, known[0].header.separator) for row in shown)
        body = body or run_html.muted(tr("No such sentence."))
        listed = f'<div class="labkit-errors-rows" style="--runs: {len(known)}">{head}{body}</div>'
        self.sentences.value = entity_html.legend() + listed

    def _say(self, told: str) -> None:
        self.count.value, self.back.disabled, self.on.disabled = "", True, True
        self.sentences.value = run_html.muted(html.escape(told))

    def _predictions(self, run: Run, part: str) -> Predictions | None:
        """Read once, as long as the file stays as it is."""
        try:
            key = (run.folder, part, os.stat(predictions_path(run.folder, part)).st_mtime)
        except OSError:
            return None
        if key not in self._read:
            while len(self._read) >= 4:  # two runs, dev and test
                del self._read[next(iter(self._read))]
            self._read[key] = read_predictions(run.folder, part)
        return self._read[key]


def has_predictions(run: Run) -> bool:
    return os.path.isfile(predictions_path(run.folder, "dev"))


def _row(row: Row, joiner: str) -> str:
    texts = "".join(f"<div>{entity_html.sentence(told.words, joiner, found)}</div>" for told, found in row)
    return f'<div class="labkit-errors-row"><span>{row[0][0].number + 1}</span>{texts}</div>'
