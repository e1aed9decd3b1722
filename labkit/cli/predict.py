"""`labkit predict`: tagged words of a text, or entities of a CSV table."""

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from labkit.cli.output import write_data, write_message
from labkit.data.formats.bdci import ENTITIES_COLUMN, read_table
from labkit.i18n.translation import tr
from labkit.paths import atomic_write


def iter_tagged_lines(folder: Path, text: str) -> Iterator[str]:
    """Iterate over tab-separated lines: word, tag, and confidence at an entity's first word.

    Spaces and line ends, which are words for some runs, are left out.
    """
    from labkit.training.prediction import predict_text

    result = predict_text(folder, text)
    if result["note"]:
        write_message(tr(result["note"]), err=True)
    confidences = {entity["first"]: f"\t{entity['confidence']:.2f}" for entity in result["entities"]}
    for index, (word, tag) in enumerate(zip(result["words"], result["tags"], strict=True)):
        if not word.isspace():
            yield f"{word}\t{tag}{confidences.get(index, '')}"


def predict_table(folder: Path, path: Path, out: Path | None, types: Sequence[str]) -> None:
    """Write id and entities of each row of a CSV table.

    A file `out` appears when all rows are done. Stdout, a pipe or a device gets each row at once; a file renamed onto a
    pipe would replace it.

    Raises:
        ValueError: the table cannot be read (with file and line), or the run does not know a type.
    """
    table = read_table(path, str(path))
    for note in table.notes:
        write_message(tr(note), err=True)
    from labkit.training import prediction

    rows = prediction.predict_table(folder, table, types, lambda note: write_message(tr(note), err=True))
    if out is None:
        for line in _csv_lines(rows):
            write_data(line)
        return
    if out.exists() and not out.is_file():
        return _write_csv(out, rows)
    with atomic_write(out.resolve()) as temporary:  # else a link would be replaced, instead of the file it leads to
        _write_csv(temporary, rows)


def _write_csv(path: Path, rows: Iterator[tuple[str, str]]) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.writelines(_csv_lines(rows))


def _csv_lines(rows: Iterator[tuple[str, str]]) -> Iterator[str]:
    """Iterate over the records of a CSV file, header first."""
    for row in chain([("id", ENTITIES_COLUMN)], rows):
        record = io.StringIO()
        csv.writer(record, lineterminator="\n").writerow(row)
        yield record.getvalue()
