"""The one way to a terminal: data is made visible, what an encoding lacks is replaced, sentences are translated.

What another program reads goes out as it is: `write_data`, and what is written into files.
"""

import codecs
import io
import logging
import re
import sys
import traceback
from types import TracebackType
from typing import Any

from rich import markup
from rich.console import Console
from rich.table import Table

from labkit.i18n.translation import get_language, set_language, translate_message

_FILE_WIDTH = 200  # columns, where the output goes into a file or another program
# Control characters, those that turn the direction of writing, and separators of lines: a terminal obeys them.
_CONTROL_CHARACTERS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_ASCII_LOOKALIKES = {"–": "-", "—": "-", "…": "...", "·": "-", "×": "x", "★": "*", "’": "'", "“": '"', "”": '"'}
_ASCII_LOOKALIKES |= dict.fromkeys("█▉▊▋▌▍▎▏━", "#")  # of bars
_ERROR_HANDLER = "labkit"  # the name of `_replace` among Python's handlers of encoding errors


def configure_terminal() -> None:
    """Has stdout and stderr take any text. English is spoken where they cannot write Chinese.

    Raises ValueError where LABKIT_LANGUAGE names an unknown language; from then on English is spoken.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_ERROR_HANDLER)
    sys.excepthook = write_traceback
    try:
        speaks = get_language()
    except ValueError:
        set_language("en")
        raise
    if speaks == "zh" and not all(map(_can_write_chinese, (sys.stdout, sys.stderr))):
        set_language("en")


def replace_unencodable(text: str) -> str:
    """The text with what stdout's encoding lacks replaced."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, _ERROR_HANDLER).decode(encoding)


def write_message(text: str, *, err: bool = False) -> None:
    """Writes a line for a person; a sentence of another room in the person's language."""
    _write(sys.stderr if err else sys.stdout, escape_controls(translate_message(text)) + "\n")


def write_data(text: str) -> None:
    """Writes what another program may read: as it is, but visible on a terminal."""
    if sys.stdout.isatty():
        text = escape_controls(text)
    encoding = sys.stdout.encoding or "utf-8"
    _write(sys.stdout, text.encode(encoding, "backslashreplace").decode(encoding))


def print_table(table: Table, on: Console | None = None) -> None:
    """Prints a table, its heads in the person's language; on stdout where no console is given."""
    for column in table.columns:
        column.header = translate_message(str(column.header))
    (on or make_console()).print(table)


def escape_controls(text: str, keep: str = "\n\t") -> str:
    r"""The text with what a terminal would obey written out: a name `\x1b[2J` would else wipe the screen."""
    return _CONTROL_CHARACTERS.sub(lambda found: found[0] if found[0] in keep else _escape_character(found[0]), text)


def escape_markup(text: str) -> str:
    """A text as a line, or a cell of a table, of a console."""
    return markup.escape(escape_controls(text, keep=""))


def make_console(*, stderr: bool = False) -> Console:
    """A console whose tables are not cut where nobody looks at them."""
    made = _Console(stderr=stderr, emoji=False)
    return made if made.is_terminal else _Console(stderr=stderr, emoji=False, width=_FILE_WIDTH)


class LogFormatter(logging.Formatter):
    """Log messages, made visible."""

    def format(self, record: logging.LogRecord) -> str:
        return escape_controls(super().format(record))


class _Console(Console):
    def render_str(self, text: str, **how: Any) -> Any:
        return super().render_str(escape_controls(text), **how)


def _write(stream: Any, text: str) -> None:
    stream.write(text)
    stream.flush()


def _escape_character(character: str) -> str:
    return character.encode("unicode_escape").decode()


def _replace_characters(error: UnicodeError) -> tuple[str, int]:
    """What stands for characters that an encoding lacks."""
    assert isinstance(error, UnicodeEncodeError)
    lacking = error.object[error.start : error.end]
    return "".join(_ASCII_LOOKALIKES.get(each, "?") for each in lacking), error.end


def _can_write_chinese(stream: Any) -> bool:
    try:
        "中".encode(getattr(stream, "encoding", None) or "utf-8")
        return True
    except UnicodeEncodeError:
        return False


def write_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Writes what was not caught to stderr, made visible; as `sys.excepthook` does."""
    sys.stderr.write(escape_controls("".join(traceback.format_exception(kind, error, trace))))


codecs.register_error(_ERROR_HANDLER, _replace_characters)
