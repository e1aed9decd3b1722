"""Choice of the displayed run and of the run that Stop ends."""

from collections.abc import Sequence

from labkit.runs.run import Run


class DisplayedRun:
    """Displayed run (`run`) and the run that Stop ends (`stop_target`).

    `run` is the one that the user has chosen, until another one starts: that is followed. A run that starts elsewhere,
    for example in a terminal, does not replace a displayed one that trains. `stop_target` is the displayed run if it is
    live, else the first live one.
    """

    def __init__(self) -> None:
        self.run: Run | None = None
        self.stop_target: Run | None = None
        self._live: set[str] = set()
        self._requested: Run | None = None  # by the user since the last update
        self._is_chosen = False  # it is displayed though it does not train

    def show(self, run: Run) -> None:
        """Display this run from the next update on."""
        self._requested = run

    def update(self, runs: Sequence[Run], live: Sequence[Run]) -> None:
        """Choose both runs again.

        Args:
            runs: all runs, the newest last.
            live: those of them that train.
        """
        if self._requested:
            self.run, self._requested, self._is_chosen = self._requested, None, True
        started = [run for run in live if run.folder.name not in self._live]
        self._live = {run.folder.name for run in live}
        name = self.run.folder.name if self.run else ""
        displayed = next((run for run in runs if run.folder.name == name), None)
        if displayed in live or started:
            displayed, self._is_chosen = displayed if displayed in live else started[-1], False
        elif live and not (displayed and self._is_chosen):
            displayed = live[-1]
        newest = next((run for run in reversed(runs) if run.state != "queued"), runs[-1] if runs else None)
        self.run = displayed or newest
        self.stop_target = self.run if self.run in live else next(iter(live), None)
