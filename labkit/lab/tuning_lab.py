"""The tuning lab: settings, Train and Stop, live plots, all runs, their comparison, and a place to try them."""

import math
import threading
import time
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import ipywidgets as widgets
from IPython.display import display

from labkit import gc_pause
from labkit.config import RunConfig
from labkit.data.corpora import list_corpora
from labkit.data.downloads import list_encoders
from labkit.i18n import translation
from labkit.i18n.translation import set_language, tr
from labkit.jobs import launch
from labkit.lab import page_widgets, run_html, time_bar_html
from labkit.lab.displayed_run import DisplayedRun
from labkit.lab.error_browser import ErrorBrowser
from labkit.lab.page_widgets import keep_responsive
from labkit.lab.plan_panel import PlanPanel
from labkit.lab.refresher import Refresher
from labkit.lab.run_plots import RunPlots
from labkit.lab.runs_panel import RunsPanel
from labkit.lab.settings_form import SettingsForm
from labkit.lab.static_view import StaticView
from labkit.lab.try_it import TryItPanel
from labkit.presets import default_config
from labkit.runs.compare import name_runs
from labkit.runs.store import Run, RunStore
from labkit.runs.view_state import read_view_state
from labkit.training.config_checks import check_config

if TYPE_CHECKING:
    from labkit.plots.live import Picture

launch.start_server()  # takes seconds; by the time that somebody presses Train it is done

_OPEN: dict[Path, "TuningLab"] = {}
CPU_SHARE_BESIDE_RUN = 1 / 75  # of a core for looking and drawing, while a run computes on the same cores
CPU_SHARE_ALONE = 1 / 8
SETTLE_S = 0.3  # without a change, settings have come to rest
MAX_SETTLE_S = 2.0
DOUBLE_CLICK_S = 1.0  # a second click so soon is the second half of a double one, or comes from another view
STOP_WIDTH = "128px"  # has room for a number of four digits, so that nothing moves when it changes
CARDS = ("SETTINGS", "RUN", "RUNS", "ERRORS", "TRY IT")
FOOTER = "Runs go on without this page: after a reload, or a kernel restart, run this cell again and all runs are back."


class TuningLab:
    """The lab, shown where a cell ends with it.

        lab = TuningLab()
        lab

    Everything can be done from code as well: `lab.controls.epochs.value = 2`, `run = lab.start()`, `run.wait()`,
    `lab.stop()`, `lab.compare([1, 2])`. All state lies in the run folders: a new lab for the same folder takes over
    from the one before, live run included.
    """

    def __init__(self, runs: str | Path | None = None, config: RunConfig | None = None, language: str | None = None):
        """
        Args:
            runs: the folder of run folders; `labkit.paths.runs()` where not given.
            config: what the controls start with. Where not given: what they were in the lab that this one replaces, as
                the cell is run again; else the settings of LABKIT_DEFAULTS, or labkit's own.
            language: `en` or `zh`, from now on and for all that is open; as it is where not given, see i18n.
        """
        if language is not None:
            set_language(language)
        self.store = RunStore(Path(runs) if runs is not None else None)
        self._lock = threading.RLock()
        self._plan_panel, self._displayed_run = PlanPanel(lambda: self._refresher.request_refresh()), DisplayedRun()
        self._static_view = StaticView()
        self._runs_key: Hashable = None
        self._titles: dict[Path, str] = {}
        self._resume_thread: threading.Thread | None = None
        self._settings_changed_at = -math.inf
        self._train_lock = threading.Lock()  # held from a press of Train until its run has a row
        self._last_press: tuple[RunConfig, float] | None = None  # what was trained by the last press, and until when
        self._stopped_at = -math.inf
        with gc_pause.gc_paused():
            before = _OPEN.get(self.store.folder)
            self._make(config or (before.controls.config() if before else default_config()))
            self._refresher = Refresher(self._refresh)
            _OPEN[self.store.folder] = self
            self.runs_panel.restore_view_state(
                before.runs_panel.get_view_state() if before else read_view_state(self.store.folder)
            )
            if before:
                before.close()
            self._refresh_runs()  # its pictures follow: importing matplotlib takes longer than listing a thousand runs
        self._refresher.start()

    # --- from code

    def start(self, config: RunConfig | None = None) -> Run:
        """Trains with the settings as they stand, or with `config`; returns at once. Queued while another trains."""
        config = config or self.controls.config()
        check_config(config)
        run = self.store.get(launch.submit(config, self.store.folder).folder)  # one object for each run
        with self._lock:  # or a look that began before would untick what it does not know yet
            self.runs_panel.add_to_selection(run)
        self._refresher.request_refresh()
        return run

    def stop(self) -> None:
        """Ends every run in progress after its current step, those of a terminal included; their models stay usable.

        The next in the queue begins. The Stop button ends only the run that it names.
        """
        for run in self.store.live():
            run.stop()
        self._refresher.request_refresh()

    def compare(self, runs: Sequence[Run | int | str], x: str | None = None, layout: str | None = None) -> "Picture":
        """Ticks these runs in the table, and returns their comparison as a picture.

        Args:
            runs: runs, their numbers, or their names.
            x: step, epoch, tokens or seconds; as chosen in the lab where not given, else what suits these runs.
            layout: `side by side` or `overlaid`; likewise.
        """
        chosen = self.store.get_all(runs)
        with self._lock, gc_pause.gc_paused():
            if x:
                self.runs_panel.set_axis(x)
            self.runs_panel.layout_buttons.value = layout or self.runs_panel.layout_buttons.value
            self.runs_panel.select(chosen)
            picture = self.runs_panel.make_figure(chosen)
            picture.png()  # drawn before the lab's own thread, which now draws the same, asks for the interpreter
            return picture

    def picture(self, run: Run | int | str) -> "Picture":
        """The four plots of a run."""
        with self._lock:
            from labkit.plots.live import figure_of

            return figure_of(run if isinstance(run, Run) else self.store.get(run))

    def close(self) -> None:
        """Ends the lab's thread and takes its widgets off the page, and frees them; runs go on.

        A notebook that has shown the lab still holds what is left of it, in its list of outputs.
        """
        self._refresher.stop()
        if _OPEN.get(self.store.folder) is self:
            del _OPEN[self.store.folder]
        page_widgets.close_all(self.view)
        for part in (self.controls, self.runs_panel, self._run_plots):
            part.close()

    def __repr__(self) -> str:
        return "TuningLab()"

    def _ipython_display_(self) -> None:
        """Shows the lab, and beside it what stands for it in a saved notebook, see static_view.py."""
        buttons = self.train_button, self.stop_button, self.empty_button, self.runs_panel.delete_failed_button
        keep_responsive(*buttons)
        bundle = self.view._repr_mimebundle_()
        data = dict(bundle[0] if isinstance(bundle, tuple) else bundle)
        data.pop("text/plain", None)  # the names of all widgets inside
        display(data, raw=True)  # type: ignore[no-untyped-call]
        self._static_view.show(self.store.runs(), self._titles)

    # --- the page

    def _make(self, config: RunConfig) -> None:
        self.controls = SettingsForm(config, corpora=list_corpora(), encoders=list_encoders())
        self.controls.on_change(self._on_settings_change)
        self.train_button = page_widgets.make_button("play", "labkit-train", self._on_train, "primary")
        self.stop_button = page_widgets.make_button("stop", "labkit-stop", self._on_stop, width=STOP_WIDTH)
        self.empty_button = page_widgets.make_button("times", "labkit-empty", self._on_empty_queue)
        self.language_switch = page_widgets.make_language_switch(self._on_language_choice)
        self._same_settings = page_widgets.make_html("labkit-same")
        self._plan, self._notes = page_widgets.make_html("labkit-plan"), page_widgets.make_html("labkit-notes")
        self._status = page_widgets.make_html("labkit-status")
        self._error, self._queue = page_widgets.make_html("labkit-told"), page_widgets.make_html("labkit-queue")
        self._failure, self._details = page_widgets.make_html("labkit-failure"), page_widgets.make_html("labkit-about")
        self._time_bar, self._operators = (
            page_widgets.make_html("labkit-spent"),
            page_widgets.make_html("labkit-operators"),
        )
        self._run_plots = RunPlots()
        self.picture_widget, self.transitions_widget = self._run_plots.curves, self._run_plots.transitions
        self._font_hint = self._run_plots.font_hint
        self.runs_panel = RunsPanel(
            self.store, lambda: self._refresher.request_refresh(), self._show_error, self.controls.load
        )
        self.try_it, self.error_browser = TryItPanel(), ErrorBrowser()
        self.view = self._page()

    def _page(self) -> widgets.Widget:
        buttons = widgets.HBox([self.train_button, self.stop_button])
        self._queue_line = widgets.HBox(
            [self._queue, self.empty_button], layout={"display": "none", "flex_flow": "row wrap"}
        )
        self._card_titles = {title: widgets.HTML() for title in CARDS}
        self._footer = widgets.HTML()
        self._update_texts()
        head = page_widgets.make_row(
            "labkit-head", self._card_titles["SETTINGS"], self._same_settings, self.language_switch
        )
        go = page_widgets.make_row(
            "labkit-go", buttons, page_widgets.make_column("labkit-beside", self._plan, self._notes)
        )
        settings = page_widgets.make_card(head, self.controls.main, go, self._error, self.controls.advanced)
        run = page_widgets.make_card(
            self._card_titles["RUN"], self._status, self._queue_line, self._failure, self._details
        )
        pictures = [self._font_hint, self.picture_widget, self._time_bar, self._operators, self.transitions_widget]
        top = page_widgets.make_row(
            "labkit-top",
            page_widgets.make_column("labkit-left", settings, run),
            page_widgets.make_column("labkit-right", *pictures),
        )
        over = page_widgets.make_row("labkit-head", self._card_titles["RUNS"], self.runs_panel.delete_failed_button)
        runs = page_widgets.make_card(over, *self.runs_panel.get_widgets())
        errors = page_widgets.make_card(self._card_titles["ERRORS"], self.error_browser.widget)
        trying = page_widgets.make_card(self._card_titles["TRY IT"], self.try_it.widget)
        return page_widgets.make_column(
            "labkit-lab", page_widgets.make_style_sheet(), top, runs, errors, trying, self._footer
        )

    def _on_language_choice(self, name: str) -> None:
        set_language(name)
        self._refresher.request_refresh()

    def _update_texts(self) -> None:
        """Says what stays on the page in the language of the lab; the rest is said anew with every look."""
        self._language = self.language_switch.value = translation.get_language()
        self.empty_button.description = tr("Empty the queue")
        for title, widget in self._card_titles.items():
            widget.value = f'<div class="labkit-title">{tr(title)}</div>'
        self._footer.value = run_html.render_muted(tr(FOOTER))
        keep_responsive(self.empty_button)

    def _retranslate(self) -> None:
        """Says all of it anew, as somebody chose another language, in this lab or in another one."""
        self._update_texts()
        for part in (self.controls, self.runs_panel, self.error_browser, self.try_it):
            part.retranslate()

    def _on_train(self) -> None:
        """One run, however often Train is pressed before that has a row: a double click, or a click in each view.

        Aside, as waiting here would keep the very messages waiting that are waited for.
        """
        if self._train_lock.acquire(blocking=False):
            page_widgets.set_if_changed(self.train_button, "disabled", True)
            threading.Thread(target=self._train_when_settled, name="labkit-train").start()

    def _train_when_settled(self) -> None:
        """Trains once the settings have come to rest; the same ones not twice within SAME_PRESS_S.

        A page sends a slider's next value only when the one before was answered, but a click at once: it overtakes
        the last steps of a slider that was moved just before.
        """
        deadline = time.monotonic() + MAX_SETTLE_S
        while time.monotonic() < min(self._settings_changed_at + SETTLE_S, deadline):
            time.sleep(0.02)
        config = self.controls.config()
        try:
            if self._last_press is None or config != self._last_press[0] or time.monotonic() > self._last_press[1]:
                self._show_error("")
                self.start(config)
                self._last_press = config, time.monotonic() + DOUBLE_CLICK_S
        except (ValueError, OSError) as problem:
            self._show_error(str(problem))
        finally:
            page_widgets.set_if_changed(self.train_button, "disabled", False)
            self._train_lock.release()

    def _on_stop(self) -> None:
        """Ends the run that the button names; its second click would else end the next one of the queue."""
        run, now = self._displayed_run.stop_target, time.monotonic()
        if run is not None and now > self._stopped_at + DOUBLE_CLICK_S:
            self._stopped_at = now
            run.stop()
            self._refresher.request_refresh()

    def _on_settings_change(self, _: RunConfig) -> None:
        self._settings_changed_at = time.monotonic()
        self._refresher.request_refresh()

    def _on_empty_queue(self) -> None:
        launch.cancel_queued(self.store.folder)
        self._refresher.request_refresh()

    def _show_error(self, problem: str) -> None:
        page_widgets.set_text(self._error, run_html.render_error(problem) if problem else "")

    # --- looking and drawing

    def _refresh(self) -> bool:
        """One look at everything, and its pictures. Returns whether something is going on."""
        with self._lock:
            busy = self._refresh_runs()
            self._draw()
            return busy

    def _refresh_runs(self) -> bool:
        with self._lock:
            if self._language != translation.get_language():
                self._retranslate()
            runs = self.store.runs()
            live = [run for run in runs if run.is_live]
            queued = [run for run in runs if run.state == "queued"]
            if queued and not live:
                self._resume_queue()
            self._update_lists(runs)
            self._displayed_run.update(runs, live, self.runs_panel.table.selected)
            self._update_page(runs, live, queued, self._titles)
            self.runs_panel.refresh(runs)
            on_cpu = any(run.plan is not None and run.plan.device == "cpu" for run in live)
            self._refresher.cpu_share = CPU_SHARE_BESIDE_RUN if on_cpu else CPU_SHARE_ALONE
            return bool(live or queued)

    def _update_lists(self, runs: list[Run]) -> None:
        """What depends on which runs there are and not on how they go on: with many of them that costs most."""
        listed = (self._language, *((run.folder, run.label, run.state, run.created) for run in runs))
        if listed != self._runs_key:
            self._runs_key, self._titles = listed, name_runs(runs, tr)
            self._static_view.update(runs, self._titles)
            self.error_browser.refresh(runs, self._titles)
            self.try_it.refresh(runs, self._titles)

    def _resume_queue(self) -> None:
        """Lets the queue go on, if whoever ran before could not say so; aside, as a first start takes seconds."""
        if self._resume_thread is None or not self._resume_thread.is_alive():
            self._resume_thread = threading.Thread(target=self._start_next, name="labkit-nudge")
            self._resume_thread.start()

    def _start_next(self) -> None:
        try:
            launch.start_next(self.store.folder)
        except Exception as problem:  # in a thread nobody else would hear of it
            self._show_error(str(problem))

    def _update_page(self, runs: list[Run], live: list[Run], queued: list[Run], titles: dict[Path, str]) -> None:
        run = self._displayed_run.run
        config = self.controls.config()
        page_widgets.set_text(
            self._same_settings,
            run_html.render_same_settings(self._plan_panel.find_same_settings(config, runs, self._runs_key)),
        )
        page_widgets.set_text(self._plan, self._plan_panel.describe(config, runs, self._runs_key))
        page_widgets.set_text(self._notes, self._plan_panel.describe_notes(config))
        page_widgets.set_text(
            self._status, run_html.render_status(run, titles.get(run.folder, run.title) if run else "")
        )
        page_widgets.set_text(self._failure, run_html.render_failure(run))
        page_widgets.set_text(self._details, run_html.render_details(run))
        page_widgets.set_text(self._time_bar, time_bar_html.render_time_bar(run))
        page_widgets.set_text(self._operators, time_bar_html.render_operators(run))
        page_widgets.set_text(self._queue, run_html.render_queue(queued, titles))
        page_widgets.set_visible(
            self._queue_line, bool(queued) and (bool(live) or len(queued) > 1)
        )  # a lone one begins at once
        page_widgets.set_if_changed(
            self.train_button, "description", tr("Train next") if live or queued else tr("Train")
        )
        stopping = self._displayed_run.stop_target
        page_widgets.set_if_changed(
            self.stop_button, "description", tr("Stop {run}", run=stopping.title) if stopping else tr("Stop")
        )
        page_widgets.set_if_changed(
            self.stop_button, "tooltip", stopping and titles.get(stopping.folder, stopping.title)
        )
        page_widgets.set_if_changed(self.stop_button, "disabled", stopping is None)

    def _draw(self) -> None:
        self._run_plots.draw(self._displayed_run.run, self.runs_panel.theme)
        self.runs_panel.draw()
        self._run_plots.update_font_hint(list(self._titles.values()))
