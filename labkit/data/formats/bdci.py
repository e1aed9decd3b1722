"""Tables of texts and the entities in them, as in the CCF BDCI 2019 competition on new financial entities.

A CSV file with the columns `id`, `title`, `text` and `unknownEntities`, the last of which holds the entities that occur
in title or text, joined by `;`. The texts come from the web, with its markup; every character is a word.
"""

import csv
import hashlib
import io
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from labkit.data.cleaning import CleanedText, clean_html
from labkit.data.corpus_files import open_or_explain
from labkit.data.formats.conll import ParsedFile, RawSentence
from labkit.data.tags import Span

ENTITY_TYPE = "ENTITY"  # the table tells none
ENTITIES_COLUMN = "unknownEntities"
TEXT_COLUMNS = ("id", "title", "text")

_MAX_EXAMPLES = 3  # examples in a note
_LONGEST = 2**31 - 1  # characters of a field, as many as csv can be told of on Windows; by default it is 131,072


@dataclass(frozen=True, slots=True)
class BdciRow:
    """A row as it stands in the file."""

    id: str
    title: str
    text: str
    labels: str
    line: int

    def build_document(self) -> CleanedText:
        """Title and text as one, cleaned; the text alone where it repeats the title at its beginning."""
        repeated = self.text.lstrip().startswith(self.title.strip())
        return clean_html(self.text if repeated else f"{self.title}\n{self.text}")


@dataclass
class BdciTable:
    """A file, read; the entities are known or not in all its rows."""

    display_path: str  # its path, as messages name it
    sha256: str
    has_labels: bool
    rows: list[BdciRow]
    notes: list[str] = field(default_factory=list)


def read_table(path: Path, display_path: str) -> BdciTable:
    """Reads a file, in UTF-8 or else in GB18030, which is told in a note.

    Raises ValueError with file, line and what was expected.
    """
    with open_or_explain(path, display_path) as file:
        data = file.read()
    text, notes = _decode_text(data, display_path)
    records = _records(text, display_path)
    line, header = next(records, (1, []))
    places = _index_columns(header, line, display_path)
    name, title, body = (places[column] for column in TEXT_COLUMNS)
    labels = places.get(ENTITIES_COLUMN.lower())
    rows = []
    for line, record in records:
        if len(record) != len(header):
            what = f"expected {len(header)} fields as in the header, found {len(record)}"
            raise ValueError(f"{display_path}:{line}: {what}; is a comma or a quotation mark in a text not quoted?")
        known = "" if labels is None else record[labels]
        rows.append(BdciRow(record[name], record[title], record[body], known, line))
    return BdciTable(display_path, hashlib.sha256(data).hexdigest(), labels is not None, rows, notes)


def read_bdci(path: Path, display_path: str) -> ParsedFile:
    """A file as a part of a corpus, a row a sentence; without sentences, but with a note, where it has no entities.

    Raises ValueError as `read_table` does, and where no row holds a text.
    """
    table = read_table(path, display_path)
    part = ParsedFile(display_path, table.sha256, [], list(table.notes), one_word_per_line=False)
    if not table.has_labels:
        part.notes.append(
            f"{display_path} has no column {ENTITIES_COLUMN}: it is not scored, but its entities can be predicted."
        )
        return part
    documents, empty = _merge_repeated_rows(table)
    lacking = []
    for row, document, labels in documents:
        found, absent = locate_labels(document.text, labels)
        words = tuple(map(sys.intern, document.text))  # each character once in memory
        part.sentences.append(RawSentence(words, _tags(len(words), found), row.line))
        lacking += [(row.line, label) for label in absent]
    if not part.sentences:
        raise part.error(1, "no row holds a text; expected rows of id, title, text and entities")
    part.notes += _notes(table, len(documents), empty, lacking)
    return part


def locate_labels(text: str, labels: Sequence[str]) -> tuple[list[Span], list[str]]:
    """Where the labels occur in a cleaned text, in its order, and those that do not.

    Where labels overlap the longest counts. A label that begins or ends in Latin letters or digits is not looked for
    inside longer words or numbers (EOS in VIDEOS), unless it stands nowhere else.
    """
    taken = bytearray(len(text))
    found, absent = [], []
    for label in sorted(set(labels), key=lambda label: (-len(label), label)):
        every = list(_occurrences(text, label))
        for start in [place for place in every if _is_whole_word(text, place, place + len(label))] or every:
            end = start + len(label)
            if not any(taken[start:end]):
                taken[start:end] = b"\1" * len(label)
                found.append(Span(ENTITY_TYPE, start, end))
        if not every:
            absent.append(label)
    return sorted(found, key=lambda span: span.start), sorted(absent, key=list(labels).index)


def parse_labels(cell: str) -> list[str]:
    """The entities of a cell, cleaned as texts are."""
    return [label for part in re.split("[;；]", clean_html(cell).text) if (label := part.strip())]


def format_cell(document: CleanedText, spans: Sequence[Span]) -> str:
    """Entities as they stand in the original text, each once, joined by `;`.

    One that holds a `;` there, as in `A&amp;B`, is given as it was read.
    """
    given: dict[str, None] = {}
    for _, start, end in spans:
        original = document.slice_source(start, end)
        original = document.text[start:end] if ";" in original else original
        given |= dict.fromkeys(part.strip() for part in re.split(r"[;\r\n]", original))
    return ";".join(label for label in given if label)


def _index_columns(header: Sequence[str], line: int, display_path: str) -> dict[str, int]:
    """The place of each column by its name in small letters; of two of one name the first counts."""
    places = {name.strip().lower(): place for place, name in reversed(list(enumerate(header)))}
    if missing := [name for name in TEXT_COLUMNS if name not in places]:
        found = ", ".join(repr(name[:40]) for name in header[:8]) or "an empty file"
        expected = f"expected a CSV file with the columns {', '.join(TEXT_COLUMNS)} and {ENTITIES_COLUMN}"
        raise ValueError(f"{display_path}:{line}: no column {', '.join(missing)}; {expected}; found {found}")
    return places


def _merge_repeated_rows(table: BdciTable) -> tuple[list[tuple[BdciRow, CleanedText, list[str]]], int]:
    """Rows with their texts and labels, those of equal texts as one, and how many hold no text."""
    found: dict[str, tuple[BdciRow, CleanedText, list[str]]] = {}
    empty = 0
    for row in table.rows:
        document = row.build_document()
        if not document.text:
            empty += 1
            continue
        found.setdefault(document.text, (row, document, []))[2].extend(parse_labels(row.labels))
    return list(found.values()), empty


def _notes(table: BdciTable, kept: int, empty: int, lacking: Sequence[tuple[int, str]]) -> Iterator[str]:
    if empty:
        yield f"{table.display_path}: {empty:,} rows without text were left out."
    if repeated := len(table.rows) - empty - kept:
        yield f"{table.display_path}: {repeated:,} rows repeat the text of another; it is read once, with the entities of all."
    if lacking:
        examples = [f"{label[:40]!r} on line {line}" for line, label in lacking[:_MAX_EXAMPLES]]
        shown = ", ".join(examples + ["…"] * (len(lacking) > _MAX_EXAMPLES))
        yield f"{table.display_path}: {len(lacking):,} entities do not occur in their text and are not learnt: {shown}."


def _tags(words: int, spans: Sequence[Span]) -> tuple[str, ...]:
    tags = ["O"] * words
    for _, start, end in spans:
        tags[start:end] = [f"B-{ENTITY_TYPE}", *[f"I-{ENTITY_TYPE}"] * (end - start - 1)]
    return tuple(tags)


def _occurrences(text: str, label: str) -> Iterator[int]:
    """Where a label begins, those that overlap included."""
    place = text.find(label)
    while place >= 0:
        yield place
        place = text.find(label, place + 1)


def _is_whole_word(text: str, start: int, end: int) -> bool:
    return not (
        _is_same_word(text[start - 1 : start], text[start]) or _is_same_word(text[end - 1], text[end : end + 1])
    )


def _is_same_word(one: str, other: str) -> bool:
    """Whether two neighbours are of one Latin word or one number."""
    both = one + other
    return len(both) == 2 and both.isascii() and (both.isalpha() or both.isdigit())


def _decode_text(data: bytes, display_path: str) -> tuple[str, list[str]]:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ValueError(f"{display_path}:1: the file is in UTF-16; expected UTF-8, so save it as UTF-8")
    try:
        return data.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problem = f"{display_path}:{line}: byte {error.start} of the file is neither UTF-8 nor GB18030; save the file as UTF-8"
    try:
        return data.decode("gb18030"), [f"{display_path}: read as GB18030, as it is not UTF-8."]
    except UnicodeDecodeError:
        raise ValueError(problem) from None


def _records(text: str, display_path: str) -> Iterator[tuple[int, list[str]]]:
    """Each record that is not blank, with the line it begins on."""
    csv.field_size_limit(_LONGEST)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for record in reader:
            if record:
                yield line, record
            line = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(
            f"{display_path}:{line}: not a CSV record: {error}; quotation marks in a text are doubled"
        ) from None
