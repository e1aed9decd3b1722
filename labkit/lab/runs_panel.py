"""Runs panel: table of all runs, and comparison plot of the selected ones."""

import html
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import ipywidgets as widgets

from labkit.config import RunConfig
from labkit.i18n import translation
from labkit.i18n.translation import tr
from labkit.lab import run_html, time_bar_html
from labkit.lab.delete_button import DeleteButton
from labkit.lab.page_widgets import css_classes, make_html, set_text, set_visible
from labkit.lab.picture_view import PictureView
from labkit.lab.run_rows import RowDict, RunRows, collect_table_texts
from labkit.lab.runs_table import RunsTable
from labkit.memo import Memo
from labkit.messages import N_, Message, message_of
from labkit.plots.pictures import PictureSize
from labkit.runs.compare import best_columns, best_f1_by_split, default_axis, name_runs
from labkit.runs.curves import AXES, Axis
from labkit.runs.store import Run, RunStore
from labkit.runs.view_state import ViewState, write_view_state
from labkit.tuning.compared_runs import advise_comparison

if TYPE_CHECKING:
    from labkit.plots.comparison import ComparePlot
    from labkit.plots.live import Picture

LAYOUTS = N_(("side by side", "overlaid"))
MAX_AUTO_SELECTED = 4  # runs that Train selects by itself: each further plot takes time to draw and is narrower
TABLE_INTERVAL_S = 1.0  # a live run changes its row with every step
HINT = N_("Click a run to see it above; tick two or more to compare them.")
AUTO_HINT = N_("Now the newest runs and the best one are ticked, up to four; what you tick yourself stays.")


class RunsPanel:
    """Runs table and comparison widgets; the view state is kept on disk."""

    def __init__(
        self,
        store: RunStore,
        on_change: Callable[[], None],
        show_error: Callable[[Message | None], None],
        load_settings: Callable[[RunConfig], None],
        show_run: Callable[[Run], None],
    ):
        """
        Args:
            store: the runs to list.
            on_change: called when the selection, axis or layout changed.
            show_error: called with an error message, or None to clear it.
            load_settings: called with the settings of a run that the user wants to start from.
            show_run: called with a run that the user wants to see.
        """
        self.store = store
        self._on_change = on_change
        self._show_error = show_error
        self._load_settings, self._show_run = load_settings, show_run
        self._memo = Memo()
        self._refreshed_at = 0.0
        self._runs: Sequence[Run] = ()
        self._plot: ComparePlot | None = None  # made with the first picture
        self._rows = RunRows()
        self._columns: list[RowDict] = []
        self._saved_view_state: ViewState | None = None  # as on disk; None until restored: nothing is saved before
        self._chosen_axis: Axis | Literal[""] = ""  # by the user; empty if the axis follows the runs
        self._default_axis = AXES[0]
        self._is_retranslating = False
        self._selected_by_train: list[str] = []  # ids that Train selected, while nobody else changed the selection
        self._selection_after_train: list[str] = []  # all ids that were selected then
        self.dismissed: list[str] = []  # rules of advice
        self.table = RunsTable()
        self.table.on_action(self._on_action)
        self._delete_failed = DeleteButton(N_("Delete failed runs ({count})"), "labkit-delete-failed", self._delete)
        self._delete_ticked = DeleteButton(N_("Delete ticked runs ({count})"), "labkit-delete-ticked", self._delete)
        self.delete_failed_button = self._delete_failed.widget
        self.delete_ticked_button = self._delete_ticked.widget
        self.more_button = widgets.ToggleButton(
            icon="plus", layout={"width": "auto"}, **css_classes("labkit-more-columns")
        )
        self._make_comparison_widgets()
        self.table.observe(lambda _: on_change(), names=["selected", "theme"])
        for widget in (self.axis_menu, self.layout_buttons):
            widget.observe(lambda _: on_change(), names="value")
        self.axis_menu.observe(lambda change: self._axis_changed(change.new), names="value")
        self.layout_buttons.observe(lambda _: self._save_view_state(), names="value")
        self.table.observe(lambda _: self._save_view_state(), names=["selected", "sort"])
        self.more_button.observe(lambda _: self._set_columns(), names="value")
        self.retranslate()

    def _make_comparison_widgets(self) -> None:
        self.axis_menu = widgets.Dropdown(options=_translated_options(AXES), value=AXES[0], layout={"width": "170px"})
        self.axis_menu.style.description_width = "auto"
        self.layout_buttons = widgets.ToggleButtons(
            options=_translated_options(LAYOUTS), value=LAYOUTS[0], style={"button_width": "110px"}
        )
        self.hint, self.told = widgets.HTML(), make_html("labkit-compare-told")
        self.tools = widgets.HBox(
            [self.axis_menu, self.layout_buttons], layout={"display": "none", "flex_flow": "row wrap"}
        )
        self.picture = PictureView(layout={"width": "100%", "max_width": "1200px", "display": "none"})
        self.picture.observe(lambda _: self._on_change(), names=["width", "pixel_ratio"])
        self.times = widgets.HTML(layout={"max_width": "1200px", "display": "none"})
        named = (self.axis_menu, "-axis"), (self.layout_buttons, "-form"), (self.picture, ""), (self.times, "-spent")
        for widget, name in named:
            widget.add_class(f"labkit-compare{name}")

    def retranslate(self) -> None:
        """Set all texts in the current language; selection and choices stay.

        The table's rows follow at the next refresh.
        """
        self.table.words = collect_table_texts()
        self.axis_menu.description = tr("x axis")
        self._is_retranslating = True
        for menu, names in ((self.axis_menu, AXES), (self.layout_buttons, LAYOUTS)):
            chosen = menu.value
            with menu.hold_sync():  # or the page would jump to the first option and back
                menu.options, menu.value = _translated_options(names), chosen
        self._is_retranslating = False
        self.more_button.description = tr("more columns")

    def get_view_state(self) -> ViewState:
        """Current selection, sort order, axis and layout."""
        sort: dict[str, Any] = self.table.sort
        ticked = list(self.table.selected)
        existing = {*ticked, *(row["id"] for row in self.table.rows)}
        is_untouched = [id for id in self._selection_after_train if id in existing] == ticked  # deleted runs aside
        return ViewState(
            sort_key=sort.get("key", ""),
            ascending=sort.get("ascending", True),
            axis=self._chosen_axis,
            layout=self.layout_buttons.value,
            ticked=ticked,
            by_train=[id for id in self._selected_by_train if id in ticked] if is_untouched else [],
            more_columns=self.more_button.value,
            dismissed=list(self.dismissed),
        )

    def restore_view_state(self, view_state: ViewState) -> None:
        """Apply a view state; from then on changes are saved."""
        self.table.sort = {"key": view_state.sort_key, "ascending": view_state.ascending}
        self.layout_buttons.value, self.more_button.value = view_state.layout, view_state.more_columns
        self.dismissed = list(view_state.dismissed)
        if view_state.axis:
            self.set_axis(view_state.axis)
        self.table.selected = list(view_state.ticked)
        self._selected_by_train, self._selection_after_train = list(view_state.by_train), list(view_state.ticked)
        self._saved_view_state = self.get_view_state()

    def dismiss_advice(self, rule: str) -> None:
        """Remember a rule of advice that is not to speak again."""
        self.dismissed.append(rule)
        self._save_view_state()
        self._on_change()

    def set_axis(self, axis: str) -> None:
        """Compare runs along this axis. Raises TraitError for one not in AXES."""
        self.axis_menu.value = axis
        self._chosen_axis = self.axis_menu.value
        self._save_view_state()

    def _axis_changed(self, axis: Axis) -> None:
        if not self._is_retranslating and (self._chosen_axis or axis != self._default_axis):
            self._chosen_axis = axis
            self._save_view_state()

    def _save_view_state(self) -> None:
        if (
            self._saved_view_state is not None
            and not self._is_retranslating
            and (choices := self.get_view_state()) != self._saved_view_state
        ):
            self._saved_view_state = choices
            write_view_state(self.store.folder, choices)

    @property
    def theme(self) -> str:
        theme: str = self.table.theme
        return theme

    def get_widgets(self) -> list[widgets.Widget]:
        """Widgets below the heading, from top to bottom."""
        return [self.table, self.hint, self.tools, self.told, self.picture, self.times]

    def select(self, runs: Sequence[Run]) -> None:
        """Select exactly these runs."""
        ids = [run.folder.name for run in runs]
        self._ensure_rows(ids)
        self.table.selected = ids

    def add_to_selection(self, run: Run) -> None:
        """Select a run that Train has started.

        Beyond MAX_AUTO_SELECTED runs, the oldest that Train itself selected are deselected, except the best of them.
        Runs selected by the user stay; so do all selected runs once the user has changed the selection.
        """
        new = run.folder.name
        self._ensure_rows([new])
        ticked = list(self.table.selected)
        own = self.get_view_state().by_train
        room = max(MAX_AUTO_SELECTED - 1 - (len(ticked) - len(own)), 0)
        top = best_f1_by_split(self._runs)
        best = {run.folder.name for run in self._runs if best_columns(run, top)}
        kept = next((id for id in reversed(own) if id in best), None)
        leaving = sorted(own, key=lambda id: id == kept)[: max(len(own) - room, 0)]
        self._selected_by_train = [*(id for id in own if id not in leaving), new]
        self._selection_after_train = [*(id for id in ticked if id not in leaving), new]
        self.table.selected = list(self._selection_after_train)

    def _ensure_rows(self, ids: Sequence[str]) -> None:
        """Refresh the table if one of these runs has no row yet."""
        if not {row["id"] for row in self.table.rows}.issuperset(ids):
            self.refresh(self.store.runs(), force=True)

    def refresh(self, runs: Sequence[Run], force: bool = False) -> None:
        """Update the table, at most once in TABLE_INTERVAL_S unless `force`."""
        self._runs = runs
        self._update_buttons()
        if force or time.monotonic() - self._refreshed_at >= TABLE_INTERVAL_S:
            key = (translation.get_language(), [run.version for run in runs])
            self._memo("table", key, lambda: self._update_table(runs))

    def _update_table(self, runs: Sequence[Run]) -> None:
        self._refreshed_at = time.monotonic()
        self._columns, rows = self._rows.build(runs)
        self._set_columns()
        self.table.rows = rows

    def _set_columns(self) -> None:
        columns = [column for column in self._columns if self.more_button.value or not column["extra"]]
        if columns != self.table.columns:
            self.table.columns = columns
        self._save_view_state()

    def make_figure(self, chosen: Sequence[Run]) -> "Picture":
        """Comparison plot of any runs, with the chosen axis and layout."""
        from labkit.plots.comparison import compare_figure
        from labkit.plots.fonts import plot_tr

        self._apply_default_axis(chosen)
        return compare_figure(
            chosen, x=self.axis_menu.value, layout=self.layout_buttons.value, names=name_runs(chosen, plot_tr)
        )

    def _apply_default_axis(self, chosen: Sequence[Run]) -> None:
        """Set the axis that suits these runs, unless the user chose one."""
        if not self._chosen_axis:
            self._default_axis = default_axis(chosen)
            self.axis_menu.value = self._default_axis

    def draw(self) -> None:
        """Draw the comparison of the selected runs if it changed."""
        ticked = set(self.table.selected)
        chosen = [run for run in self._runs if run.folder.name in ticked]
        is_visible = len(chosen) > 1
        texts = [HINT, AUTO_HINT] if self.get_view_state().by_train else [HINT]
        set_text(self.hint, run_html.render_muted(" ".join(map(tr, texts))))
        set_visible(self.tools, is_visible)
        told = advise_comparison(chosen) if is_visible else None
        set_text(self.told, html.escape(tr(told)) if told else "")
        if is_visible:
            from labkit.plots.fonts import plot_language, plot_tr

            names = name_runs(chosen, tr)
            self._apply_default_axis(chosen)
            if self._plot is None:
                from labkit.plots.comparison import ComparePlot

                self._plot = ComparePlot()
            self._plot.theme = self.theme
            self._plot.size = PictureSize(self.picture.width, self.picture.pixel_ratio)
            plot_names = names if plot_language() == translation.get_language() else name_runs(chosen, plot_tr)
            png = self._plot.draw(chosen, x=self.axis_menu.value, layout=self.layout_buttons.value, names=plot_names)
            if self.picture.value is not png:
                self.picture.alt = ", ".join(names.values())
                self.picture.value = png
            times = time_bar_html.render_time_bars(chosen, names)
            if times != self.times.value:
                self.times.value = times
        set_visible(self.picture, is_visible)
        set_visible(self.times, is_visible and bool(self.times.value))

    def _update_buttons(self) -> None:
        ticked = set(self.table.selected)
        self._delete_failed.update([run.folder.name for run in self._runs if run.state == "failed"])
        ended = [run.folder.name for run in self._runs if run.folder.name in ticked and not run.is_live]
        self._delete_ticked.update(ended if len(ended) > 1 else [])

    def _delete(self, ids: Sequence[str]) -> None:
        for id in ids:
            self._on_action("delete", id, "")

    def close(self) -> None:
        """Release the figure, as `RunPlots.close` does."""
        self._plot = None

    def _on_action(self, kind: str, id: str, text: str) -> None:
        self._show_error(None)  # the message of an earlier action
        try:
            run = self.store.get(Path(self.store.folder / id))
            if kind == "show":
                self._show_run(run)
            elif kind == "use":
                if run.config is None:
                    raise ValueError(Message("the settings of {run} cannot be read", run=run.title))
                self._load_settings(run.config)
            elif kind == "rename":
                self.store.rename(run, text)
            elif kind == "note":
                self.store.annotate(run, text)
            elif kind == "delete":
                self.store.delete(run, confirm=True)  # confirmed in the table
        except (ValueError, OSError) as problem:
            self._show_error(message_of(problem))
        self._on_change()


def _translated_options(names: Sequence[str]) -> list[tuple[str, str]]:
    return [(tr(name), name) for name in names]
