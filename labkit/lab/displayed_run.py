"""Choice of the displayed run and of the run that Stop ends."""

from collections.abc import Sequence

from labkit.runs.run import Run


class DisplayedRun:
    """Displayed run (`run`) and the run that Stop ends (`stop_target`).

    `run` follows the live run until another one is selected. `stop_target` is the displayed run if it is live, else
    the first live one. A run that starts elsewhere, for example in a terminal, does not replace one that trains.
    """

    def __init__(self) -> None:
        self.run: Run | None = None
        self.stop_target: Run | None = None
        self._selected: set[str] = set()
        self._live: set[str] = set()
        self._is_pinned = False  # it had already ended when it was selected: it is looked at, not followed

    def update(self, runs: Sequence[Run], live: Sequence[Run], selected: Sequence[str]) -> None:
        """Choose both runs again.

        Args:
            runs: all runs, the newest last.
            live: those of them that train.
            selected: folder names of the selected runs, in the order in which they were selected.
        """
        by_id = {run.folder.name: run for run in runs}
        live_ids = [run.folder.name for run in live]
        newly_selected = [id for id in selected if id not in self._selected and id in by_id]
        # a queued run is shown when it starts, unless nothing trains now
        newly_selected = [id for id in newly_selected if by_id[id].state != "queued" or not live]
        started = [id for id in live_ids if id not in self._live]
        started = [id for id in started if id in selected or self._live.isdisjoint(live_ids)]
        self._selected, self._live = set(selected), set(live_ids)
        displayed = by_id.get(self.run.folder.name) if self.run else None
        if candidates := newly_selected + started:
            displayed = by_id[candidates[-1]]
            self._is_pinned = candidates[-1] not in live_ids and displayed.state != "queued"
        elif live and displayed not in live and not (displayed and self._is_pinned):
            displayed = live[-1]
        newest = next((run for run in reversed(runs) if run.state != "queued"), runs[-1] if runs else None)
        self.run = displayed or newest
        self.stop_target = self.run if self.run in live else next(iter(live), None)
