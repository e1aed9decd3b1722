"""MultiCoNER: four columns, `word _ _ tag`, with a line `# id …` and its domain before each sentence.

Test files have `_` for tags, or none: they are not scored.
"""

import re
from pathlib import Path

from labkit.data.formats.parsed_file import ParsedFile
from labkit.data.formats.sentence_builder import SentenceBuilder
from labkit.data.formats.text_lines import first_lines, read_lines
from labkit.messages import N_, Message

_ID = re.compile(r"# id \S+\s+domain=\S*\s*")
_COLUMNS = re.compile(r"(.*?)[ \t]+_[ \t]+_(?:[ \t]+(\S+))?")


def recognises(head: bytes) -> bool:
    """True if the first line has the identifier and the domain of a sentence, and the next one its first word."""
    lines = [line.rstrip(" \t") for line in first_lines(head) if line.strip()][:2]
    return len(lines) == 2 and _ID.fullmatch(lines[0]) is not None and _COLUMNS.fullmatch(lines[1]) is not None


def read_multiconer(path: Path, display_path: str) -> ParsedFile:
    """Reads one file. Raises ValueError with file, line and what was expected."""
    parsed, lines = read_lines(path, display_path)
    builder = SentenceBuilder(parsed)
    labelled = unlabelled = 0  # last lines of such words
    for number, line in lines:
        if not line.strip(" \t") or _ID.fullmatch(line):
            builder.end_sentence()
            continue
        match = None if line.startswith("# id ") else _COLUMNS.fullmatch(line.rstrip(" \t"))
        if not match:
            text = N_("expected a word, two columns of _ and a tag, as in MultiCoNER; found {text!r}")
            raise parsed.error(number, Message(text, text=line[:80]))
        word, tag = match.groups()
        if tag in (None, "_"):
            unlabelled, tag = number, "O"
        else:
            labelled = number
        if labelled and unlabelled:
            text = N_("some words have a tag, others none; expected a tag for each word, or for none")
            raise parsed.error(number, Message(text))
        builder.add_word(word, tag, number)
    builder.finish()
    return parsed.mark_unlabelled(Message("no word has a tag")) if unlabelled else parsed
