"""What a run's weights find, as lines of a terminal or as a table."""

import csv
import io
import os
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from labkit.cli.output import write_data, write_message
from labkit.data.formats.bdci import ENTITIES_COLUMN, read_table


def iter_tagged_lines(folder: Path, text: str) -> Iterator[str]:
    """A word and its tag, and at an entity's first word how sure the tagger is of it, separated by tabs.

    Spaces and line ends, which are words to some runs, are left out.
    """
    from labkit.training.prediction import predict_text

    found = predict_text(folder, text)
    if found["note"]:
        write_message(found["note"], err=True)
    sure = {entity["first"]: f"\t{entity['confidence']:.2f}" for entity in found["entities"]}
    for place, (word, tag) in enumerate(zip(found["words"], found["tags"], strict=True)):
        if not word.isspace():
            yield f"{word}\t{tag}{sure.get(place, '')}"


def predict_table(folder: Path, path: Path, out: Path | None, types: Sequence[str]) -> None:
    """Writes id and entities of each row to `out`, which is there when all are found, or to stdout as they are.

    A pipe or a device gets them as they are, too: a file renamed onto it would take its place.

    Raises ValueError with file and line for a table that cannot be read, and for a type that the run does not know.
    """
    table = read_table(path, str(path))
    for note in table.notes:
        write_message(note, err=True)
    from labkit.training import prediction

    rows = prediction.predict_table(folder, table, types, lambda note: write_message(note, err=True))
    if out is None:
        for line in _csv_lines(rows):
            write_data(line)
        return
    if out.exists() and not out.is_file():
        return _write_csv(out, rows)
    target = out.resolve()  # or a link would be replaced, and what it leads to stay as it was
    aside = target.with_name(f".{target.name}-{os.getpid()}")
    try:
        _write_csv(aside, rows)
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)


def _write_csv(path: Path, rows: Iterator[tuple[str, str]]) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.writelines(_csv_lines(rows))


def _csv_lines(rows: Iterator[tuple[str, str]]) -> Iterator[str]:
    """The records of a CSV file, its header first."""
    for row in chain([("id", ENTITIES_COLUMN)], rows):
        record = io.StringIO()
        csv.writer(record, lineterminator="\n").writerow(row)
        yield record.getvalue()
