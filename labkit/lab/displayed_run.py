"""Which run the page shows, and which one its Stop button ends."""

from collections.abc import Sequence

from labkit.runs.run import Run


class DisplayedRun:
    """`run` follows the run in progress, until another one is ticked; `to_stop` is it, or else a live one.

    A run that begins elsewhere, as from a terminal, does not take the place of one that trains.
    """

    def __init__(self) -> None:
        self.run: Run | None = None
        self.stop_target: Run | None = None
        self._selected: set[str] = set()
        self._live: set[str] = set()
        self._is_pinned = False  # it had ended when somebody ticked it, so it was not ticked to be followed

    def update(self, runs: Sequence[Run], live: Sequence[Run], selected: Sequence[str]) -> None:
        """
        Args:
            runs: all there are, the newest last.
            live: those of them that train.
            ticked: the names of folders, in the order in which they were ticked.
        """
        by_id = {run.folder.name: run for run in runs}
        lives = [run.folder.name for run in live]
        looked_at = [id for id in selected if id not in self._selected and id in by_id]
        looked_at = [id for id in looked_at if by_id[id].state != "queued" or not live]  # its turn will come
        begun = [id for id in lives if id not in self._live]
        begun = [id for id in begun if id in selected or self._live.isdisjoint(lives)]
        self._selected, self._live = set(selected), set(lives)
        shown = by_id.get(self.run.folder.name) if self.run else None
        if news := looked_at + begun:
            shown = by_id[news[-1]]
            self._is_pinned = news[-1] not in lives and shown.state != "queued"
        elif live and shown not in live and not (shown and self._is_pinned):
            shown = live[-1]
        self.run = shown or _newest_started(runs)
        self.stop_target = self.run if self.run in live else next(iter(live), None)


def _newest_started(runs: Sequence[Run]) -> Run | None:
    begun = [run for run in runs if run.state != "queued"]
    newest = begun or runs
    return newest[-1] if newest else None
