"""Parsed corpus file: sentences with tags as written, and the line of each word for error messages."""

from dataclasses import dataclass, field


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
    notes: list[str] = field(default_factory=list)
    one_word_per_line: bool = True
    skipped_lines: list[int] = field(default_factory=list)  # lines between words, in ascending order
    missing_labels: str = ""  # why a file without sentences cannot be learnt from: "no column unknownEntities"

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

    def error(self, line: int, message: str) -> ValueError:
        """ValueError that names this file and line."""
        return ValueError(f"{self.display_path}:{line}: {message}")
