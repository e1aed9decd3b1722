"""Sentence builder: words and tags of a file, checked one by one."""

import sys
from collections.abc import Sequence

from labkit.data.formats.parsed_file import ParsedFile, RawSentence
from labkit.data.formats.tag_problems import describe_unknown_tag
from labkit.data.tags import TAG_PATTERN
from labkit.data.word_splitting import is_invisible
from labkit.messages import N_, Message, plural

NOT_SCORED = N_("{file} is not scored: {problem}.")


class SentenceBuilder:
    """Collects words into the sentences of a parsed file."""

    def __init__(self, parsed: ParsedFile):
        self.parsed = parsed
        self._words: list[str] = []
        self._tags: list[str] = []
        self._first_line = self._last_line = 0
        self._invisible: list[int] = []
        self._sequences: dict[tuple[str, ...], tuple[str, ...]] = {}  # most sentences are all O: each once in memory

    def add_word(self, word: str, tag: str, line: int) -> None:
        """Adds a word. Raises ValueError with its line if the tag is none."""
        if not TAG_PATTERN.fullmatch(tag):
            raise self.parsed.error(line, describe_unknown_tag(tag))
        if not word or is_invisible(word):
            self._invisible.append(line)
            return
        if not self._words:
            self._first_line = line
        elif self.parsed.one_word_per_line:
            self.parsed.skipped_lines += range(self._last_line + 1, line)
        self._words.append(sys.intern(word))  # each word once in memory
        self._tags.append(sys.intern(tag))
        self._last_line = line

    def end_sentence(self) -> None:
        """Ends the sentence, unless it has no words yet."""
        if self._words:
            tags = tuple(self._tags)
            tags = self._sequences.setdefault(tags, tags)
            self.parsed.sentences.append(RawSentence(tuple(self._words), tags, self._first_line))
        self._words.clear()
        self._tags.clear()

    def finish(self) -> ParsedFile:
        """The file with its last sentence. Raises ValueError if there is none."""
        self.end_sentence()
        if not self.parsed.sentences:
            raise self.parsed.error(1, Message("no words with tags here"))
        self.parsed.notes += note_invisible(self.parsed.display_path, self._invisible)
        return self.parsed


def note_invisible(file: str, lines: Sequence[int]) -> list[Message]:
    """Note on words that cannot be seen, by their lines."""
    one = N_("{file}: 1 invisible word left out, on line {line}.")
    many = N_("{file}: {count:,} invisible words left out, the first on line {line}.")
    return [plural(len(lines), one, many, file=file, line=lines[0])] if lines else []


def mark_unlabelled(parsed: ParsedFile, problem: Message) -> ParsedFile:
    """The file without labelled sentences: it is not scored."""
    parsed.unlabelled, parsed.sentences = parsed.sentences, []
    parsed.missing_labels = problem
    parsed.notes.append(Message(NOT_SCORED, file=parsed.display_path, problem=problem))
    return parsed
