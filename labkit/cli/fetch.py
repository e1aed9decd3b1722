"""`labkit fetch`: download and verify pinned assets, with progress bars."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn
from rich.table import Table

from labkit import paths
from labkit.cli.output import make_console
from labkit.cli.tables import plain_table
from labkit.data import downloads, hub_datasets
from labkit.i18n.translation import tr
from labkit.messages import N_


def fetch_assets(names: Sequence[str], subset: str = "") -> None:
    """Fetch and verify assets, by default those that the lab starts with, and data sets of the hub.

    Raises:
        AssetError: an asset cannot be fetched, written or verified.
        ValueError: a data set cannot be fetched or read.
    """
    console = make_console(stderr=True)
    for name in names or downloads.DEFAULT_ASSETS:
        line = _fetch_dataset(name, subset) if "/" in name else _fetch_pinned(name)
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _fetch_pinned(name: str) -> str:
    with _download_progress() as progress:
        folder = downloads.fetch(name, progress)
    return tr("{name}: verified, in {folder}", name=name, folder=folder)


def _fetch_dataset(name: str, subset: str) -> str:
    corpus = hub_datasets.fetch_dataset(name, subset)
    return tr("{name}: the corpus {corpus}, in {folder}", name=name, corpus=corpus, folder=paths.data() / corpus)


def assets_table() -> Table:
    """Table of all pinned assets, with the kind and presence of each."""
    rows = [
        (asset.name, kind, tr("yes" if downloads.is_present(asset.name) else "no"), asset.licence, tr(asset.about))
        for kind, registry in (
            (tr("encoder"), downloads.ENCODERS),
            (tr("corpus"), downloads.CORPORA),
            (tr("text"), downloads.PRETRAINING_TEXTS),
        )
        for asset in registry.values()
    ]
    return plain_table(map(tr, N_(("name", "kind", "here", "licence", "about"))), rows)


@contextmanager
def _download_progress() -> Iterator[Callable[[str, int, int], None]]:
    """Progress callback for `downloads.fetch`: (name, bytes done, bytes in all)."""
    console = make_console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}

        def update(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name)
            bars.update(tasks[name], completed=done, total=total or None)

        yield update
