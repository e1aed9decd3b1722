"""Parsed corpus file: sentences with tags as written, and the line of each word for error messages."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from labkit.messages import N_, Message

IN_UTF16 = Message("the file is in UTF-16; expected UTF-8, so save it as UTF-8")


@dataclass(frozen=True, slots=True)
class RawSentence:
    """Sentence as it stands in the file: words, unconverted tags, first line."""

    words: tuple[str, ...]
    tags: tuple[str, ...]
    line: int


@dataclass
class ParsedFile:
    """Sentences of one corpus file, with notes and line numbers."""

    display_path: str  # its path, as messages name it
    sha256: str
    sentences: list[RawSentence]
    notes: list[Message] = field(default_factory=list)
    one_word_per_line: bool = True
    skipped_lines: list[int] = field(default_factory=list)  # lines between words, in ascending order
    missing_labels: Message | None = None  # why nothing can be learnt from a file without sentences
    counts_records: bool = False  # its "lines" are numbers of records, as an array may be all on one line

    def find_line(self, sentence: RawSentence, word: int) -> int:
        """Line of the word with this index."""
        if not self.one_word_per_line:
            return sentence.line
        line = sentence.line + word
        for skipped in self.skipped_lines:
            line += sentence.line <= skipped <= line
        return line

    def find_start_line(self, end: int, words: int) -> int:
        """Line of the first of `words` words that end before line `end`."""
        first = end - words
        for skipped in reversed(self.skipped_lines):
            if skipped < first:
                break
            first -= 1
        return first

    def error(self, line: int, problem: Message) -> ValueError:
        """ValueError that names this file and line."""
        if self.counts_records:
            text = N_("{file}, record {record}: {problem}")
            return ValueError(Message(text, file=self.display_path, record=line, problem=problem))
        return line_error(self.display_path, line, problem)

    def describe_place(self, line: int) -> Message:
        """The line as part of a sentence: `on line 7`."""
        return (
            Message("in record {record}", record=line) if self.counts_records else Message("on line {line}", line=line)
        )

    def note_left_out(self, text: str, lines: Sequence[int]) -> None:
        """Notes what was left out, if anything; the template may hold {file}, {count} and the first {place}."""
        if lines:
            place = self.describe_place(lines[0])
            self.notes.append(Message(text, file=self.display_path, count=len(lines), place=place))


def line_error(display_path: str, line: int, problem: Message) -> ValueError:
    """ValueError that names file and line."""
    return ValueError(Message("{file}:{line}: {problem}", file=display_path, line=line, problem=problem))


def decode_text(data: bytes, display_path: str) -> tuple[str, list[Message]]:
    """Text of a file in UTF-8 or, with a note, in GB18030; without its byte order mark.

    Raises ValueError with file, line and what was expected.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise line_error(display_path, 1, IN_UTF16)
    try:
        return data.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        offset = error.start
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError:
        problem = N_("byte {offset} of the file is neither UTF-8 nor GB18030; save the file as UTF-8")
        line = data.count(b"\n", 0, offset) + 1
        raise line_error(display_path, line, Message(problem, offset=offset)) from None
    return text, [Message("{file}: read as GB18030, as it is not UTF-8.", file=display_path)]
