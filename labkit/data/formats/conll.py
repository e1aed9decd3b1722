"""CoNLL-style reader: one word per line, tag in the last column, blank lines between sentences.

Lines end with LF, CRLF or CR, also mixed; U+2028 and similar characters are part of a word. Columns are separated by
tabs if the line has one, else by spaces. Any other white space belongs to the word, since a full-width space is a word
in Chinese corpora. A word that consists of control and format characters only is left out, with a note.
"""

import hashlib
import re
from itertools import chain
from pathlib import Path

from labkit.data.formats.column_stats import ColumnStats
from labkit.data.formats.parsed_file import ParsedFile, RawSentence
from labkit.data.formats.sentence_builder import note_invisible
from labkit.data.formats.tag_forms import normalise_tags
from labkit.data.formats.text_lines import BOM, EncodingError, iter_lines, normalise_lines, read_bytes, to_utf8
from labkit.data.tags import TAG_PATTERN
from labkit.data.word_splitting import is_invisible
from labkit.messages import N_, Message, message_of, plural

_LIKE_JSON = re.compile(r"""\s*[\[{]\s*(["'\[{]|$)""")
_JSON = Message(
    "this looks like JSON, for which the file must end in .jsonl or .json; expected lines of a word and its tag, blank "
    "lines between sentences"
)
_NO_SENTENCES = Message("no sentences here; expected lines of a word and its tag, blank lines between sentences")
_WORDS_ONLY = N_(
    "no word has a tag: every line is one column, as {text!r}; expected a word and its tag, separated by a tab or a "
    "space"
)
_NUMBERED = Message("the first column numbers the words; expected one word and its tag per line, the word first")
_SENTENCE_A_LINE = Message(
    "a sentence a line; expected a line for each word and its tag, and a blank line after each sentence"
)
_WORDS_WITH_TAGS = re.compile(rf"(?:\S+[ \t]+(?:{TAG_PATTERN.pattern})(?:[ \t]+|$)){{3,}}")
_BLANK = ("", "blank")
_DOCUMENT = ("", "document")
_INVISIBLE = ("", "invisible")


def read_conll(path: Path, display_path: str) -> ParsedFile:
    """Reads one file and checks columns and the forms of tags, not their sequences.

    Raises ValueError with file, line and what was expected.
    """
    data = read_bytes(path, display_path)
    parsed = ParsedFile(display_path, hashlib.sha256(data).hexdigest(), [])
    try:
        data, parsed.notes = to_utf8(data, display_path)
    except EncodingError as error:
        _Reader(parsed).read(error.readable)  # tells first if the format is another one
        normalise_tags(parsed, error.readable)
        raise
    data = normalise_lines(data, display_path)
    try:
        columns = _Reader(parsed).read(data)
    except ValueError:
        if words := _find_words_only(data):
            parsed.sentences = words
            return parsed.mark_unlabelled(Message(_WORDS_ONLY, text=words[0].words[0][:80]))
        raise
    if not parsed.sentences:
        raise parsed.error(1, _NO_SENTENCES)
    if line := _find_sentence_line(columns, data):
        raise parsed.error(line, _SENTENCE_A_LINE)
    normalise_tags(parsed, data)
    if parsed.missing_labels:
        return parsed
    if columns.has_number_column([sentence.words for sentence in parsed.sentences]):
        raise parsed.error(parsed.sentences[0].line, _NUMBERED)
    if missing := columns.find_missing_tag_column():
        raise parsed.error(*missing)
    if uneven := columns.describe_uneven_lines(display_path):
        parsed.notes.append(uneven)
    _note_marks(parsed, data)
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
        for number, line in enumerate(iter_lines(data), 1):
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
        is_json = not self.columns.widths and _LIKE_JSON.match(line)  # after a word these are words, too
        try:
            pair = self.parsed_lines[line] = _split_line(line)
        except ValueError as problem:
            raise self.parsed.error(number, _JSON if is_json else message_of(problem)) from None
        if is_json and not TAG_PATTERN.fullmatch(pair[1]):
            raise self.parsed.error(number, _JSON)
        if pair[0]:
            self.columns.add_line(line, pair[1], number)
        return pair

    def _note_skipped(self) -> None:
        path, notes = self.parsed.display_path, self.parsed.notes
        if self.documents:
            one, many = N_(("{file}: 1 -DOCSTART- line skipped.", "{file}: {count:,} -DOCSTART- lines skipped."))
            notes.append(plural(self.documents, one, many, file=path))
        if comments := self.comments:
            one = N_("{file}: 1 comment line skipped, on line {line}.")
            many = N_("{file}: {count:,} comment lines skipped, the first on line {line}.")
            notes.append(plural(len(comments), one, many, file=path, line=comments[0]))
        notes += note_invisible(path, self.parsed.skipped_lines)


def _split_line(line: str) -> tuple[str, str]:
    text = line.rstrip(" \t\r")
    if not text:
        return _BLANK
    separator = "\t" if "\t" in text else " "
    first, last = text.find(separator), text.rfind(separator)
    if first < 0:
        what = Message("a tag without a word" if TAG_PATTERN.fullmatch(text) else "one column")
        problem = N_("expected a word and its tag, separated by a tab or a space; found {what}: {text!r}")
        raise ValueError(Message(problem, what=what, text=text[:80]))
    word, tag = text[:first].strip(" "), text[last + 1 :].strip(" ")
    if not word:
        raise ValueError(Message("expected a word in the first column; found nothing before the tag {tag!r}", tag=tag))
    return _INVISIBLE if is_invisible(word) else (word, tag)


def _find_words_only(data: bytes) -> list[RawSentence]:
    """Sentences of a file without tags: a word a line, blank lines between sentences. None if any line has more."""
    sentences: list[RawSentence] = []
    words: list[str] = []
    for number, line in enumerate(chain(iter_lines(data), [""]), 1):
        word = line.strip(" \t\r")
        if " " in word or "\t" in word or _LIKE_JSON.match(word) or TAG_PATTERN.fullmatch(word):
            return []
        if word and not is_invisible(word):
            words.append(word)
        elif words and not word:
            sentences.append(RawSentence(tuple(words), (), number - len(words)))
            words = []
    return sentences if len(sentences) > 1 else []


def _find_sentence_line(columns: ColumnStats, data: bytes) -> int:
    """First line of several words, each with its tag behind it, if half of the lines are such; 0 if not.

    Where each line has six columns, these may be three columns of tags.
    """
    if max(columns.widths) < 6 or [*columns.widths] == [6]:
        return 0
    lines = {number: text for number, line in enumerate(iter_lines(data), 1) if (text := line.strip(" \t\r"))}
    found = [number for number, line in lines.items() if _WORDS_WITH_TAGS.fullmatch(line)]
    return found[0] if 2 * len(found) >= len(lines) else 0


def _is_comment(line: str) -> bool:
    """True if a line begins with `#` and ends in no tag.

    `#` is also a word, in tweets."""
    if not line.startswith("#"):
        return False
    if re.match(r"#(begin|end) document", line):
        return True
    return line.startswith("# ") and not TAG_PATTERN.fullmatch(re.split(r"[ \t]+", line.rstrip(" \t\r"))[-1])


def _note_marks(parsed: ParsedFile, data: bytes) -> None:
    path = parsed.display_path
    if marks := data.count(BOM):
        line = data.count(b"\n", 0, data.index(BOM)) + 1
        one = N_("{file}: 1 byte order mark inside the text kept as part of a word, on line {line}.")
        many = N_("{file}: {count:,} byte order marks inside the text kept as part of words, the first on line {line}.")
        parsed.notes.append(plural(marks, one, many, file=path, line=line))
