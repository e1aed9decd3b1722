"""Encodings and lines of text files: UTF-8, UTF-16 with a byte order mark, GB18030.

A file whose non-ASCII bytes stand alone is in a Western encoding: GB18030 would join each of them with the letter
behind it to a Chinese character, mostly without an error.
"""

import codecs
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from labkit.data.corpus_files import open_or_explain
from labkit.data.formats.parsed_file import ParsedFile, line_error
from labkit.messages import N_, Message

BLOCK_BYTES = 2**20  # decoded and split into lines at a time
BOM = "\ufeff".encode()  # byte order mark
OTHER_ENCODING = N_("{file}: read as {encoding}, as it is not UTF-8.")

_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_LONE_CR = re.compile(rb"\r(?!\r*\n)")  # one that ends a line by itself
_LONE_BYTE = re.compile(rb"(?<![\x80-\xff])[\x80-\xff](?![\x80-\xff])")
_ASCII = bytes(range(128))
_NUL = Message("a NUL byte; expected plain text in UTF-8 (is it UTF-16, or not a text file?)")


class EncodingError(ValueError):
    """File in an encoding that is not read.

    `readable` is its text in Latin-1 if that is likely, else its text before the first such line, or that line if it
    is the first one: a reader that looks at it tells that the format is another one, which matters more. It is empty
    where bytes are no characters at all.
    """

    def __init__(self, display_path: str, data: bytes, offset: int, problem: Message, *, is_western: bool = False):
        line = data.count(b"\n", 0, offset) + 1
        super().__init__(*line_error(display_path, line, problem).args)
        count = 0 if b"\0" in data else max(1, line - 1)
        lines = b"\n".join(data.split(b"\n", count)[:count]).decode(errors="replace")
        self.readable = (data.decode("latin-1") if is_western and count else lines).encode()


def to_utf8(data: bytes, display_path: str, *, allow_western: bool = False) -> tuple[bytes, list[Message]]:
    """Text in UTF-8 without byte order mark, and a note if its encoding is another one.

    Raises EncodingError, with file and line, if it is in none that is read.
    """
    if data.startswith(_UTF16_MARKS):
        return _decode(data, "utf-16", "UTF-16", display_path)
    offset = _find_invalid_utf8(data)
    if offset is None:
        return data.removeprefix(BOM), []
    text = data.decode(errors="replace")
    invalid = text.count("\ufffd")
    if len(text.encode()) - len(text) < 3 * invalid and not _is_cut_off(data[offset:]):  # else damaged UTF-8
        if 2 * len(_LONE_BYTE.findall(data)) < len(data.translate(None, _ASCII)):
            return _decode(data, "gb18030", "GB18030", display_path)
        if allow_western:
            return _decode(data, "cp1252", "Windows-1252 (Latin-1)", display_path)
        raise _encoding_error(display_path, data, offset, is_western=True)
    raise _encoding_error(display_path, data, offset)


def _decode(data: bytes, encoding: str, name: str, display_path: str) -> tuple[bytes, list[Message]]:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding == "cp1252":  # it lacks five characters
            text = data.decode("latin-1")
        elif encoding == "utf-16":
            problem = Message("byte {offset} of the file is not UTF-16, as its first two are", offset=error.start)
            raise EncodingError(display_path, data, error.start, problem) from None
        else:
            raise _encoding_error(display_path, data, _find_invalid_utf8(data) or 0) from None
    return text.removeprefix("\ufeff").encode(), [Message(OTHER_ENCODING, file=display_path, encoding=name)]


def _encoding_error(display_path: str, data: bytes, offset: int, *, is_western: bool = False) -> EncodingError:
    if b"\0" in data:
        return EncodingError(display_path, data, data.index(b"\0"), _NUL)
    text = N_(
        "byte {offset} of the file is neither UTF-8 nor GB18030; save the file as UTF-8, for example with "
        "`iconv -f LATIN1 -t UTF-8 OLD > NEW`"
    )
    return EncodingError(display_path, data, offset, Message(text, offset=offset), is_western=is_western)


def _is_cut_off(end: bytes) -> bool:
    """True if the end of a file is the beginning of a character."""
    try:
        return len(end) < 4 and not codecs.utf_8_decode(end)[0]
    except UnicodeDecodeError:
        return False


def _find_invalid_utf8(data: bytes) -> int | None:
    for start, block in _blocks(data):
        try:
            block.decode()
        except UnicodeDecodeError as error:
            return start + error.start
    return None


def normalise_lines(data: bytes, display_path: str) -> bytes:
    """Lines ended by LF or CRLF.

    Replaces CR where it ends most lines: otherwise a single LF at the end, as editors add it, would turn such a text
    into one line. Raises EncodingError for NUL bytes.
    """
    if b"\0" in data:
        raise EncodingError(display_path, data, data.index(b"\0"), _NUL)
    if b"\r" in data and data.count(b"\r") > data.count(b"\r\n"):
        return _LONE_CR.sub(b"\n", data)
    return data


def iter_lines(data: bytes) -> Iterator[str]:
    """Lines of a checked text, plus an empty one at the end.

    Decodes block by block: all lines at once take 20 times the size of the file.
    """
    for _, block in _blocks(data):
        yield from block.decode().split("\n")
    yield ""


def _blocks(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Blocks of whole lines with offsets, without line ends between blocks."""
    start = 0
    while start <= len(data):
        end = data.find(b"\n", start + BLOCK_BYTES)
        end = len(data) if end < 0 else end
        yield start, data[start:end]
        start = end + 1


def read_bytes(path: Path, display_path: str) -> bytes:
    """Content of a file. Raises ValueError if it cannot be read."""
    with open_or_explain(path, display_path) as file:
        return file.read()


def read_lines(path: Path, display_path: str) -> tuple[ParsedFile, Iterator[tuple[int, str]]]:
    """A file without sentences yet, and its numbered lines with an empty one at the end."""
    data = read_bytes(path, display_path)
    text, notes = to_utf8(data, display_path)
    parsed = ParsedFile(display_path, hashlib.sha256(data).hexdigest(), [], notes)
    lines = iter_lines(normalise_lines(text, display_path))
    return parsed, enumerate((line.removesuffix("\r") for line in lines), 1)


def first_lines(head: bytes) -> list[str]:
    """Lines of the beginning of a file, in any encoding, by which a format is recognised."""
    text = head.decode("utf-16" if head.startswith(_UTF16_MARKS) else "utf-8-sig", "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
