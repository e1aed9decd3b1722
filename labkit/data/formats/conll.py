"""One CoNLL-style file: a word a line, its tag in the last column, blank lines between sentences.

Lines end with LF, CRLF or CR, each as it comes: U+2028 and its like are part of a word. Columns are separated by tabs
where a line has one, else by spaces; any other white space belongs to the word, since a full-width space is a word in
Chinese corpora. A word of nothing but control and format characters is left out, and told in a note.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from labkit.data.corpus_files import open_or_explain
from labkit.data.formats.column_stats import ColumnStats
from labkit.data.tags import TAG_HELP, TAG_PATTERN
from labkit.data.word_splitting import is_invisible

LONG_SENTENCE_WORDS = 1000  # words; no writer writes such sentences, files without blank lines do

BLOCK_BYTES = 2**20  # bytes that are decoded and cut into lines at a time

_MARK = "\ufeff".encode()  # the byte order mark
_CR = re.compile(rb"\r(?!\r*\n)")  # one that ends a line itself
_JSON = "this looks like JSON, which is not read; expected lines of a word and its tag, blank lines between sentences"
_BLANK = ("", "blank")
_DOCUMENT = ("", "document")
_INVISIBLE = ("", "invisible")


@dataclass(frozen=True, slots=True)
class RawSentence:
    """A sentence as it stands in the file, from this line on."""

    words: tuple[str, ...]
    tags: tuple[str, ...]
    line: int


@dataclass
class ParsedFile:
    """A file, read."""

    display_path: str  # its path, as messages name it
    sha256: str
    sentences: list[RawSentence]
    notes: list[str] = field(default_factory=list)
    one_word_per_line: bool = True
    skipped_lines: list[int] = field(default_factory=list)  # lines between words, in ascending order

    def find_line(self, sentence: RawSentence, word: int) -> int:
        if not self.one_word_per_line:
            return sentence.line
        line = sentence.line + word
        for each in self.skipped_lines:
            line += sentence.line <= each <= line
        return line

    def find_start_line(self, end: int, words: int) -> int:
        """That of the first of so many words before the line `end`."""
        first = end - words
        for each in reversed(self.skipped_lines):
            if each < first:
                break
            first -= 1
        return first

    def error(self, line: int, message: str) -> ValueError:
        return _error(self.display_path, line, message)


def read_conll(path: Path, display_path: str) -> ParsedFile:
    """Reads and checks one file, columns and tag forms included, tag sequences not.

    Raises ValueError with file, line and what was expected.
    """
    with open_or_explain(path, display_path) as file:
        data = file.read()
    part = ParsedFile(display_path, hashlib.sha256(data).hexdigest(), [])
    data = _normalise_bytes(data, display_path)
    columns = _Reader(part).read(data)
    if not part.sentences:
        raise _error(
            display_path, 1, "no sentences here; expected lines of a word and its tag, blank lines between sentences"
        )
    if columns.has_number_column([sentence.words for sentence in part.sentences]):
        what = "the first column numbers the words; expected one word and its tag per line, the word first"
        raise part.error(part.sentences[0].line, what)
    if lacking := columns.find_missing_tag_column():
        raise part.error(*lacking)
    if uneven := columns.describe_uneven_lines():
        part.notes.append(f"{display_path}: {uneven}.")
    _note_oddities(part, data)
    return part


class _Reader:
    """Cuts a text into sentences."""

    def __init__(self, parsed: ParsedFile):
        self.parsed = parsed
        self.columns = ColumnStats()
        self.documents = 0
        self.comments: list[int] = []
        # Lines repeat ("的 O"): the cache halves the time, and equal words share one string in memory.
        self.parsed_lines: dict[str, tuple[str, str]] = {}
        self.tag_sequences: dict[tuple[str, ...], tuple[str, ...]] = {}  # so do the tags of sentences, all O mostly

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
                tagging = tuple(tags)
                tagging = self.tag_sequences.setdefault(tagging, tagging)
                self.parsed.sentences.append(
                    RawSentence(tuple(words), tagging, self.parsed.find_start_line(number, len(words)))
                )
                words.clear()
                tags.clear()
        self._note_skipped()
        return self.columns

    def _parse_line(self, line: str, number: int, at_start: bool) -> tuple[str, str]:
        """A line's word and tag; an empty word where it holds none."""
        if at_start and _is_comment(line):
            self.comments.append(number)
            return _BLANK
        if line.startswith("-DOCSTART-"):
            self.documents += 1
            return _DOCUMENT
        try:
            found = self.parsed_lines[line] = _split_line(line)
        except ValueError as problem:
            is_json = not self.columns.widths and line.lstrip()[:1] in ("{", "[")  # else these are words, too
            raise self.parsed.error(number, _JSON if is_json else str(problem)) from None
        if found[0]:
            self.columns.add_line(line, found[1], number)
        return found

    def _note_skipped(self) -> None:
        shown = self.parsed.display_path
        if self.documents:
            self.parsed.notes.append(f"{shown}: {_count(self.documents, '-DOCSTART- line')} skipped.")
        if self.comments:
            where = f"the first on line {self.comments[0]}"
            self.parsed.notes.append(f"{shown}: {_count(len(self.comments), 'comment line')} skipped, {where}.")
        if unseen := self.parsed.skipped_lines:
            where = f"the first on line {unseen[0]}"
            self.parsed.notes.append(f"{shown}: {_count(len(unseen), 'invisible word')} left out, {where}.")


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
    """A line that begins with `# ` and does not end in a tag: `#` is a word in tweets."""
    if not line.startswith("#"):
        return False
    if re.match(r"#(begin|end) document", line):
        return True
    return line.startswith("# ") and not TAG_PATTERN.fullmatch(re.split(r"[ \t]+", line.rstrip(" \t\r"))[-1])


def _lines(data: bytes) -> Iterator[str]:
    """The lines of a checked text, and an empty one at the end. Block by block: all at once take 20 times its size."""
    for _, block in _blocks(data):
        yield from block.decode().split("\n")
    yield ""


def _blocks(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The text in pieces of whole lines, without the line end between them, and where each begins."""
    start = 0
    while start <= len(data):
        end = data.find(b"\n", start + BLOCK_BYTES)
        end = len(data) if end < 0 else end
        yield start, data[start:end]
        start = end + 1


def _normalise_bytes(data: bytes, display_path: str) -> bytes:
    """The text in UTF-8, its lines ended by LF or CRLF, without the mark before it.

    A single LF at the end, as an editor adds it, would else make one line of a text whose lines end in CR.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _error(display_path, 1, "the file is in UTF-16; expected UTF-8, so save it as UTF-8")
    for start, block in _blocks(data):
        try:
            block.decode()
        except UnicodeDecodeError as error:
            place = start + error.start
            raise _error(display_path, data.count(b"\n", 0, place) + 1, _encoding_advice(data, place)) from None
    if b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        raise _error(display_path, line, "a NUL byte; expected plain text in UTF-8 (is it UTF-16, or not a text file?)")
    data = data.removeprefix(_MARK)
    if b"\r" in data and data.count(b"\r") > data.count(b"\r\n"):
        return _CR.sub(b"\n", data)
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
    longest = max(parsed.sentences, key=lambda sentence: len(sentence.words))
    if len(longest.words) > LONG_SENTENCE_WORDS:
        what = f"the longest sentence has {len(longest.words)} words (from line {longest.line})"
        parsed.notes.append(f"{parsed.display_path}: {what}; are blank lines between sentences missing?")
    if marks := data.count(_MARK):
        line = data.count(b"\n", 0, data.index(_MARK)) + 1
        what = _count(marks, "byte order mark")
        parsed.notes.append(
            f"{parsed.display_path}: {what} inside the text kept as part of words, the first on line {line}."
        )


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _error(display_path: str, line: int, message: str) -> ValueError:
    return ValueError(f"{display_path}:{line}: {message}")
