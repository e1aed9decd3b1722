"""Terminal output: control characters escaped, encodings respected.

Data for other programs is written unchanged: by `write_data`, and into files.
"""

import codecs
import gettext
import io
import logging
import os
import re
import sys
import traceback
from types import TracebackType
from typing import Any

from rich import markup
from rich.console import Console

from labkit.i18n.translation import LOCALES, get_language, set_language

_FILE_WIDTH = 200  # columns of output into a file or another program
# Characters that a terminal executes: controls, changes of writing direction, line separators.
_CONTROL_CHARACTERS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_ASCII_LOOKALIKES = {"–": "-", "—": "-", "…": "...", "·": "-", "×": "x", "★": "*", "’": "'", "“": '"', "”": '"'}
_ASCII_LOOKALIKES |= dict.fromkeys("█▉▊▋▌▍▎▏━", "#")  # of bars
_ERROR_HANDLER = "labkit"  # the name of `_replace_characters` as Python's handler of encoding errors


def configure_terminal() -> None:
    """Let stdout and stderr take any text, and click speak the language.

    The language becomes English if they cannot encode Chinese.

    Raises:
        ValueError: LABKIT_LANGUAGE names an unknown language. All further text is English.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_ERROR_HANDLER)
    sys.excepthook = write_traceback
    try:
        language = get_language()
    except ValueError:
        set_language("en")
        raise
    if language == "zh" and not all(map(_can_write_chinese, (sys.stdout, sys.stderr))):
        set_language("en")
    os.environ["LANGUAGE"] = get_language()  # click asks the standard library's gettext, and that this variable
    gettext.bindtextdomain("labkit", LOCALES)
    gettext.textdomain("labkit")


def replace_unencodable(text: str) -> str:
    """The text with characters replaced that stdout's encoding lacks."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, _ERROR_HANDLER).decode(encoding)


def write_message(text: str, *, err: bool = False) -> None:
    """Write a line for a person."""
    _write(sys.stderr if err else sys.stdout, escape_controls(text) + "\n")


def write_data(text: str) -> None:
    """Write data for another program, unchanged; escaped on a terminal."""
    if sys.stdout.isatty():
        text = escape_controls(text)
    encoding = sys.stdout.encoding or "utf-8"
    _write(sys.stdout, text.encode(encoding, "backslashreplace").decode(encoding))


def escape_controls(text: str, keep: str = "\n\t") -> str:
    r"""Escape control characters: a name with `\x1b[2J` would clear the screen."""

    def escape(match: re.Match[str]) -> str:
        return match[0] if match[0] in keep else match[0].encode("unicode_escape").decode()

    return _CONTROL_CHARACTERS.sub(escape, text)


def escape_markup(text: str) -> str:
    """Escape a text for a line or cell of a rich console."""
    return markup.escape(escape_controls(text, keep=""))


def make_console(*, stderr: bool = False) -> Console:
    """A rich console, wide enough for tables if it is no terminal."""
    console = _Console(stderr=stderr, emoji=False)
    return console if console.is_terminal else _Console(stderr=stderr, emoji=False, width=_FILE_WIDTH)


class LogFormatter(logging.Formatter):
    """Log formatter that escapes control characters."""

    def format(self, record: logging.LogRecord) -> str:
        return escape_controls(super().format(record))


class _Console(Console):
    def render_str(self, text: str, **how: Any) -> Any:
        return super().render_str(escape_controls(text), **how)


def _write(stream: Any, text: str) -> None:
    stream.write(text)
    stream.flush()


def _replace_characters(error: UnicodeError) -> tuple[str, int]:
    """Encoding error handler: ASCII lookalikes for characters that an encoding lacks."""
    assert isinstance(error, UnicodeEncodeError)
    missing = error.object[error.start : error.end]
    return "".join(_ASCII_LOOKALIKES.get(character, "?") for character in missing), error.end


def _can_write_chinese(stream: Any) -> bool:
    try:
        "中".encode(getattr(stream, "encoding", None) or "utf-8")
        return True
    except UnicodeEncodeError:
        return False


def write_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """`sys.excepthook` that escapes control characters."""
    sys.stderr.write(escape_controls("".join(traceback.format_exception(kind, error, trace))))


codecs.register_error(_ERROR_HANDLER, _replace_characters)
