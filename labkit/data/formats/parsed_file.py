"""Parsed corpus file: sentences with tags as written, and the line of each word for error messages."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from labkit.messages import N_, Message

if TYPE_CHECKING:
    from labkit.data.formats.spans import SpanDocument


NOT_SCORED = N_("{file} is not scored: {problem}.")


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
    unlabelled: list[RawSentence] = field(default_factory=list)  # sentences of such a file, to be predicted
    texts: Sequence["SpanDocument"] = ()  # all texts, annotated or not; none if the file has words
    documents: Sequence[str] = ()  # names, if it is a folder of documents: line n is then the nth of them
    json_shape: str = ""  # name of its records' shape
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
        return line_error(*self.locate(line), problem)

    def locate(self, line: int) -> tuple[str, int]:
        """File and line, as messages name them."""
        if self.documents:
            return f"{self.display_path}/{self.documents[line - 1]}", 1
        return self.display_path, line

    def describe_place(self, line: int) -> Message:
        """The line as part of a sentence: `on line 7`."""
        return (
            Message("in record {record}", record=line) if self.counts_records else Message("on line {line}", line=line)
        )

    def mark_unlabelled(self, problem: Message) -> "ParsedFile":
        """The file without labelled sentences: it is not scored."""
        self.unlabelled, self.sentences = self.sentences, []
        self.missing_labels = problem
        self.notes.append(Message(NOT_SCORED, file=self.display_path, problem=problem))
        return self

    def note_left_out(self, text: str, lines: Sequence[int]) -> None:
        """Notes what was left out, if anything; the template may hold {file}, {count} and the first {place}."""
        if lines:
            place = self.describe_place(lines[0])
            self.notes.append(Message(text, file=self.display_path, count=len(lines), place=place))


def line_error(display_path: str, line: int, problem: Message) -> ValueError:
    """ValueError that names file and line."""
    return ValueError(Message("{file}:{line}: {problem}", file=display_path, line=line, problem=problem))
