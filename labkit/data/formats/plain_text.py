"""Plain text, a text a line. It can only be predicted, so it is none of FORMATS."""

from pathlib import Path

from labkit.data.formats.parsed_file import ParsedFile
from labkit.data.formats.spans import SpanDocument
from labkit.data.formats.text_lines import first_lines, read_lines
from labkit.data.tags import TAG_PATTERN
from labkit.messages import N_, Message

PLAIN_TEXT = N_("{file}: read as plain text, a text a line.")


def recognises(head: bytes) -> bool:
    """True if at most half of the lines end in a tag, unless they are JSON."""
    lines = [line.strip() for line in first_lines(head) if line.strip()]
    tagged = sum(TAG_PATTERN.fullmatch(line.split()[-1]) is not None for line in lines)
    return 2 * tagged <= len(lines) and not (lines and lines[0].startswith('{"'))


def read_plain_text(path: Path, display_path: str) -> ParsedFile:
    """Reads one file; a blank line is an empty text. Raises ValueError with file and line for another encoding."""
    parsed, numbered = read_lines(path, display_path)
    lines = [line for _, line in numbered][:-1]  # `read_lines` adds one
    if lines and not lines[-1]:
        lines.pop()  # the last line is ended as well
    parsed.texts = [SpanDocument(line, [], number, is_annotated=False) for number, line in enumerate(lines, 1)]
    parsed.notes.append(Message(PLAIN_TEXT, file=display_path))
    return parsed
