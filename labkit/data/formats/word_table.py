"""Tables of words: CSV with a word, its tag and the number of its sentence in each row.

As Kaggle's `ner_dataset.csv`, in which only the first word of a sentence has the number. Where no column numbers the
sentences, blank rows are between them. A table without a column of tags is not scored.
"""

import csv
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from labkit.data.formats.bdci import ENTITIES_COLUMN, TEXT_COLUMNS, iter_records
from labkit.data.formats.parsed_file import ParsedFile
from labkit.data.formats.sentence_builder import SentenceBuilder
from labkit.data.formats.text_lines import first_lines, normalise_lines, read_bytes, to_utf8
from labkit.messages import N_, Message

WORD_COLUMNS = ("word", "words", "token", "tokens")
TAG_COLUMNS = ("ner_tag", "ner_tags", "ner", "bio", "iob", "tag", "label", "labels", "entity", "tags")
SENTENCE_COLUMNS = (
    "sentence_#", "sentence", "sentence_id", "sentence_idx", "sentence_no", "sentence_number", "sentence_num", "sent",
    "sent_id", "sentid", "sent_no", "sentence_nr", "sentenceid",
)  # fmt: skip
DOCUMENT_COLUMNS = ("document_#", "document", "document_id", "doc", "doc_id", "docid")  # count sentences anew

_DELIMITERS = ",\t;"
_LIST = N_(
    "a list in a cell, {text!r}; expected a word and its tag in each row, or lists in a file that ends in .jsonl"
)
_TORN = N_(
    "{file}: {count:,} times the number of a sentence comes again after another one, first {place}: read as a sentence "
    "of its own. Rows of one sentence belong together."
)
_BARE_QUOTE = re.compile(r'^"(?=\t)|\t"(?=\t|$)', re.MULTILINE)  # as a word; a CSV writer makes it four of them


def recognises(head: bytes) -> bool:
    """True if the first line names a column of words, and one of tags or sentences, as tables of texts do not."""
    header = next((line for line in first_lines(head) if line.strip()), "")
    names = _normalise_names(header.split(_find_delimiter(header)))
    is_bdci = {*TEXT_COLUMNS, ENTITIES_COLUMN.lower()} & {*names} >= {*TEXT_COLUMNS}
    others = (*TAG_COLUMNS, *SENTENCE_COLUMNS)
    return not is_bdci and _find(names, WORD_COLUMNS) is not None and _find(names, others) is not None


def read_word_table(path: Path, display_path: str) -> ParsedFile:
    """Reads one table, in Latin-1 too. Raises ValueError with file, line and what was expected."""
    data = read_bytes(path, display_path)
    encoded, notes = to_utf8(data, display_path, allow_western=True)
    text = normalise_lines(encoded, display_path).decode()
    parsed = ParsedFile(display_path, hashlib.sha256(data).hexdigest(), [], notes)
    delimiter = _find_delimiter(text.lstrip("\r\n").partition("\n")[0])
    is_plain = delimiter == "\t" and _BARE_QUOTE.search(text)
    records = iter_records(text, display_path, delimiter, csv.QUOTE_NONE if is_plain else csv.QUOTE_MINIMAL)
    line, header = next(records, (1, []))
    names = _normalise_names(header)
    word, tag, sentence, document = (
        _find(names, wanted) for wanted in (WORD_COLUMNS, TAG_COLUMNS, SENTENCE_COLUMNS, DOCUMENT_COLUMNS)
    )
    if word is None or (tag is None and sentence is None):
        problem = N_("expected a column called word and one called tag; found {found}")
        raise parsed.error(line, Message(problem, found=", ".join(repr(name[:40]) for name in header[:8])))
    builder = SentenceBuilder(parsed)
    current, end = ("", ""), line  # number of document and sentence
    ended: set[tuple[str, str]] = set()
    torn: list[int] = []
    for line, record in records:
        if len(record) != len(header):
            problem = N_(
                "expected {count} fields as in the header, found {found}; is a comma or a quotation mark in a word not "
                "quoted?"
            )
            raise parsed.error(line, Message(problem, count=len(header), found=len(record)))
        numbers = [("" if column is None else record[column].strip()) for column in (document, sentence)]
        number = (numbers[0] or current[0], numbers[1] or current[1])
        label = "O" if tag is None else record[tag].strip()
        if label.startswith("[") and label.endswith("]"):
            raise parsed.error(line, Message(_LIST, text=label[:40]))
        is_blank = not record[word].strip() and (tag is None or not label)
        if number != current or is_blank or (sentence is None and line > end + 1):
            builder.end_sentence()
        if number != current:
            ended.add(current)
            if number in ended:
                torn.append(line)
        current, end = number, line
        if not is_blank:
            builder.add_word(record[word].strip(" \t"), label, line)
    builder.finish()
    parsed.note_left_out(_TORN, torn)
    return parsed.mark_unlabelled(Message("no word has a tag")) if tag is None else parsed


def _normalise_names(header: Sequence[str]) -> list[str]:
    return ["_".join(name.strip(' "\ufeff').lower().replace("_", " ").split()) for name in header]


def _find(names: Sequence[str], wanted: Sequence[str]) -> int | None:
    """Index of the first wanted name that is there."""
    return next((names.index(name) for name in wanted if name in names), None)


def _find_delimiter(header: str) -> str:
    return max(_DELIMITERS, key=header.count)
