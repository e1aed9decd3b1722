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
from labkit.lab.page_widgets import button, set_on, set_shown
from labkit.lab.run_rows import Rows, table_words
from labkit.lab.runs_table import RunsTable
from labkit.runs.compare import default_axis, name_runs
from labkit.runs.curves import AXES, Axis
from labkit.runs.store import Run, RunStore
from labkit.runs.view_state import ViewState, write_view_state

if TYPE_CHECKING:
    from labkit.plots.comparison import ComparePlot
    from labkit.plots.live import Picture

LAYOUTS = ("side by side", "overlaid")
AUTO_TICKED = 4  # runs that Train itself puts beside each other: every further one costs drawing, and is narrower
TABLE_INTERVAL_S = 1.0  # a live run changes its row with every step
SURE_AFTER_S, SURE_UNTIL_S = 0.5, 6.0  # when a second press deletes what the first asked about: not as a double click
HINT = "Tick two or more runs to see them beside each other."


class Overview:
    """Table and comparison as widgets. `selected()` are the ticked runs, in the order of the table's folder."""

    def __init__(
        self,
        store: RunStore,
        changed: Callable[[], None],
        told: Callable[[str], None],
        use: Callable[[RunConfig], None],
    ):
        """
        Args:
            changed: called when the selection or the comparison's form changed.
            told: with what went wrong.
            use: with the settings of a run that somebody wants to start from.
        """
        self.store = store
        self._changed = changed
        self._told = told
        self._use = use
        self._listed: Hashable = None
        self._listed_at = 0.0
        self._runs: Sequence[Run] = ()
        self._plot: ComparePlot | None = None  # made with the first picture
        self._rows = Rows()
        self._kept: ViewState | None = None  # on disk; nothing is kept before somebody's were taken over
        self._chosen_axis: Axis | Literal[""] = ""  # by a user; empty where the axis goes by the runs
        self._usual_axis = AXES[0]
        self._saying = False
        self._by_train: list[str] = []  # ids that Train ticked, as long as nobody else has changed the ticks:
        self._left: list[str] = []  # ids that were ticked then
        self.table = RunsTable()
        self.table.on_action(self._act)
        self.table.observe(lambda _: changed(), names=["selected", "theme"])
        self.axis = widgets.Dropdown(options=_offered(AXES), value=AXES[0], layout={"width": "170px"})
        self.axis.style.description_width = "44px"
        self.form = widgets.ToggleButtons(options=_offered(LAYOUTS), value=LAYOUTS[0], style={"button_width": "110px"})
        for widget, name in ((self.axis, "axis"), (self.form, "form")):
            widget.add_class(f"labkit-compare-{name}")
            widget.observe(lambda _: changed(), names="value")
        self.axis.observe(lambda change: self._axis_changed(change.new), names="value")
        self.form.observe(lambda _: self._keep(), names="value")
        self.table.observe(lambda _: self._keep(), names=["selected", "sort"])
        self.delete_failed = button("trash", "labkit-delete-failed", self._delete_failed_pressed)
        self._asked: tuple[list[str], float] = (
            [],
            0.0,
        )  # ids that are deleted at the next press, and when that was asked
        self.hint = widgets.HTML()
        self.tools = widgets.HBox([self.axis, self.form], layout={"display": "none", "flex_flow": "row wrap"})
        self.picture = widgets.Image(format="png", layout={"width": "100%", "max_width": "1200px", "display": "none"})
        self.picture.add_class("labkit-compare")
        self.times = widgets.HTML(layout={"max_width": "1200px", "display": "none"})
        self.times.add_class("labkit-compare-spent")
        self.speak()

    def speak(self) -> None:
        """Says what it says in the language of the lab; what is ticked and chosen stays. The table's rows follow."""
        self.table.words = table_words()
        self.axis.description = tr("along")
        self._saying = True
        for menu, known in ((self.axis, AXES), (self.form, LAYOUTS)):
            chosen = menu.value
            with menu.hold_sync():  # or the page would jump to the first one and back
                menu.options, menu.value = _offered(known), chosen
        self._saying = False
        self.hint.value = run_html.muted(tr(HINT))
        self._listed = None

    def choices(self) -> ViewState:
        """What a user has set, as it is now."""
        sort: dict[str, Any] = self.table.sort
        ticked = list(self.table.selected)
        there = {*ticked, *(row["id"] for row in self.table.rows)}
        is_untouched = [id for id in self._left if id in there] == ticked  # but for runs that were deleted
        return ViewState(
            sort_key=sort.get("key", ""),
            ascending=sort.get("ascending", True),
            axis=self._chosen_axis,
            layout=self.form.value,
            ticked=ticked,
            by_train=[id for id in self._by_train if id in ticked] if is_untouched else [],
        )

    def choose(self, choices: ViewState) -> None:
        """Sets all of it, and from now on keeps what is changed beside the runs."""
        self.table.sort = {"key": choices.sort_key, "ascending": choices.ascending}
        self.form.value = choices.layout
        if choices.axis:
            self.choose_axis(choices.axis)
        self.table.selected = list(choices.ticked)
        self._by_train, self._left = list(choices.by_train), list(choices.ticked)
        self._kept = self.choices()

    def choose_axis(self, axis: str) -> None:
        """Lays runs along it until another one is chosen. Raises TraitError for one that is not in AXES."""
        self.axis.value = axis
        self._chosen_axis = self.axis.value
        self._keep()

    def _axis_changed(self, axis: Axis) -> None:
        if not self._saying and (self._chosen_axis or axis != self._usual_axis):
            self._chosen_axis = axis
            self._keep()

    def _keep(self) -> None:
        if self._kept is not None and not self._saying and (choices := self.choices()) != self._kept:
            self._kept = choices
            write_view_state(self.store.folder, choices)

    @property
    def theme(self) -> str:
        theme: str = self.table.theme
        return theme

    def widgets(self) -> list[widgets.Widget]:
        """From top to bottom."""
        return [self.table, self.hint, self.tools, self.picture, self.times]

    def selected(self, runs: Sequence[Run]) -> list[Run]:
        """Those of the runs that are ticked."""
        ticked = set(self.table.selected)
        return [run for run in runs if run.folder.name in ticked]

    def select(self, runs: Sequence[Run]) -> None:
        """Ticks these runs, and no others."""
        ids = [run.folder.name for run in runs]
        self._list(ids)
        self.table.selected = ids

    def put_beside(self, run: Run) -> None:
        """Ticks a run that Train has begun. Of AUTO_TICKED, older ones make room that Train had ticked as well.

        What anybody else has ticked stays; so does all that is ticked, once somebody else has changed the ticks.
        """
        new = run.folder.name
        self._list([new])
        ticked = list(self.table.selected)
        own = self.choices().by_train
        room = max(AUTO_TICKED - 1 - (len(ticked) - len(own)), 0)
        leaving = own[: max(len(own) - room, 0)]
        self._by_train = [*(id for id in own if id not in leaving), new]
        self._left = [*(id for id in ticked if id not in leaving), new]
        self.table.selected = list(self._left)

    def _list(self, ids: Sequence[str]) -> None:
        """Has rows for these runs, which may be new."""
        if not {row["id"] for row in self.table.rows}.issuperset(ids):
            self.refresh(self.store.runs(), hurry=True)

    def refresh(self, runs: Sequence[Run], hurry: bool = False) -> None:
        """Brings the table up to date, at most once a second while only a live run moves on."""
        self._runs = runs
        self._offer_to_delete()
        shape = tuple((run.folder.name, run.label, run.state) for run in runs)
        state = (shape, tuple(run.version for run in runs))
        if state == self._listed:
            return
        same_shape = self._listed is not None and self._listed[0] == shape  # type: ignore[index]
        if same_shape and not hurry and time.monotonic() - self._listed_at < TABLE_INTERVAL_S:
            return
        self._listed, self._listed_at = state, time.monotonic()
        columns, rows = self._rows.take(runs)
        if columns != self.table.columns:
            self.table.columns = columns
        self.table.rows = rows

    def figure(self, chosen: Sequence[Run]) -> "Picture":
        """The comparison of any runs, along the chosen axis and in the chosen form."""
        from labkit.plots.comparison import compare_figure
        from labkit.plots.fonts import plot_tr

        self._go_along(chosen)
        return compare_figure(chosen, x=self.axis.value, layout=self.form.value, names=name_runs(chosen, plot_tr))

    def _go_along(self, chosen: Sequence[Run]) -> None:
        """Lays these runs along what suits them, where nobody chose an axis."""
        if not self._chosen_axis:
            self._usual_axis = default_axis(chosen)
            self.axis.value = self._usual_axis

    def draw(self) -> None:
        """Draws the comparison of the ticked runs, if it changed."""
        chosen = self.selected(self._runs)
        shown = len(chosen) > 1
        set_shown(self.hint, not shown)
        set_shown(self.tools, shown)
        if shown:
            from labkit.plots.fonts import plot_tr, spoken

            called = name_runs(chosen, tr)
            self._go_along(chosen)
            if self._plot is None:
                from labkit.plots.comparison import ComparePlot

                self._plot = ComparePlot()
            self._plot.theme = self.theme
            drawn = called if spoken() == translation.get_language() else name_runs(chosen, plot_tr)
            png = self._plot.draw(chosen, x=self.axis.value, layout=self.form.value, names=drawn)
            if png is not None:
                self.picture.value = png
            times = time_bar_html.rows(chosen, called)
            if times != self.times.value:
                self.times.value = times
        set_shown(self.picture, shown)
        set_shown(self.times, shown and bool(self.times.value))

    def _offer_to_delete(self) -> None:
        """The button that deletes all failed runs: there where there are any, and after its first press a question."""
        failed = [run.folder.name for run in self._runs if run.state == "failed"]
        asked, at = self._asked
        if asked and (asked != failed or time.monotonic() > at + SURE_UNTIL_S):
            self._asked = [], 0.0
        count = len(failed)
        question, offer = (
            tr("Delete {count} for good? Press again", count=count),
            tr("Delete failed runs ({count})", count=count),
        )
        set_on(self.delete_failed, "description", question if self._asked[0] else offer)
        wanted = "visible" if failed else "hidden"
        if self.delete_failed.layout.visibility != wanted:
            self.delete_failed.layout.visibility = wanted

    def _delete_failed_pressed(self) -> None:
        asked, at = self._asked
        if not asked:
            self._asked = [run.folder.name for run in self._runs if run.state == "failed"], time.monotonic()
        elif time.monotonic() > at + SURE_AFTER_S:
            self._asked = [], 0.0
            for id in asked:
                self._act("delete", id, "")
        self._offer_to_delete()
        self._changed()

    def close(self) -> None:
        """Lets its figure go, as RunPictures does."""
        self._plot = None

    def _act(self, kind: str, id: str, text: str) -> None:
        self._told("")  # what went wrong before
        try:
            run = self.store.get(Path(self.store.folder / id))
            if kind == "use":
                self._use(_settings(run))
            elif kind == "rename":
                self.store.rename(run, text)
            elif kind == "note":
                self.store.annotate(run, text)
            elif kind == "delete":
                self.store.delete(run, confirm=True)  # the table has asked
        except (ValueError, OSError) as problem:
            self._told(str(problem))
        self._changed()


def _settings(run: Run) -> RunConfig:
    if run.config is None:
        raise ValueError(f"the settings of {run.title} cannot be read")
    return run.config


def _offered(names: Sequence[str]) -> list[tuple[str, str]]:
    return [(tr(name), name) for name in names]
