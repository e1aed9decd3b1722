"""Tuning lab: one page of widgets to configure, train and compare runs.

It holds the settings, Train and Stop, live plots, the table of runs, their comparison, the error browser and Try it.
"""

import math
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import ipywidgets as widgets
from IPython.display import display

from labkit.config import RunConfig
from labkit.data.corpora import list_corpora
from labkit.data.downloads import list_encoders
from labkit.gc_pause import gc_paused
from labkit.i18n import translation
from labkit.i18n.translation import set_language, tr
from labkit.jobs import launch
from labkit.lab import run_html, run_plots, time_bar_html
from labkit.lab.advice_panel import AdvicePanel
from labkit.lab.displayed_run import DisplayedRun
from labkit.lab.error_browser import ErrorBrowser
from labkit.lab.page_widgets import (
    close_all,
    keep_responsive,
    make_button,
    make_card,
    make_column,
    make_html,
    make_language_switch,
    make_row,
    make_style_sheet,
    plain_text,
    set_if_changed,
    set_text,
    set_visible,
)
from labkit.lab.plan_panel import PlanPanel
from labkit.lab.refresher import Refresher
from labkit.lab.run_plots import RunPlots
from labkit.lab.runs_panel import RunsPanel
from labkit.lab.settings_form import SettingsForm
from labkit.lab.static_view import StaticView
from labkit.lab.try_it import TryItPanel
from labkit.messages import N_, Message, message_of
from labkit.presets import preset
from labkit.runs.compare import name_runs
from labkit.runs.store import Run, RunStore
from labkit.runs.view_state import read_view_state
from labkit.training.config_checks import check_config

if TYPE_CHECKING:
    from labkit.plots.live import Picture

_OPEN: dict[Path, "TuningLab"] = {}
CPU_SHARE_BESIDE_RUN = 1 / 75  # of a core for refreshing and drawing, while a run computes on the same cores
CPU_SHARE_ALONE = 1 / 8
SETTLE_S = 0.3  # settings are final after this long without a change
MAX_SETTLE_S = 2.0
DOUBLE_CLICK_S = 1.0  # a second click this soon belongs to a double click, or comes from another view
TRAIN_WIDTH, STOP_WIDTH = "134px", "112px"  # room for the longest texts, so that nothing moves when they change
CARDS = N_(("RUN", "RUNS", "ERRORS", "TRY IT"))
PANELS = {  # name → CSS class, of the HTML texts of the lab
    "same_settings": "same",
    "plan": "plan",
    "notes": "notes",
    "problem": "told",
    "status": "status",
    "queue": "queue",
    "failure": "failure",
    "sync": "sync",
    "details": "about",
    "time": "spent",
    "operators": "operators",
}
FOOTER = N_(
    "Runs go on without this page: after a reload, or a kernel restart, run this cell again and all runs are back."
)


class TuningLab:
    """Tuning lab of one folder of runs, displayed by a notebook cell.

        lab = TuningLab()
        lab

    Everything can be done from code as well: `lab.controls.epochs.value = 2`, `run = lab.start()`, `run.wait()`,
    `lab.stop()`, `lab.compare([1, 2])`. All state is in the run folders: a new lab for the same folder replaces the
    previous one and takes over its live run.
    """

    def __init__(self, runs: str | Path | None = None, config: RunConfig | None = None, language: str | None = None):
        """
        Args:
            runs: folder of run folders; default: `labkit.paths.runs()`.
            config: initial settings; default: those of the lab that this one replaces, else those of LABKIT_DEFAULTS,
                else labkit's own.
            language: `en` or `zh`, for every open lab from now on; default: unchanged, see i18n.
        """
        with suppress(OSError):  # Train will say why
            launch.start_server()  # it takes seconds to be ready, and is when Train is pressed
        if language is not None:
            set_language(language)
        self.store = RunStore(Path(runs) if runs is not None else None)
        self._lock = threading.RLock()
        self._plan_panel, self._displayed_run = PlanPanel(lambda: self._refresher.request_refresh()), DisplayedRun()
        self._static_view = StaticView()
        self._runs_key: object = None
        self._titles: dict[Path, str] = {}
        self._resume_thread: threading.Thread | None = None
        self._settings_changed_at = -math.inf
        self._train_lock = threading.Lock()  # held from a press of Train until its run has a row
        self._last_press: tuple[RunConfig, float] | None = None  # its settings; until when they are not trained again
        self._stopped_at = -math.inf
        self._problem: Message | None = None  # of the last action, shown below Train
        with gc_paused():
            before = _OPEN.get(self.store.folder)
            self._make(config or (before.controls.config() if before else preset()))
            self._refresher = Refresher(self._refresh)
            _OPEN[self.store.folder] = self
            self.runs_panel.restore_view_state(
                before.runs_panel.get_view_state() if before else read_view_state(self.store.folder)
            )
            if before:
                self.error_browser.keep_choices(before.error_browser)
                self.try_it.run_menu.chosen = before.try_it.run_menu.chosen
                before.close()
            self._refresh_runs()  # plots follow: importing matplotlib takes longer than listing a thousand runs
        self._refresher.start()

    # --- from code

    def start(self, config: RunConfig | None = None) -> Run:
        """Start a run with `config`, or the current settings; returns at once.

        The run is queued while another one trains. Raises ValueError for settings that cannot be trained.
        """
        config = config or self.controls.config()
        check_config(config)
        run = self.store.get(launch.submit(config, self.store.folder).folder)  # one object for each run
        with self._lock:  # or a refresh that began before would deselect the run, which it does not know yet
            self.runs_panel.add_to_selection(run)
            if self._displayed_run.stop_target is None:  # else it is displayed when its turn comes
                self._displayed_run.show(run)
        self._refresher.request_refresh()
        return run

    def stop(self) -> None:
        """Stop every live run after its current step.

        Runs started in a terminal are stopped too. Their models stay usable, and the next queued run starts. The Stop
        button stops only the run that it names.
        """
        for run in self.store.live():
            run.stop()
        self._refresher.request_refresh()

    def compare(self, runs: Sequence[Run | int | str], x: str | None = None, layout: str | None = None) -> "Picture":
        """Select these runs in the table and return their comparison plot.

        Args:
            runs: runs, their numbers, or their names.
            x: step, epoch, tokens or seconds; default: as chosen in the lab, else the axis that suits these runs.
            layout: `side by side` or `overlaid`; default: as chosen in the lab.
        """
        chosen = self.store.get_all(runs)
        with self._lock, gc_paused():
            if x:
                self.runs_panel.set_axis(x)
            self.runs_panel.layout_buttons.value = layout or self.runs_panel.layout_buttons.value
            self.runs_panel.select(chosen)
            picture = self.runs_panel.make_figure(chosen)
            picture.png()  # drawn now, before the refresher thread draws the same and takes the interpreter lock
            return picture

    def picture(self, run: Run | int | str) -> "Picture":
        """Figure with the six plots of a run."""
        with self._lock:
            from labkit.plots.live import figure_of

            return figure_of(run if isinstance(run, Run) else self.store.get(run))

    def texts(self) -> dict[str, str]:
        """Plain text of each panel, by name; empty for a hidden panel.

        Buttons, menus and the table are not included: read these from their widgets (`train_button.description`).
        """
        panels = {
            **self._panels,
            "queue": self._queue_line,
            "advice": self.advice_panel.text,
            "font_hint": self._run_plots.font_hint,
            "comparison": self.runs_panel.times,
            "compared": self.runs_panel.told,
            "error_browser": self.error_browser.widget,
            "try_it": self.try_it.widget,
        }
        return {name: plain_text(panel) for name, panel in panels.items()}

    def close(self) -> None:
        """Stop the lab's thread and remove its widgets; runs continue.

        A notebook that displayed the lab still references the closed object in its list of outputs.
        """
        self._refresher.stop()
        if _OPEN.get(self.store.folder) is self:
            del _OPEN[self.store.folder]
        close_all(self.view)
        for panel in (self.controls, self.runs_panel, self._run_plots):
            panel.close()

    def __repr__(self) -> str:
        return "TuningLab()"

    def _ipython_display_(self) -> None:
        """Display the lab and its static view for saved notebooks, see static_view.py."""
        buttons = self.train_button, self.stop_button, self.empty_button, self.live_button, *self.advice_panel.buttons
        keep_responsive(*buttons, self.runs_panel.delete_failed_button, self.runs_panel.delete_ticked_button)
        bundle = self.view._repr_mimebundle_()
        data = dict(bundle[0] if isinstance(bundle, tuple) else bundle)
        data.pop("text/plain", None)  # it lists every widget inside
        display(data, raw=True)  # type: ignore[no-untyped-call]
        self._static_view.show(self.store.runs(), self._titles)

    # --- the page

    def _make(self, config: RunConfig) -> None:
        self.controls = SettingsForm(config, corpora=list_corpora(), encoders=list_encoders())
        self.controls.on_change(self._on_settings_change)
        self.train_button = make_button("play", "labkit-train", self._on_train, "primary", TRAIN_WIDTH)
        self.stop_button = make_button("stop", "labkit-stop", self._on_stop, width=STOP_WIDTH)
        self.empty_button = make_button("times", "labkit-empty", self._on_empty_queue)
        self.live_button = make_button("arrow-right", "labkit-to-live", self._on_show_live)
        self.language_switch = make_language_switch(self._on_language_choice)
        self._panels = {name: make_html(f"labkit-{css_class}") for name, css_class in PANELS.items()}
        self._run_plots = RunPlots(lambda: self._refresher.request_refresh())
        self.picture_widget, self.transitions_widget = self._run_plots.curves, self._run_plots.transitions
        self.runs_panel = RunsPanel(
            self.store,
            lambda: self._refresher.request_refresh(),
            self._show_error,
            self.controls.load,
            self._displayed_run.show,
        )
        self.try_it, self.error_browser = TryItPanel(), ErrorBrowser()
        self.advice_panel = AdvicePanel(
            self.controls.load, lambda rule: rule in self.runs_panel.dismissed, self.runs_panel.dismiss_advice
        )
        self.view = self._page()
        self._show_error(None)

    def _page(self) -> widgets.Widget:
        """First screen: Train and the run's state, a line for messages, settings, sliders and plots; then the rest.

        The first screen keeps its height, whatever a run does: see tuning_lab.css.
        """
        panels, titles = self._panels, {title: widgets.HTML() for title in CARDS}
        self._queue_line = make_row("labkit-queue-line", panels["queue"], self.empty_button)
        self._card_titles, self._footer = titles, widgets.HTML()
        self._update_texts()
        go = make_row("labkit-go", self.train_button, self.stop_button, make_row("labkit-switches"), panels["status"])
        messages = panels["problem"], panels["failure"], self.advice_panel.widget, self._queue_line, self.live_button
        line = make_row("labkit-line", *messages, self.language_switch)
        texts = [panels[name] for name in ("plan", "same_settings", "notes")]
        left = make_column(
            "labkit-left", self.controls.sliders, make_column("labkit-plan-texts", *texts, self._run_plots.font_hint)
        )
        columns = make_row("labkit-columns", left, self.picture_widget)
        settings = make_column("labkit-settings", self.controls.row, self.controls.advanced)
        first = make_column("labkit-first", go, line, settings, columns)
        run = make_card(
            titles["RUN"],
            panels["sync"],
            panels["time"],
            panels["operators"],
            panels["details"],
            self.transitions_widget,
        )
        tools = self.runs_panel.delete_failed_button, self.runs_panel.delete_ticked_button, self.runs_panel.more_button
        runs_head = make_row("labkit-head", titles["RUNS"], make_row("labkit-table-tools", *tools))
        runs = make_card(runs_head, *self.runs_panel.get_widgets())
        errors = make_card(titles["ERRORS"], self.error_browser.widget)
        try_it = make_card(titles["TRY IT"], self.try_it.widget)
        sheet = make_style_sheet(run_plots.build_css())
        return make_column("labkit-lab", sheet, first, run, runs, errors, try_it, self._footer)

    def _on_language_choice(self, name: str) -> None:
        set_language(name)
        self._refresher.request_refresh()

    def _update_texts(self) -> None:
        """Set the fixed texts in the current language.

        The others are set at every refresh.
        """
        self._language = self.language_switch.value = translation.get_language()
        self.empty_button.description = tr("Empty the queue")
        for title, widget in self._card_titles.items():
            widget.value = f'<div class="labkit-title">{tr(title)}</div>'
        self._footer.value = run_html.render_muted(tr(FOOTER))
        keep_responsive(self.empty_button)

    def _retranslate(self) -> None:
        """Set all texts after a change of language, here or elsewhere."""
        self._update_texts()
        self._show_error(self._problem)
        for panel in (self.controls, self._run_plots, self.runs_panel, self.error_browser, self.try_it):
            panel.retranslate()

    def _on_train(self) -> None:
        """Start one run in a thread, however often Train is pressed.

        Until the run is listed, a double click or a click in another view starts no further one. Waiting in this
        callback would delay the messages that it waits for, so that a thread does it.
        """
        if self._train_lock.acquire(blocking=False):
            set_if_changed(self.train_button, "disabled", True)
            threading.Thread(target=self._train_when_settled, name="labkit-train").start()

    def _train_when_settled(self) -> None:
        """Train when the settings stopped changing; the same ones once within DOUBLE_CLICK_S.

        A page sends a slider's next value only after the previous one was answered, but a click at once: the click
        overtakes the last steps of a slider that was moved just before.
        """
        deadline = time.monotonic() + MAX_SETTLE_S
        while time.monotonic() < min(self._settings_changed_at + SETTLE_S, deadline):
            time.sleep(0.02)
        config = self.controls.config()
        try:
            if self._last_press is None or config != self._last_press[0] or time.monotonic() > self._last_press[1]:
                self._show_error(None)
                self.start(config)
                self._last_press = config, time.monotonic() + DOUBLE_CLICK_S
        except (ValueError, OSError) as problem:
            self._show_error(message_of(problem))
        finally:
            set_if_changed(self.train_button, "disabled", False)
            self._train_lock.release()

    def _on_stop(self) -> None:
        """Stop the run that the button names.

        Clicks within DOUBLE_CLICK_S are ignored: a double click would also stop the next queued run.
        """
        run, now = self._displayed_run.stop_target, time.monotonic()
        if run is not None and now > self._stopped_at + DOUBLE_CLICK_S:
            self._stopped_at = now
            run.stop()
            self._refresher.request_refresh()

    def _on_show_live(self) -> None:
        if run := self._displayed_run.stop_target:
            self._displayed_run.show(run)
            self._refresher.request_refresh()

    def _on_settings_change(self, _: RunConfig) -> None:
        self._settings_changed_at = time.monotonic()
        self._refresher.request_refresh()

    def _on_empty_queue(self) -> None:
        launch.cancel_queued(self.store.folder)
        self._refresher.request_refresh()

    def _show_error(self, problem: Message | None) -> None:
        self._problem = problem
        set_text(self._panels["problem"], run_html.render_problem_line(tr(problem)) if problem else "")

    # --- refreshing

    def _refresh(self) -> bool:
        """Refresh all; return True if a run is live or queued."""
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
            has_new_lists = self._update_lists(runs)
            self._displayed_run.update(runs, live)
            self._update_page(runs, live, queued, self._titles)
            self.runs_panel.refresh(runs, force=has_new_lists)
            on_cpu = any(run.plan is not None and run.plan.device == "cpu" for run in live)
            self._refresher.cpu_share = CPU_SHARE_BESIDE_RUN if on_cpu else CPU_SHARE_ALONE
            return bool(live or queued)

    def _update_lists(self, runs: list[Run]) -> bool:
        """Update what depends on the list of runs, not on their progress; False if that is as before.

        With many runs this is the largest part of a refresh.
        """
        runs_key = self._language, [(run, run.state, run.label) for run in runs]
        if runs_key == self._runs_key:
            return False
        self._runs_key, self._titles = runs_key, name_runs(runs, tr)
        self._static_view.update(runs, self._titles)
        self.error_browser.refresh(runs, self._titles)
        self.try_it.refresh(runs, self._titles)
        return True

    def _resume_queue(self) -> None:
        """Start the next queued run, in case the previous one was killed.

        A thread does it: a first start takes seconds.
        """
        if self._resume_thread is None or not self._resume_thread.is_alive():
            self._resume_thread = threading.Thread(target=self._start_next, name="labkit-resume-queue")
            self._resume_thread.start()

    def _start_next(self) -> None:
        try:
            launch.start_next(self.store.folder)
        except Exception as problem:  # nobody else reports errors of this thread
            self._show_error(message_of(problem))

    def _update_page(self, runs: list[Run], live: list[Run], queued: list[Run], titles: dict[Path, str]) -> None:
        run = self._displayed_run.run
        config = self.controls.config()
        html = {
            "same_settings": run_html.render_same_settings(
                self._plan_panel.find_same_settings(config, runs, self._runs_key)
            ),
            "plan": self._plan_panel.describe(config, runs, self._runs_key),
            "notes": self._plan_panel.describe_corpus(config),
            "status": run_html.render_status(run, titles.get(run.folder, run.title) if run else ""),
            "queue": run_html.render_queue(queued, titles),
            "failure": run_html.render_failure(run),
            "details": run_html.render_details(run),
            "time": time_bar_html.render_time_bar(run),
            "operators": time_bar_html.render_operators(run),
        }
        for name, text in html.items():
            set_text(self._panels[name], text)
        set_visible(self._queue_line, bool(queued) and (bool(live) or len(queued) > 1))  # one alone starts at once
        set_if_changed(self.train_button, "description", tr("Queue this run") if live or queued else tr("Train"))
        self._update_stop_button(titles)
        self.runs_panel.table.shown = run.folder.name if run else ""
        target = self._displayed_run.stop_target
        if target and target is not run:
            set_if_changed(self.live_button, "description", tr("Show {run}, which trains", run=target.title))
        set_visible(self.live_button, bool(target and target is not run))

    def _update_stop_button(self, titles: dict[Path, str]) -> None:
        run = self._displayed_run.stop_target
        set_if_changed(self.stop_button, "description", tr("Stop {run}", run=run.title) if run else tr("Stop"))
        set_if_changed(self.stop_button, "tooltip", run and titles.get(run.folder, run.title))
        set_if_changed(self.stop_button, "disabled", run is None)

    def _draw(self) -> None:
        run = self._displayed_run.run
        self._run_plots.draw(run, self.runs_panel.theme)
        set_text(self._panels["sync"], run_html.render_sync(run))  # here and below, as it reads the curves
        is_needed = bool(self._panels["problem"].value or self._panels["failure"].value)
        self.advice_panel.update(run, is_hidden=is_needed)
        self.runs_panel.draw()
        self._run_plots.update_font_hint(list(self._titles.values()))
