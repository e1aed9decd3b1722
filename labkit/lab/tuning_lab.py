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
from labkit.lab.displayed_run import Shown
from labkit.lab.error_browser import Mistakes
from labkit.lab.page_widgets import answer_at_once
from labkit.lab.plan_panel import Forecast
from labkit.lab.refresher import Refresher
from labkit.lab.run_plots import RunPictures
from labkit.lab.runs_panel import Overview
from labkit.lab.settings_form import Controls
from labkit.lab.static_view import StaticView
from labkit.lab.try_it import TryIt
from labkit.presets import default_config
from labkit.runs.compare import name_runs
from labkit.runs.store import Run, RunStore
from labkit.runs.view_state import read_view_state
from labkit.training.config_checks import check_config

if TYPE_CHECKING:
    from labkit.plots.live import Picture

launch.start_server()  # takes seconds; by the time that somebody presses Train it is done

_OPEN: dict[Path, "TuningLab"] = {}
SHARED_CORES = 1 / 75  # of a core for looking and drawing, while a run computes on the same cores
ALONE = 1 / 8
SETTLED_S = 0.3  # without a change, settings have come to rest
SETTLED_AT_LAST_S = 2.0
SAME_PRESS_S = 1.0  # a second click so soon is the second half of a double one, or comes from another view
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
        self._forecast, self._shown = Forecast(lambda: self._refresher.poke()), Shown()
        self._static = StaticView()
        self._listed: Hashable = None
        self._titles: dict[Path, str] = {}
        self._nudging: threading.Thread | None = None
        self._changed_at = -math.inf
        self._pressing = threading.Lock()  # held from a press of Train until its run has a row
        self._pressed: tuple[RunConfig, float] | None = None  # what was trained by the last press, and until when
        self._stopped_at = -math.inf
        with gc_pause.gc_paused():
            before = _OPEN.get(self.store.folder)
            self._make(config or (before.controls.config() if before else default_config()))
            self._refresher = Refresher(self._refresh)
            _OPEN[self.store.folder] = self
            self.overview.choose(before.overview.choices() if before else read_view_state(self.store.folder))
            if before:
                before.close()
            self._look()  # its pictures follow: importing matplotlib takes longer than listing a thousand runs
        self._refresher.start()

    # --- from code

    def start(self, config: RunConfig | None = None) -> Run:
        """Trains with the settings as they stand, or with `config`; returns at once. Queued while another trains."""
        config = config or self.controls.config()
        check_config(config)
        folder = launch.submit(config, self.store.folder)
        run = self.store.get(folder)
        with self._lock:  # or a look that began before would untick what it does not know yet
            self.overview.put_beside(run)
        self._refresher.poke()
        return run

    def stop(self) -> None:
        """Ends every run in progress after its current step, those of a terminal included; their models stay usable.

        The next in the queue begins. The Stop button ends only the run that it names.
        """
        for run in self.store.live():
            launch.stop(run.folder)
        self._refresher.poke()

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
                self.overview.choose_axis(x)
            self.overview.form.value = layout or self.overview.form.value
            self.overview.select(chosen)
            picture = self.overview.figure(chosen)
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
        for part in (self.controls, self.overview, self._pictures):
            part.close()

    def __repr__(self) -> str:
        return "TuningLab()"

    def _ipython_display_(self) -> None:
        """Shows the lab, and beside it what stands for it in a saved notebook, see static_view.py."""
        buttons = self.train_button, self.stop_button, self.empty_button, self.overview.delete_failed
        answer_at_once(*buttons)
        bundle = self.view._repr_mimebundle_()
        data = dict(bundle[0] if isinstance(bundle, tuple) else bundle)
        data.pop("text/plain", None)  # the names of all widgets inside
        display(data, raw=True)  # type: ignore[no-untyped-call]
        self._static.show(self.store.runs(), self._titles)

    # --- the page

    def _make(self, config: RunConfig) -> None:
        self.controls = Controls(config, corpora=list_corpora(), encoders=list_encoders())
        self.controls.on_change(self._settings_changed)
        self.train_button = page_widgets.button("play", "labkit-train", self._train_pressed, "primary")
        self.stop_button = page_widgets.button("stop", "labkit-stop", self._stop_pressed, width=STOP_WIDTH)
        self.empty_button = page_widgets.button("times", "labkit-empty", self._empty_pressed)
        self.language_switch = page_widgets.language_switch(self._language_chosen)
        self._same = page_widgets.line("labkit-same")
        self._plan, self._notes = page_widgets.line("labkit-plan"), page_widgets.line("labkit-notes")
        self._status = page_widgets.line("labkit-status")
        self._told, self._queue = page_widgets.line("labkit-told"), page_widgets.line("labkit-queue")
        self._failure, self._about = page_widgets.line("labkit-failure"), page_widgets.line("labkit-about")
        self._time, self._operators = page_widgets.line("labkit-spent"), page_widgets.line("labkit-operators")
        self._pictures = RunPictures()
        self.picture_widget, self.transitions_widget = self._pictures.curves, self._pictures.transitions
        self._font_hint = self._pictures.hint
        self.overview = Overview(self.store, lambda: self._refresher.poke(), self._tell, self.controls.load)
        self.tryit, self.mistakes = TryIt(), Mistakes()
        self.view = self._page()

    def _page(self) -> widgets.Widget:
        buttons = widgets.HBox([self.train_button, self.stop_button])
        self._queue_line = widgets.HBox(
            [self._queue, self.empty_button], layout={"display": "none", "flex_flow": "row wrap"}
        )
        self._titles_of_cards = {title: widgets.HTML() for title in CARDS}
        self._footer = widgets.HTML()
        self._speak()
        head = page_widgets.row("labkit-head", self._titles_of_cards["SETTINGS"], self._same, self.language_switch)
        go = page_widgets.row("labkit-go", buttons, page_widgets.column("labkit-beside", self._plan, self._notes))
        settings = page_widgets.card(head, self.controls.main, go, self._told, self.controls.advanced)
        run = page_widgets.card(
            self._titles_of_cards["RUN"], self._status, self._queue_line, self._failure, self._about
        )
        pictures = [self._font_hint, self.picture_widget, self._time, self._operators, self.transitions_widget]
        top = page_widgets.row(
            "labkit-top",
            page_widgets.column("labkit-left", settings, run),
            page_widgets.column("labkit-right", *pictures),
        )
        over = page_widgets.row("labkit-head", self._titles_of_cards["RUNS"], self.overview.delete_failed)
        runs = page_widgets.card(over, *self.overview.widgets())
        errors = page_widgets.card(self._titles_of_cards["ERRORS"], self.mistakes.widget)
        trying = page_widgets.card(self._titles_of_cards["TRY IT"], self.tryit.widget)
        return page_widgets.column("labkit-lab", page_widgets.style_sheet(), top, runs, errors, trying, self._footer)

    def _language_chosen(self, name: str) -> None:
        set_language(name)
        self._refresher.poke()

    def _speak(self) -> None:
        """Says what stays on the page in the language of the lab; the rest is said anew with every look."""
        self._spoken = self.language_switch.value = translation.get_language()
        self.empty_button.description = tr("Empty the queue")
        for title, widget in self._titles_of_cards.items():
            widget.value = f'<div class="labkit-title">{tr(title)}</div>'
        self._footer.value = run_html.muted(tr(FOOTER))
        answer_at_once(self.empty_button)

    def _speak_again(self) -> None:
        """Says all of it anew, as somebody chose another language, in this lab or in another one."""
        self._speak()
        for part in (self.controls, self.overview, self.mistakes, self.tryit):
            part.speak()

    def _train_pressed(self) -> None:
        """One run, however often Train is pressed before that has a row: a double click, or a click in each view.

        Aside, as waiting here would keep the very messages waiting that are waited for.
        """
        if self._pressing.acquire(blocking=False):
            page_widgets.set_on(self.train_button, "disabled", True)
            threading.Thread(target=self._train_settled, name="labkit-train").start()

    def _train_settled(self) -> None:
        """Trains once the settings have come to rest; the same ones not twice within SAME_PRESS_S.

        A page sends a slider's next value only when the one before was answered, but a click at once: it overtakes
        the last steps of a slider that was moved just before.
        """
        deadline = time.monotonic() + SETTLED_AT_LAST_S
        while time.monotonic() < min(self._changed_at + SETTLED_S, deadline):
            time.sleep(0.02)
        config = self.controls.config()
        try:
            if self._pressed is None or config != self._pressed[0] or time.monotonic() > self._pressed[1]:
                self._tell("")
                self.start(config)
                self._pressed = config, time.monotonic() + SAME_PRESS_S
        except (ValueError, OSError) as problem:
            self._tell(str(problem))
        finally:
            page_widgets.set_on(self.train_button, "disabled", False)
            self._pressing.release()

    def _stop_pressed(self) -> None:
        """Ends the run that the button names; its second click would else end the next one of the queue."""
        run, now = self._shown.to_stop, time.monotonic()
        if run is not None and now > self._stopped_at + SAME_PRESS_S:
            self._stopped_at = now
            launch.stop(run.folder)
            self._refresher.poke()

    def _settings_changed(self, _: RunConfig) -> None:
        self._changed_at = time.monotonic()
        self._refresher.poke()

    def _empty_pressed(self) -> None:
        launch.cancel_queued(self.store.folder)
        self._refresher.poke()

    def _tell(self, problem: str) -> None:
        page_widgets.set_text(self._told, run_html.complaint(problem) if problem else "")

    # --- looking and drawing

    def _refresh(self) -> bool:
        """One look at everything, and its pictures. Returns whether something is going on."""
        with self._lock:
            busy = self._look()
            self._draw()
            return busy

    def _look(self) -> bool:
        with self._lock:
            if self._spoken != translation.get_language():
                self._speak_again()
            runs = self.store.runs()
            live = [run for run in runs if run.is_live]
            queued = [run for run in runs if run.state == "queued"]
            if queued and not live:
                self._nudge()
            self._list(runs)
            self._shown.follow(runs, live, self.overview.table.selected)
            self._say(runs, live, queued, self._titles)
            self.overview.refresh(runs)
            on_cpu = any(run.plan is not None and run.plan.device == "cpu" for run in live)
            self._refresher.share = SHARED_CORES if on_cpu else ALONE
            return bool(live or queued)

    def _list(self, runs: list[Run]) -> None:
        """What depends on which runs there are and not on how they go on: with many of them that costs most."""
        listed = (self._spoken, *((run.folder, run.label, run.state, run.created) for run in runs))
        if listed != self._listed:
            self._listed, self._titles = listed, name_runs(runs, tr)
            self._static.update(runs, self._titles)
            self.mistakes.refresh(runs, self._titles)
            self.tryit.refresh(runs, self._titles)

    def _nudge(self) -> None:
        """Lets the queue go on, if whoever ran before could not say so; aside, as a first start takes seconds."""
        if self._nudging is None or not self._nudging.is_alive():
            self._nudging = threading.Thread(target=self._start_next, name="labkit-nudge")
            self._nudging.start()

    def _start_next(self) -> None:
        try:
            launch.start_next(self.store.folder)
        except Exception as problem:  # in a thread nobody else would hear of it
            self._tell(str(problem))

    def _say(self, runs: list[Run], live: list[Run], queued: list[Run], titles: dict[Path, str]) -> None:
        run = self._shown.run
        config = self.controls.config()
        page_widgets.set_text(self._same, run_html.same(self._forecast.repeats(config, runs, self._listed)))
        page_widgets.set_text(self._plan, self._forecast.told(config, runs, self._listed))
        page_widgets.set_text(self._notes, self._forecast.notes(config))
        page_widgets.set_text(self._status, run_html.status(run, titles.get(run.folder, run.title) if run else ""))
        page_widgets.set_text(self._failure, run_html.failure(run))
        page_widgets.set_text(self._about, run_html.about(run))
        page_widgets.set_text(self._time, time_bar_html.strip(run))
        page_widgets.set_text(self._operators, time_bar_html.operators(run))
        page_widgets.set_text(self._queue, run_html.queue(queued, titles))
        page_widgets.set_shown(
            self._queue_line, bool(queued) and (bool(live) or len(queued) > 1)
        )  # a lone one begins at once
        page_widgets.set_on(self.train_button, "description", tr("Train next") if live or queued else tr("Train"))
        stopping = self._shown.to_stop
        page_widgets.set_on(
            self.stop_button, "description", tr("Stop {run}", run=stopping.title) if stopping else tr("Stop")
        )
        page_widgets.set_on(self.stop_button, "tooltip", stopping and titles.get(stopping.folder, stopping.title))
        page_widgets.set_on(self.stop_button, "disabled", stopping is None)

    def _draw(self) -> None:
        self._pictures.draw(self._shown.run, self.overview.theme)
        self.overview.draw()
        self._pictures.hint_at_fonts(list(self._titles.values()))
