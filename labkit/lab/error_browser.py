"""Error browser: F1 by entity type and sentences with errors, for one or two runs."""

import html
import os
import threading
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import ipywidgets as widgets

from labkit.i18n.translation import tr
from labkit.lab import entity_html, run_html, type_scores_html
from labkit.lab.choice_menu import ChoiceMenu, run_options
from labkit.lab.page_widgets import make_html, set_text, set_visible
from labkit.messages import N_, message_of
from labkit.runs.entity_errors import ERROR_KINDS, EntityMatch, match_entities
from labkit.runs.predictions import Predictions, ScoredSentence, align_predictions, predictions_path, read_predictions
from labkit.runs.store import Run

PAGE_SIZE = 20  # sentences
SPLITS = N_(("dev", "test"))
ANY_ERROR, DIFFERENT, EVERYTHING = N_(("any error", "where the two differ", "everything"))
KIND_FILTERS = (ANY_ERROR, *ERROR_KINDS, EVERYTHING)
ORDERS = N_(("most frequent first", "largest gain first"))  # of the types
AlignedSentence = list[tuple[ScoredSentence, list[EntityMatch]]]  # one sentence: a pair for each run


class ErrorBrowser:
    """Browser of prediction errors: menus, F1 bars, and pages of sentences.

    All data is read from files in the run folders; no model is loaded.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._runs: dict[str, Run] = {}  # newest first
        self._names: dict[str, str] = {}
        # two runs, dev and test; read again once the file is written again
        self._read_predictions = lru_cache(4)(lambda folder, split, mtime: read_predictions(folder, split))
        self._page = 0
        names = ("run", "beside", "part", "order", "type", "kind")
        self._menus = [ChoiceMenu(f"labkit-errors-{name}", self._on_choice) for name in names]
        self.run_menu, self.other_run_menu, self.split_menu = self._menus[:3]
        self.order_menu, self.type_menu, self.kind_menu = self._menus[3:]
        self.previous_button, self.next_button = (widgets.Button(layout={"width": "36px"}) for _ in range(2))
        self.previous_button.icon, self.next_button.icon = "chevron-left", "chevron-right"
        self.count, self.scores, self.sentences = (
            make_html(f"labkit-errors-{name}") for name in ("count", "scores", "list")
        )
        for button, name, step in ((self.previous_button, "back", -1), (self.next_button, "on", 1)):
            button.add_class(f"labkit-errors-{name}")
            button.on_click(lambda _, step=step: self._turn_page(step))
        wrapping = {"flex_flow": "row wrap", "align_items": "center"}
        self._run_menus = widgets.HBox(self._menus[:4], layout=wrapping)
        self._filters = widgets.HBox(
            [self.type_menu, self.kind_menu, self.previous_button, self.next_button, self.count], layout=wrapping
        )
        self._hint = make_html("labkit-errors-hint")
        self.widget = widgets.VBox([self._hint, self._run_menus, self.scores, self._filters, self.sentences])
        self.widget.add_class("labkit-errors")
        self.retranslate()
        self.refresh([], {})

    def keep_choices(self, before: "ErrorBrowser") -> None:
        """Take over what the user chose in an earlier browser; shown with the next refresh."""
        for menu, earlier in zip(self._menus, before._menus, strict=True):
            menu.chosen = earlier.chosen

    def retranslate(self) -> None:
        """Set all texts in the current language; choices stay."""
        labels = N_(("Errors of", "compared with", "on", "types", "entity type", "show"))
        with self._lock:
            for menu, label in zip(self._menus, labels, strict=True):
                menu.description = tr(label)
            self.previous_button.tooltip, self.next_button.tooltip = tr("back"), tr("next")
            self._hint.value = run_html.render_muted(tr("As soon as a run has ended, its errors are shown here."))
            self._update_view()

    def refresh(self, runs: Sequence[Run], names: Mapping[Path, str]) -> None:
        """List the ended runs that have predictions, newest first."""
        with self._lock:
            usable = [run for run in reversed(runs) if run.is_final and has_predictions(run)]
            self._runs = {run.folder.name: run for run in usable}
            self._names = {run.folder.name: names[run.folder] for run in usable}
            self.run_menu.set_options(run_options(usable, names))
            for widget in (self._run_menus, self._filters, self.scores, self.sentences):
                set_visible(widget, bool(usable))
            set_visible(self._hint, not usable)
            self._update_view()

    def _on_choice(self) -> None:
        with self._lock:
            self._page = 0
            self._update_view()

    def _turn_page(self, step: int) -> None:
        with self._lock:
            self._page += step
            self._update_view()

    # --- the view

    def _update_view(self) -> None:
        run = self._runs.get(self.run_menu.value or "")
        if run is None:
            return
        chosen = self._update_menus(run)
        split = self.split_menu.value or SPLITS[0]
        scores = {self._names[run.folder.name]: run.test if split == "test" else run.best for run in chosen}
        set_text(self.scores, type_scores_html.render_type_scores(scores, self.order_menu.value == ORDERS[1]))
        loaded = [(run, self._load_predictions(run, split)) for run in chosen]
        missing = [run.title for run, found in loaded if found is None]
        predictions = {run.folder.name: found for run, found in loaded if found is not None}
        if missing:
            return self._show_message(tr("the predictions of {runs} cannot be read", runs=", ".join(missing)))
        try:
            rows = self._filter_sentences(predictions)
        except ValueError as problem:
            return self._show_message(tr(message_of(problem)))
        self._render_page(rows, list(predictions.values()), list(scores))

    def _update_menus(self, run: Run) -> list[Run]:
        """Offer what goes with the chosen run; return it, and the one that it is compared with."""
        comparable = [each for each in self._runs.values() if each is not run and _scored_on(each) == _scored_on(run)]
        others = [(self._names[other.folder.name], other.folder.name) for other in comparable]
        self.other_run_menu.set_options([("–", ""), *others])
        other = self._runs.get(self.other_run_menu.value or "")
        chosen = [run, other] if other else [run]
        splits = [name for name in SPLITS if all(predictions_path(each.folder, name).is_file() for each in chosen)]
        self.split_menu.set_options([(tr(name), name) for name in splits])
        self.order_menu.set_options([(tr(order), order) for order in ORDERS])
        kinds = (*KIND_FILTERS, DIFFERENT) if other else KIND_FILTERS
        self.kind_menu.set_options([(tr(kind), kind) for kind in kinds])
        set_visible(self.order_menu, other is not None)
        return chosen

    def _filter_sentences(self, predictions: dict[str, Predictions]) -> list[AlignedSentence]:
        """Sentences that pass the menus' filters; fills the menu of types."""
        rows = [
            [(sentence, match_entities(sentence.gold, sentence.predicted)) for sentence in row.values()]
            for row in align_predictions(predictions)
        ]
        types = sorted({name for row in rows for _, matches in row for match in matches for name in match.types})
        self.type_menu.set_options([(tr("all types"), ""), *((name, name) for name in types)])
        return [row for row in rows if self._passes_filters(row)]

    def _passes_filters(self, row: AlignedSentence) -> bool:
        kind, name = self.kind_menu.value, self.type_menu.value
        of_type = [[match for match in matches if not name or name in match.types] for _, matches in row]
        if kind == DIFFERENT:
            return any(matches != of_type[0] for matches in of_type[1:])
        kinds = {match.kind for matches in of_type for match in matches}
        if kind == EVERYTHING:
            return bool(kinds)
        return bool(kinds & (set(ERROR_KINDS) if kind == ANY_ERROR else {kind}))

    def _render_page(self, rows: list[AlignedSentence], predictions: list[Predictions], names: list[str]) -> None:
        last = max(0, (len(rows) - 1) // PAGE_SIZE)
        self._page = min(max(self._page, 0), last)
        first = self._page * PAGE_SIZE
        page = rows[first : first + PAGE_SIZE]
        span = f"{first + 1}–{first + len(page)}" if page else "0"
        text, kept = N_("{span} of {count} sentences"), min(len(each.sentences) for each in predictions)
        if any(each.header.truncated_at < each.header.total for each in predictions):
            text = N_("{span} of {count} sentences; only the first {kept} were kept")
        count = tr(text, span=span, count=f"{len(rows):,}", kept=f"{kept:,}")
        self.count.value = f'<span class="labkit-muted">{html.escape(count)}</span>'
        self.previous_button.disabled, self.next_button.disabled = self._page == 0, self._page == last
        heads = "".join(f"<b>{html.escape(name)}</b>" for name in names) if len(names) > 1 else ""
        head = f'<div class="labkit-errors-row"><span></span>{heads}</div>' if heads else ""
        body, separator = "", predictions[0].header.separator
        for row in page:
            texts = "".join(
                f"<div>{entity_html.render_sentence(sentence.words, separator, matches)}</div>"
                for sentence, matches in row
            )
            body += f'<div class="labkit-errors-row"><span>{row[0][0].number + 1}</span>{texts}</div>'
        body = body or run_html.render_muted(tr("No such sentence."))
        table = f'<div class="labkit-errors-rows" tabindex="0" style="--runs: {len(predictions)}">{head}{body}</div>'
        self.sentences.value = entity_html.render_legend() + table

    def _show_message(self, message: str) -> None:
        self.count.value, self.previous_button.disabled, self.next_button.disabled = "", True, True
        self.sentences.value = run_html.render_muted(html.escape(message))

    def _load_predictions(self, run: Run, split: str) -> Predictions | None:
        """Predictions of a run; None without a file."""
        try:
            mtime = os.stat(predictions_path(run.folder, split)).st_mtime
        except OSError:
            return None
        return self._read_predictions(run.folder, split, mtime)


def _scored_on(run: Run) -> list[str]:
    """Identities of its dev and test sentences."""
    return [run.corpus.split_id(split) for split in SPLITS] if run.corpus else []


def has_predictions(run: Run) -> bool:
    """True if the run's folder has predictions on the dev split."""
    return os.path.isfile(predictions_path(run.folder, "dev"))
