"""Parsed corpus file: sentences with tags as written, and the line of each word for error messages."""

from dataclasses import dataclass, field

from labkit.messages import Message

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
        return line_error(self.display_path, line, problem)


def line_error(display_path: str, line: int, problem: Message) -> ValueError:
    """ValueError that names file and line."""
    return ValueError(Message("{file}:{line}: {problem}", file=display_path, line=line, problem=problem))
