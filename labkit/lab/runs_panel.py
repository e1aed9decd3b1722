"""The table of all runs, and the comparison of the selected ones."""

import time
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import ipywidgets as widgets

from labkit.config import RunConfig
from labkit.i18n import translation
from labkit.i18n.translation import tr
from labkit.lab import run_html, time_bar_html
from labkit.lab.page_widgets import make_button, set_if_changed, set_visible
from labkit.lab.run_rows import RunRows, collect_table_texts
from labkit.lab.runs_table import RunsTable
from labkit.runs.compare import default_axis, name_runs
from labkit.runs.curves import AXES, Axis
from labkit.runs.store import Run, RunStore
from labkit.runs.view_state import ViewState, write_view_state

if TYPE_CHECKING:
    from labkit.plots.comparison import ComparePlot
    from labkit.plots.live import Picture

LAYOUTS = ("side by side", "overlaid")
MAX_AUTO_SELECTED = 4  # runs that Train itself puts beside each other: every further one costs drawing, and is narrower
TABLE_INTERVAL_S = 1.0  # a live run changes its row with every step
CONFIRM_AFTER_S, CONFIRM_UNTIL_S = (
    0.5,
    6.0,
)  # when a second press deletes what the first asked about: not as a double click
HINT = "Tick two or more runs to see them beside each other."


class RunsPanel:
    """Table and comparison as widgets. `selected()` are the ticked runs, in the order of the table's folder."""

    def __init__(
        self,
        store: RunStore,
        on_change: Callable[[], None],
        show_error: Callable[[str], None],
        load_settings: Callable[[RunConfig], None],
    ):
        """
        Args:
            changed: called when the selection or the comparison's form changed.
            told: with what went wrong.
            use: with the settings of a run that somebody wants to start from.
        """
        self.store = store
        self._on_change = on_change
        self._show_error = show_error
        self._load_settings = load_settings
        self._runs_key: Hashable = None
        self._refreshed_at = 0.0
        self._runs: Sequence[Run] = ()
        self._plot: ComparePlot | None = None  # made with the first picture
        self._rows = RunRows()
        self._saved_view_state: ViewState | None = None  # on disk; nothing is kept before somebody's were taken over
        self._chosen_axis: Axis | Literal[""] = ""  # by a user; empty where the axis goes by the runs
        self._usual_axis = AXES[0]
        self._is_retranslating = False
        self._selected_by_train: list[str] = []  # ids that Train ticked, as long as nobody else has changed the ticks:
        self._selection_after_train: list[str] = []  # ids that were ticked then
        self.table = RunsTable()
        self.table.on_action(self._on_action)
        self.table.observe(lambda _: on_change(), names=["selected", "theme"])
        self.axis_menu = widgets.Dropdown(options=_translated_options(AXES), value=AXES[0], layout={"width": "170px"})
        self.axis_menu.style.description_width = "44px"
        self.layout_buttons = widgets.ToggleButtons(
            options=_translated_options(LAYOUTS), value=LAYOUTS[0], style={"button_width": "110px"}
        )
        for widget, name in ((self.axis_menu, "axis"), (self.layout_buttons, "form")):
            widget.add_class(f"labkit-compare-{name}")
            widget.observe(lambda _: on_change(), names="value")
        self.axis_menu.observe(lambda change: self._axis_changed(change.new), names="value")
        self.layout_buttons.observe(lambda _: self._save_view_state(), names="value")
        self.table.observe(lambda _: self._save_view_state(), names=["selected", "sort"])
        self.delete_failed_button = make_button("trash", "labkit-delete-failed", self._on_delete_failed)
        self._delete_request: tuple[list[str], float] = (
            [],
            0.0,
        )  # ids that are deleted at the next press, and when that was asked
        self.hint = widgets.HTML()
        self.tools = widgets.HBox(
            [self.axis_menu, self.layout_buttons], layout={"display": "none", "flex_flow": "row wrap"}
        )
        self.picture = widgets.Image(format="png", layout={"width": "100%", "max_width": "1200px", "display": "none"})
        self.picture.add_class("labkit-compare")
        self.times = widgets.HTML(layout={"max_width": "1200px", "display": "none"})
        self.times.add_class("labkit-compare-spent")
        self.retranslate()

    def retranslate(self) -> None:
        """Says what it says in the language of the lab; what is ticked and chosen stays. The table's rows follow."""
        self.table.words = collect_table_texts()
        self.axis_menu.description = tr("along")
        self._is_retranslating = True
        for menu, known in ((self.axis_menu, AXES), (self.layout_buttons, LAYOUTS)):
            chosen = menu.value
            with menu.hold_sync():  # or the page would jump to the first one and back
                menu.options, menu.value = _translated_options(known), chosen
        self._is_retranslating = False
        self.hint.value = run_html.render_muted(tr(HINT))
        self._runs_key = None

    def get_view_state(self) -> ViewState:
        """What a user has set, as it is now."""
        sort: dict[str, Any] = self.table.sort
        ticked = list(self.table.selected)
        there = {*ticked, *(row["id"] for row in self.table.rows)}
        is_untouched = [
            id for id in self._selection_after_train if id in there
        ] == ticked  # but for runs that were deleted
        return ViewState(
            sort_key=sort.get("key", ""),
            ascending=sort.get("ascending", True),
            axis=self._chosen_axis,
            layout=self.layout_buttons.value,
            ticked=ticked,
            by_train=[id for id in self._selected_by_train if id in ticked] if is_untouched else [],
        )

    def restore_view_state(self, view_state: ViewState) -> None:
        """Sets all of it, and from now on keeps what is changed beside the runs."""
        self.table.sort = {"key": view_state.sort_key, "ascending": view_state.ascending}
        self.layout_buttons.value = view_state.layout
        if view_state.axis:
            self.set_axis(view_state.axis)
        self.table.selected = list(view_state.ticked)
        self._selected_by_train, self._selection_after_train = list(view_state.by_train), list(view_state.ticked)
        self._saved_view_state = self.get_view_state()

    def set_axis(self, axis: str) -> None:
        """Lays runs along it until another one is chosen. Raises TraitError for one that is not in AXES."""
        self.axis_menu.value = axis
        self._chosen_axis = self.axis_menu.value
        self._save_view_state()

    def _axis_changed(self, axis: Axis) -> None:
        if not self._is_retranslating and (self._chosen_axis or axis != self._usual_axis):
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
        """From top to bottom."""
        return [self.table, self.hint, self.tools, self.picture, self.times]

    def get_selected(self, runs: Sequence[Run]) -> list[Run]:
        """Those of the runs that are ticked."""
        ticked = set(self.table.selected)
        return [run for run in runs if run.folder.name in ticked]

    def select(self, runs: Sequence[Run]) -> None:
        """Ticks these runs, and no others."""
        ids = [run.folder.name for run in runs]
        self._ensure_rows(ids)
        self.table.selected = ids

    def add_to_selection(self, run: Run) -> None:
        """Ticks a run that Train has begun. Of AUTO_TICKED, older ones make room that Train had ticked as well.

        What anybody else has ticked stays; so does all that is ticked, once somebody else has changed the ticks.
        """
        new = run.folder.name
        self._ensure_rows([new])
        ticked = list(self.table.selected)
        own = self.get_view_state().by_train
        room = max(MAX_AUTO_SELECTED - 1 - (len(ticked) - len(own)), 0)
        leaving = own[: max(len(own) - room, 0)]
        self._selected_by_train = [*(id for id in own if id not in leaving), new]
        self._selection_after_train = [*(id for id in ticked if id not in leaving), new]
        self.table.selected = list(self._selection_after_train)

    def _ensure_rows(self, ids: Sequence[str]) -> None:
        """Has rows for these runs, which may be new."""
        if not {row["id"] for row in self.table.rows}.issuperset(ids):
            self.refresh(self.store.runs(), force=True)

    def refresh(self, runs: Sequence[Run], force: bool = False) -> None:
        """Brings the table up to date, at most once a second while only a live run moves on."""
        self._runs = runs
        self._update_delete_button()
        shape = tuple((run.folder.name, run.label, run.state) for run in runs)
        state = (shape, tuple(run.version for run in runs))
        if state == self._runs_key:
            return
        same_shape = self._runs_key is not None and self._runs_key[0] == shape  # type: ignore[index]
        if same_shape and not force and time.monotonic() - self._refreshed_at < TABLE_INTERVAL_S:
            return
        self._runs_key, self._refreshed_at = state, time.monotonic()
        columns, rows = self._rows.build(runs)
        if columns != self.table.columns:
            self.table.columns = columns
        self.table.rows = rows

    def make_figure(self, chosen: Sequence[Run]) -> "Picture":
        """The comparison of any runs, along the chosen axis and in the chosen form."""
        from labkit.plots.comparison import compare_figure
        from labkit.plots.fonts import plot_tr

        self._apply_default_axis(chosen)
        return compare_figure(
            chosen, x=self.axis_menu.value, layout=self.layout_buttons.value, names=name_runs(chosen, plot_tr)
        )

    def _apply_default_axis(self, chosen: Sequence[Run]) -> None:
        """Lays these runs along what suits them, where nobody chose an axis."""
        if not self._chosen_axis:
            self._usual_axis = default_axis(chosen)
            self.axis_menu.value = self._usual_axis

    def draw(self) -> None:
        """Draws the comparison of the ticked runs, if it changed."""
        chosen = self.get_selected(self._runs)
        shown = len(chosen) > 1
        set_visible(self.hint, not shown)
        set_visible(self.tools, shown)
        if shown:
            from labkit.plots.fonts import plot_language, plot_tr

            called = name_runs(chosen, tr)
            self._apply_default_axis(chosen)
            if self._plot is None:
                from labkit.plots.comparison import ComparePlot

                self._plot = ComparePlot()
            self._plot.theme = self.theme
            drawn = called if plot_language() == translation.get_language() else name_runs(chosen, plot_tr)
            png = self._plot.draw(chosen, x=self.axis_menu.value, layout=self.layout_buttons.value, names=drawn)
            if png is not None:
                self.picture.value = png
            times = time_bar_html.render_time_bars(chosen, called)
            if times != self.times.value:
                self.times.value = times
        set_visible(self.picture, shown)
        set_visible(self.times, shown and bool(self.times.value))

    def _update_delete_button(self) -> None:
        """The button that deletes all failed runs: there where there are any, and after its first press a question."""
        failed = [run.folder.name for run in self._runs if run.state == "failed"]
        asked, at = self._delete_request
        if asked and (asked != failed or time.monotonic() > at + CONFIRM_UNTIL_S):
            self._delete_request = [], 0.0
        count = len(failed)
        question, offer = (
            tr("Delete {count} for good? Press again", count=count),
            tr("Delete failed runs ({count})", count=count),
        )
        set_if_changed(self.delete_failed_button, "description", question if self._delete_request[0] else offer)
        wanted = "visible" if failed else "hidden"
        if self.delete_failed_button.layout.visibility != wanted:
            self.delete_failed_button.layout.visibility = wanted

    def _on_delete_failed(self) -> None:
        asked, at = self._delete_request
        if not asked:
            self._delete_request = [run.folder.name for run in self._runs if run.state == "failed"], time.monotonic()
        elif time.monotonic() > at + CONFIRM_AFTER_S:
            self._delete_request = [], 0.0
            for id in asked:
                self._on_action("delete", id, "")
        self._update_delete_button()
        self._on_change()

    def close(self) -> None:
        """Lets its figure go, as RunPictures does."""
        self._plot = None

    def _on_action(self, kind: str, id: str, text: str) -> None:
        self._show_error("")  # what went wrong before
        try:
            run = self.store.get(Path(self.store.folder / id))
            if kind == "use":
                self._load_settings(_require_config(run))
            elif kind == "rename":
                self.store.rename(run, text)
            elif kind == "note":
                self.store.annotate(run, text)
            elif kind == "delete":
                self.store.delete(run, confirm=True)  # the table has asked
        except (ValueError, OSError) as problem:
            self._show_error(str(problem))
        self._on_change()


def _require_config(run: Run) -> RunConfig:
    if run.config is None:
        raise ValueError(f"the settings of {run.title} cannot be read")
    return run.config


def _translated_options(names: Sequence[str]) -> list[tuple[str, str]]:
    return [(tr(name), name) for name in names]
