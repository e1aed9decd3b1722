"""CSV tables of texts and their entities, as in CCF BDCI 2019.

The competition was on new financial entities. The columns are `id`, `title`, `text` and `unknownEntities`, which lists
the entities that occur in title or text, joined by `;`. The texts are web pages with markup; every character is a word.
"""

import csv
import hashlib
import io
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Literal

from labkit.data.cleaning import CleanedText, clean_html
from labkit.data.formats.parsed_file import ParsedFile, RawSentence, line_error
from labkit.data.formats.spans import SpanDocument
from labkit.data.formats.text_lines import EncodingError, read_bytes, to_utf8
from labkit.data.tags import ENTITY_TYPE, Span
from labkit.messages import N_, Message

ENTITIES_COLUMN = "unknownEntities"
TEXT_COLUMNS = ("id", "title", "text")

_MAX_EXAMPLES = 3  # examples in a note
_FIELD_LIMIT = 2**31 - 1  # characters; the most that csv accepts on Windows; its default is 131,072


@dataclass(frozen=True, slots=True)
class BdciRow:
    """Row as it stands in the file."""

    id: str
    title: str
    text: str
    labels: str
    line: int

    def build_document(self) -> CleanedText:
        """Cleaned title and text, without a title that the text repeats."""
        repeated = self.text.lstrip().startswith(self.title.strip())
        return clean_html(self.text if repeated else f"{self.title}\n{self.text}")


@dataclass
class BdciTable:
    """Rows of one file; either all of them have labels or none."""

    display_path: str  # its path, as messages name it
    sha256: str
    has_labels: bool
    rows: list[BdciRow]
    notes: list[Message] = field(default_factory=list)


def read_table(path: Path, display_path: str) -> BdciTable:
    """Reads a table in UTF-8 or, with a note, in GB18030 or UTF-16.

    Raises ValueError with file, line and what was expected.
    """
    data = read_bytes(path, display_path)
    try:
        text, notes = to_utf8(data, display_path)
    except EncodingError as error:
        for line, header in islice(iter_records(error.readable.decode(), display_path), 1):
            _index_columns(header, line, display_path)  # tells first if the format is another one
        raise
    records = iter_records(text.decode(), display_path)
    line, header = next(records, (1, []))
    columns = _index_columns(header, line, display_path)
    row_id, title, text_column = (columns[name] for name in TEXT_COLUMNS)
    labels = columns.get(ENTITIES_COLUMN.lower())
    rows = []
    for line, record in records:
        if len(record) != len(header):
            problem = N_(
                "expected {count} fields as in the header, found {found}; is a comma or a quotation mark in a text not "
                "quoted?"
            )
            raise line_error(display_path, line, Message(problem, count=len(header), found=len(record)))
        cell = "" if labels is None else record[labels]
        rows.append(BdciRow(record[row_id], record[title], record[text_column], cell, line))
    return BdciTable(display_path, hashlib.sha256(data).hexdigest(), labels is not None, rows, notes)


def read_bdci(path: Path, display_path: str) -> ParsedFile:
    """Reads a table as a corpus split, one sentence per row.

    Returns texts without sentences, and a note, if the table has no column of entities.
    Raises ValueError as `read_table` does, and if no row holds a text.
    """
    table = read_table(path, display_path)
    parsed = ParsedFile(display_path, table.sha256, [], list(table.notes), one_word_per_line=False)
    cleaned = [row.build_document() for row in table.rows]
    parsed.texts = [
        SpanDocument(document.text, [], row.line, fields={"id": row.id})
        for row, document in zip(table.rows, cleaned, strict=True)
    ]
    if not table.has_labels:
        text = N_("no column {column}; without it there is nothing to learn from")
        parsed.missing_labels = Message(text, column=ENTITIES_COLUMN)
        text = N_("{file} has no column {column}: it is not scored, but its entities can be predicted.")
        parsed.notes.append(Message(text, file=display_path, column=ENTITIES_COLUMN))
        return parsed
    documents, empty = _merge_repeated_rows(table.rows, cleaned)
    all_absent = []
    for row, document, labels in documents:
        spans, absent = locate_labels(document.text, labels)
        words = tuple(map(sys.intern, document.text))  # each character once in memory
        tags = ["O"] * len(words)
        for _, start, end in spans:
            tags[start:end] = [f"B-{ENTITY_TYPE}", *[f"I-{ENTITY_TYPE}"] * (end - start - 1)]
        parsed.sentences.append(RawSentence(words, tuple(tags), row.line))
        all_absent += [(row.line, label) for label in absent]
    if not parsed.sentences:
        raise parsed.error(1, Message("no row holds a text; expected rows of id, title, text and entities"))
    parsed.notes += _notes(table, len(documents), empty, all_absent)
    return parsed


def locate_labels(text: str, labels: Sequence[str]) -> tuple[list[Span], list[str]]:
    """Spans of labels in a cleaned text, and absent labels.

    Of overlapping labels the longest wins. A label that begins or ends in Latin letters or digits is not matched inside
    longer words or numbers (EOS in VIDEOS), unless it occurs nowhere else.

    Returns:
        Spans in the order of the text, and the absent labels in the order of `labels`.
    """
    occupied = bytearray(len(text))
    spans, absent = [], []
    for label in sorted(set(labels), key=lambda label: (-len(label), label)):
        starts = list(_occurrences(text, label))
        for start in [start for start in starts if _is_whole_word(text, start, start + len(label))] or starts:
            end = start + len(label)
            if not any(occupied[start:end]):
                occupied[start:end] = b"\1" * len(label)
                spans.append(Span(ENTITY_TYPE, start, end))
        if not starts:
            absent.append(label)
    return sorted(spans, key=lambda span: span.start), sorted(absent, key=list(labels).index)


def parse_labels(cell: str) -> list[str]:
    """Entities of a cell, cleaned as texts are."""
    return [label for part in re.split("[;；]", clean_html(cell).text) if (label := part.strip())]


def format_cell(document: CleanedText, spans: Sequence[Span]) -> str:
    """Distinct entities as spelt in the original text, joined by `;`.

    An entity whose original holds a `;`, like `A&amp;B`, is written as cleaned.
    """
    labels: dict[str, None] = {}  # as an ordered set
    for _, start, end in spans:
        original = document.slice_source(start, end)
        original = document.text[start:end] if ";" in original else original
        labels |= dict.fromkeys(part.strip() for part in re.split(r"[;\r\n]", original))
    return ";".join(label for label in labels if label)


def _index_columns(header: Sequence[str], line: int, display_path: str) -> dict[str, int]:
    """Column indices by lower-case name; the first of equal names."""
    columns = {name.strip().lower(): index for index, name in reversed(list(enumerate(header)))}
    if missing := [name for name in TEXT_COLUMNS if name not in columns]:
        text = N_(
            "no column {missing}; expected a CSV file with the columns {columns} and {labels}, or with columns called "
            "sentence, word and tag; found {found}"
        )
        names = {"missing": ", ".join(missing), "columns": ", ".join(TEXT_COLUMNS), "labels": ENTITIES_COLUMN}
        found = ", ".join(repr(name[:40]) for name in header[:8]) or Message("an empty file")
        raise line_error(display_path, line, Message(text, **names, found=found))
    return columns


def _merge_repeated_rows(
    rows: Sequence[BdciRow], documents: Sequence[CleanedText]
) -> tuple[list[tuple[BdciRow, CleanedText, list[str]]], int]:
    """Rows merged by cleaned text, and the number of empty rows."""
    merged: dict[str, tuple[BdciRow, CleanedText, list[str]]] = {}
    empty = 0
    for row, document in zip(rows, documents, strict=True):
        if not document.text:
            empty += 1
            continue
        merged.setdefault(document.text, (row, document, []))[2].extend(parse_labels(row.labels))
    return list(merged.values()), empty


def _notes(table: BdciTable, kept: int, empty: int, absent: Sequence[tuple[int, str]]) -> Iterator[Message]:
    path = table.display_path
    if empty:
        yield Message("{file}: {count:,} rows without text were left out.", file=path, count=empty)
    if repeated := len(table.rows) - empty - kept:
        text = N_("{file}: {count:,} rows repeat the text of another; it is read once, with the entities of all.")
        yield Message(text, file=path, count=repeated)
    if absent:
        listed = "…" if len(absent) > _MAX_EXAMPLES else ""
        for line, label in reversed(absent[:_MAX_EXAMPLES]):
            example = Message("{label!r} on line {line}", label=label[:40], line=line)
            listed = Message("{example}, {more}", example=example, more=listed) if listed else example
        text = N_("{file}: {count:,} entities do not occur in their text and are not learnt: {examples}.")
        yield Message(text, file=path, count=len(absent), examples=listed)


def _occurrences(text: str, label: str) -> Iterator[int]:
    """Starts of all occurrences of a label, overlapping ones included."""
    start = text.find(label)
    while start >= 0:
        yield start
        start = text.find(label, start + 1)


def _is_whole_word(text: str, start: int, end: int) -> bool:
    return not (
        _is_same_word(text[start - 1 : start], text[start]) or _is_same_word(text[end - 1], text[end : end + 1])
    )


def _is_same_word(one: str, other: str) -> bool:
    """True if two neighbours belong to one Latin word or one number."""
    both = one + other
    return len(both) == 2 and both.isascii() and (both.isalpha() or both.isdigit())


def iter_records(
    text: str, display_path: str, delimiter: str = ",", quoting: Literal[0, 3] = csv.QUOTE_MINIMAL
) -> Iterator[tuple[int, list[str]]]:
    """Records that are not blank, with the line each begins on."""
    csv.field_size_limit(_FIELD_LIMIT)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter, quoting=quoting)
    line = 1
    try:
        for record in reader:
            if record:
                yield line, record
            line = reader.line_num + 1
    except csv.Error as error:
        problem = N_("not a CSV record: {error}; quotation marks in a text are doubled")
        raise line_error(display_path, line, Message(problem, error=str(error))) from None
