"""Parsed corpus file: sentences with tags as written, and the line of each word for error messages."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from labkit.messages import Message


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
    documents: Sequence[str] = ()  # names, if it is a folder of documents: line n is then the nth of them

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
        return line_error(*self.locate(line), problem)

    def locate(self, line: int) -> tuple[str, int]:
        """File and line, as messages name them."""
        if self.documents:
            return f"{self.display_path}/{self.documents[line - 1]}", 1
        return self.display_path, line


def line_error(display_path: str, line: int, problem: Message) -> ValueError:
    """ValueError that names file and line."""
    return ValueError(Message("{file}:{line}: {problem}", file=display_path, line=line, problem=problem))
