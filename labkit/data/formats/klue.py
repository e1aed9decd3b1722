"""KLUE: a character and its tag a line, the space too, with a line `## id` and its text before each sentence."""

from pathlib import Path

from labkit.data.formats.parsed_file import ParsedFile
from labkit.data.formats.sentence_builder import SentenceBuilder
from labkit.data.formats.text_lines import first_lines, read_lines
from labkit.data.tags import TAG_PATTERN
from labkit.messages import N_, Message

_COMMENT = "## "


def recognises(head: bytes) -> bool:
    """True if a line `## id` is followed by one of a character and its tag."""
    lines = [line for line in first_lines(head) if line]
    if len(lines) < 2 or not lines[0].startswith(_COMMENT):
        return False
    character, _, tag = lines[1].partition("\t")
    return len(character) == 1 and TAG_PATTERN.fullmatch(tag) is not None


def read_klue(path: Path, display_path: str) -> ParsedFile:
    """Reads one file. Raises ValueError with file, line and what was expected."""
    parsed, lines = read_lines(path, display_path)
    builder = SentenceBuilder(parsed)
    for number, line in lines:
        character, tab, tag = line.partition("\t")
        if not line or (line.startswith(_COMMENT) and not TAG_PATTERN.fullmatch(line.split("\t")[-1])):
            builder.end_sentence()
        elif not tab or not character:
            text = N_("expected a character, a tab and its tag, as in KLUE; found {text!r}")
            raise parsed.error(number, Message(text, text=line[:80]))
        else:
            builder.add_word(character, tag.rstrip(" \t"), number)
    return builder.finish()
