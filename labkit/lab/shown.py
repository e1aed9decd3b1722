"""Which run the page shows."""

from collections.abc import Sequence

from labkit.runs.run import Run


class Shown:
    """`run` is what was ticked or began last; until then the live run, else the newest that has begun."""

    def __init__(self) -> None:
        self.run: Run | None = None
        self._ticked: set[str] = set()
        self._began: set[str] = set()

    def follow(self, runs: Sequence[Run], live: Sequence[Run], ticked: Sequence[str]) -> None:
        """
        Args:
            runs: all there are, the newest last.
            live: those of them that train.
            ticked: the names of folders, in the order in which they were ticked.
        """
        by_id = {run.folder.name: run for run in runs}
        news = [id for id in ticked if id not in self._ticked and id in by_id]
        news = [id for id in news if by_id[id].state != "queued" or not live]  # its turn will come
        news += [run.folder.name for run in live if run.folder.name not in self._began]
        self._ticked = set(ticked)
        self._began |= {run.folder.name for run in live}
        kept = by_id.get(self.run.folder.name) if self.run else None
        self.run = by_id[news[-1]] if news else kept or _first(runs, live)


def _first(runs: Sequence[Run], live: Sequence[Run]) -> Run | None:
    begun = [run for run in runs if run.state != "queued"]
    newest = live or begun or runs
    return newest[-1] if newest else None
