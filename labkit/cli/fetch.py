"""Fetch pinned encoders and corpora, with a bar for each file, and list what there is."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn
from rich.table import Table

from labkit.cli.output import make_console
from labkit.cli.tables import plain_table
from labkit.data import downloads
from labkit.i18n.translation import tr, translate_message


def fetch_assets(names: Sequence[str]) -> None:
    """Fetches what is not here yet, by default what the lab starts with, and verifies all; raises AssetError."""
    speaking = make_console(stderr=True)
    for name in names or downloads.DEFAULT_ASSETS:
        with _download_progress() as progress:
            place = downloads.fetch(name, progress)
        speaking.print(
            translate_message(f"{name}: verified, in {place}"), highlight=False, markup=False, soft_wrap=True
        )


def assets_table() -> Table:
    """Every pinned asset, and whether it is here."""
    rows = [
        (
            asset.name,
            translate_message(kind),
            tr("yes" if downloads.is_present(asset.name) else "no"),
            asset.licence,
            asset.about,
        )
        for kind, registry in (
            ("encoder", downloads.ENCODERS),
            ("corpus", downloads.CORPORA),
            ("text", downloads.PRETRAINING_TEXTS),
        )
        for asset in registry.values()
    ]
    return plain_table(("name", "kind", "here", "licence", "about"), rows)


@contextmanager
def _download_progress() -> Iterator[Callable[[str, int, int], None]]:
    """What `assets.fetch` tells its progress to: (what, bytes done, bytes in all)."""
    speaking = make_console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=speaking, disable=not speaking.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}

        def progress(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what)
            bars.update(tasks[what], completed=done, total=total or None)

        yield progress
