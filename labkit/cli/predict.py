"""`labkit predict`: tagged words of a text, or entities of a CSV table or of a file of any corpus format."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

from labkit.cli.output import write_data, write_message
from labkit.data.documents import PredictedDocument, read_documents
from labkit.data.formats.bdci import ENTITIES_COLUMN, read_table
from labkit.data.writers import WRITERS, write_brat
from labkit.i18n.translation import tr
from labkit.messages import Message
from labkit.paths import atomic_write


def iter_tagged_lines(folder: Path, text: str) -> Iterator[str]:
    """Iterate over tab-separated lines: word, tag, and confidence at an entity's first word.

    Spaces and line ends, which are words for some runs, are left out.
    """
    from labkit.training.prediction import predict_text

    result = predict_text(folder, text)
    if result["note"]:
        _write_note(result["note"])
    confidences = {entity["first"]: f"\t{entity['confidence']:.2f}" for entity in result["entities"]}
    for index, (word, tag) in enumerate(zip(result["words"], result["tags"], strict=True)):
        if not word.isspace():
            yield f"{word}\t{tag}{confidences.get(index, '')}"


def predict_table(folder: Path, path: Path, out: Path | None, types: Sequence[str]) -> None:
    """Write id and entities of each row of a CSV table.

    Raises:
        ValueError: the table cannot be read (with file and line), or the run does not know a type.
    """
    table = read_table(path, str(path))
    for note in table.notes:
        _write_note(note)
    from labkit.training import prediction

    rows = prediction.predict_table(folder, table, types, _write_note)
    _write(_csv_lines(rows), out)


def predict_file(folder: Path, path: Path, out: Path | None, format_: str | None, types: Sequence[str]) -> None:
    """Write the texts of a file or folder with their entities, by default in its own format.

    Raises:
        ValueError: the file cannot be read (with line or record), `out` exists, or the run does not know a type.
    """
    read = read_documents(path)
    for note in read.notes:
        _write_note(note)
    format_ = format_ or read.format
    if format_ == "brat" and out is None:
        raise ValueError(Message("BRAT predictions are a folder; name it, as in --out FOLDER, or choose a --format"))
    if out and (out.is_file() or (out.is_dir() and (format_ != "brat" or any(out.iterdir())))):
        raise ValueError(Message("{path} is there already; give another name", path=str(out)))
    from labkit.training import prediction

    documents = prediction.predict_documents(folder, read.documents, types, _write_note)
    if format_ == "brat" and out:
        _write_folder(documents, out)
    else:
        _write(WRITERS[format_](documents), out)


def _write_note(note: Message) -> None:
    write_message(tr(note), err=True)


def _write_folder(documents: Iterable[PredictedDocument], out: Path) -> None:
    """Write a BRAT folder, which appears when all documents are done."""
    with TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as aside:
        made = Path(aside) / "made"  # with the permissions of any folder, which a temporary one has not
        made.mkdir()
        write_brat(documents, made)
        if out.is_dir():
            out.rmdir()
        made.rename(out)


def _write(lines: Iterator[str], out: Path | None) -> None:
    """Write lines to stdout or a file, which appears when all are done.

    Stdout, a pipe or a device gets each line at once; a file renamed onto a pipe would replace it.
    """
    if out is None:
        for line in lines:
            write_data(line)
    elif out.exists() and not out.is_file():
        _write_lines(lines, out)
    else:
        with atomic_write(out.resolve()) as temporary:  # else a link would be replaced, not the file it leads to
            _write_lines(lines, temporary)


def _write_lines(lines: Iterator[str], path: Path) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.writelines(lines)


def _csv_lines(rows: Iterator[tuple[str, str]]) -> Iterator[str]:
    """Iterate over the records of a CSV file, header first."""
    for row in chain([("id", ENTITIES_COLUMN)], rows):
        record = io.StringIO()
        csv.writer(record, lineterminator="\n").writerow(row)
        yield record.getvalue()
