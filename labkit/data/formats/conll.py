"""CoNLL-style reader: one word per line, tag in the last column, blank lines between sentences.

Lines end with LF, CRLF or CR, also mixed; U+2028 and similar characters are part of a word. Columns are separated by
tabs if the line has one, else by spaces. Any other white space belongs to the word, since a full-width space is a word
in Chinese corpora. A word that consists of control and format characters only is left out, with a note.
"""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from labkit.data.corpus_files import open_or_explain
from labkit.data.formats.column_stats import ColumnStats
from labkit.data.formats.parsed_file import ParsedFile, RawSentence
from labkit.data.tags import TAG_HELP, TAG_PATTERN
from labkit.data.word_splitting import is_invisible

LONG_SENTENCE_WORDS = 1000  # nobody writes longer sentences; files without blank lines seem to have them

BLOCK_BYTES = 2**20  # decoded and split into lines at a time

_BOM = "\ufeff".encode()  # byte order mark
_LONE_CR = re.compile(rb"\r(?!\r*\n)")  # one that ends a line by itself
_JSON = "this looks like JSON, which is not read; expected lines of a word and its tag, blank lines between sentences"
_BLANK = ("", "blank")
_DOCUMENT = ("", "document")
_INVISIBLE = ("", "invisible")


def read_conll(path: Path, display_path: str) -> ParsedFile:
    """Reads one file and checks columns and tag forms, not tag sequences.

    Raises ValueError with file, line and what was expected.
    """
    with open_or_explain(path, display_path) as file:
        data = file.read()
    parsed = ParsedFile(display_path, hashlib.sha256(data).hexdigest(), [])
    data = _normalise_bytes(data, parsed)
    columns = _Reader(parsed).read(data)
    if not parsed.sentences:
        raise parsed.error(1, "no sentences here; expected lines of a word and its tag, blank lines between sentences")
    if columns.has_number_column([sentence.words for sentence in parsed.sentences]):
        what = "the first column numbers the words; expected one word and its tag per line, the word first"
        raise parsed.error(parsed.sentences[0].line, what)
    if missing := columns.find_missing_tag_column():
        raise parsed.error(*missing)
    if uneven := columns.describe_uneven_lines():
        parsed.notes.append(f"{display_path}: {uneven}.")
    _note_oddities(parsed, data)
    return parsed


class _Reader:
    """Line parser that splits a text into sentences."""

    def __init__(self, parsed: ParsedFile):
        self.parsed = parsed
        self.columns = ColumnStats()
        self.documents = 0
        self.comments: list[int] = []
        # Lines repeat ("的 O"): the cache halves the time, and equal words share one string in memory.
        self.parsed_lines: dict[str, tuple[str, str]] = {}
        self.tag_sequences: dict[tuple[str, ...], tuple[str, ...]] = {}  # repeat as well: most sentences are all O

    def read(self, data: bytes) -> ColumnStats:
        words: list[str] = []
        tags: list[str] = []
        known = self.parsed_lines
        for number, line in enumerate(_lines(data), 1):
            word, tag = known.get(line) or self._parse_line(line, number, at_start=not words)
            if word:
                words.append(word)
                tags.append(tag)
            elif tag == "invisible":
                self.parsed.skipped_lines.append(number)
            elif words:
                sequence = tuple(tags)
                sequence = self.tag_sequences.setdefault(sequence, sequence)
                start = self.parsed.find_start_line(number, len(words))
                self.parsed.sentences.append(RawSentence(tuple(words), sequence, start))
                words.clear()
                tags.clear()
        self._note_skipped()
        return self.columns

    def _parse_line(self, line: str, number: int, at_start: bool) -> tuple[str, str]:
        """Word and tag of a line.

        Other lines return an empty word and the kind of line."""
        if at_start and _is_comment(line):
            self.comments.append(number)
            return _BLANK
        if line.startswith("-DOCSTART-"):
            self.documents += 1
            return _DOCUMENT
        try:
            pair = self.parsed_lines[line] = _split_line(line)
        except ValueError as problem:
            is_json = not self.columns.widths and line.lstrip()[:1] in ("{", "[")  # after a word these are words, too
            raise self.parsed.error(number, _JSON if is_json else str(problem)) from None
        if pair[0]:
            self.columns.add_line(line, pair[1], number)
        return pair

    def _note_skipped(self) -> None:
        path, notes = self.parsed.display_path, self.parsed.notes
        if self.documents:
            notes.append(f"{path}: {_count(self.documents, '-DOCSTART- line')} skipped.")
        if comments := self.comments:
            notes.append(f"{path}: {_count(len(comments), 'comment line')} skipped, the first on line {comments[0]}.")
        if skipped := self.parsed.skipped_lines:
            notes.append(f"{path}: {_count(len(skipped), 'invisible word')} left out, the first on line {skipped[0]}.")


def _split_line(line: str) -> tuple[str, str]:
    text = line.rstrip(" \t\r")
    if not text:
        return _BLANK
    separator = "\t" if "\t" in text else " "
    first, last = text.find(separator), text.rfind(separator)
    if first < 0:
        what = "a tag without a word" if TAG_PATTERN.fullmatch(text) else "one column"
        raise ValueError(f"expected a word and its tag, separated by a tab or a space; found {what}: {text[:80]!r}")
    word, tag = text[:first].strip(" "), text[last + 1 :].strip(" ")
    if not word:
        raise ValueError(f"expected a word in the first column; found nothing before the tag {tag!r}")
    if not TAG_PATTERN.fullmatch(tag):
        raise ValueError(f"unknown tag {tag[:80]!r} in the last column; expected {TAG_HELP}{_tag_hint(tag)}")
    return _INVISIBLE if is_invisible(word) else (word, tag)


def _tag_hint(tag: str) -> str:
    if TAG_PATTERN.fullmatch(tag.upper()) or TAG_PATTERN.fullmatch(tag[:1].upper() + tag[1:]):
        return " (capital letters)"
    if re.fullmatch(r"[BIMELSUW]_\S+", tag):
        return " (a hyphen, not an underscore)"
    if tag in tuple("BIMELSUW"):
        return " (the type is missing)"
    return ""


def _is_comment(line: str) -> bool:
    """True if a line begins with `#` and ends in no tag.

    `#` is also a word, in tweets."""
    if not line.startswith("#"):
        return False
    if re.match(r"#(begin|end) document", line):
        return True
    return line.startswith("# ") and not TAG_PATTERN.fullmatch(re.split(r"[ \t]+", line.rstrip(" \t\r"))[-1])


def _lines(data: bytes) -> Iterator[str]:
    """Lines of a checked text, plus an empty one at the end.

    Decodes block by block: all lines at once take 20 times the size of the file.
    """
    for _, block in _blocks(data):
        yield from block.decode().split("\n")
    yield ""


def _blocks(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Blocks of whole lines with offsets, without line ends between blocks."""
    start = 0
    while start <= len(data):
        end = data.find(b"\n", start + BLOCK_BYTES)
        end = len(data) if end < 0 else end
        yield start, data[start:end]
        start = end + 1


def _normalise_bytes(data: bytes, parsed: ParsedFile) -> bytes:
    """Checked UTF-8 without byte order mark, lines ended by LF or CRLF.

    Replaces CR where it ends most lines: otherwise a single LF at the end, as editors add it, would turn such a text
    into one line. Raises ValueError for other encodings and NUL bytes.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise parsed.error(1, "the file is in UTF-16; expected UTF-8, so save it as UTF-8")
    for start, block in _blocks(data):
        try:
            block.decode()
        except UnicodeDecodeError as error:
            offset = start + error.start
            raise parsed.error(data.count(b"\n", 0, offset) + 1, _encoding_advice(data, offset)) from None
    if b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        raise parsed.error(line, "a NUL byte; expected plain text in UTF-8 (is it UTF-16, or not a text file?)")
    data = data.removeprefix(_BOM)
    if b"\r" in data and data.count(b"\r") > data.count(b"\r\n"):
        return _LONE_CR.sub(b"\n", data)
    return data


def _encoding_advice(data: bytes, offset: int) -> str:
    try:
        data.decode("gb18030")
    except UnicodeDecodeError:
        guess, source = "", "LATIN1"
    else:
        guess, source = " (it can be read as GB18030, also called GBK)", "GB18030"
    command = f"iconv -f {source} -t UTF-8 OLD > NEW"
    return f"byte {offset} of the file is not UTF-8{guess}; save the file as UTF-8, for example with `{command}`"


def _note_oddities(parsed: ParsedFile, data: bytes) -> None:
    path = parsed.display_path
    longest = max(parsed.sentences, key=lambda sentence: len(sentence.words))
    if len(longest.words) > LONG_SENTENCE_WORDS:
        what = f"the longest sentence has {len(longest.words)} words (from line {longest.line})"
        parsed.notes.append(f"{path}: {what}; are blank lines between sentences missing?")
    if marks := data.count(_BOM):
        line = data.count(b"\n", 0, data.index(_BOM)) + 1
        what = f"{_count(marks, 'byte order mark')} inside the text kept as part of words"
        parsed.notes.append(f"{path}: {what}, the first on line {line}.")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
