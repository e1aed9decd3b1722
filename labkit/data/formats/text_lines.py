"""Encodings and lines of text files: UTF-8, UTF-16 with a byte order mark, GB18030.

Nearly all bytes can be read as GB18030, without an error. A file whose non-ASCII bytes stand alone is in a Western
encoding, though: each of them would be joined with the letter behind it to a Chinese character. One that has the
frequent characters of its language in another East Asian encoding only is in that.
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
_SAMPLE_BYTES = 65_536  # by which an encoding is guessed
_MIN_CHARACTERS = 8  # non-ASCII ones, below which nothing is guessed
_MIN_FREQUENT = 0.2  # share of the frequent characters; Chinese names have 0.3, other texts twice that
_KANA = frozenset(map(chr, [*range(0x3041, 0x3097), *range(0x30A1, 0x30FB)]))
_HANZI = frozenset(
    "的一是不了在人有我他这中大来上国个到说们为和地出道也时年得就要下以生会之去过家学对可里后小多天能好事都成方行者公部"
    "全日市民主经社发业新工长本月美政元文力高内外北京海山华平东水王李张明林這來國個說們為時過後對裡麼沒發還當開經樣現將"
    "與進實問機幾業間電門關內產萬報長東張華"
)
_FREQUENT = {  # by encoding, as Python and iconv call it
    "GB18030": _HANZI,
    "BIG5": _HANZI,
    "CP949": frozenset("이가은는을를의에로다고지한하기도자시인사대서어그나리것있"),
    "EUC-JP": _KANA,
    "CP932": _KANA,
}
_PACKED = (b"PK\3\4", b"\x1f\x8b", b"\xd0\xcf\x11\xe0")  # .zip and .xlsx, .gz, .xls
_NUL = Message("a NUL byte; expected plain text in UTF-8 (is it UTF-16, or not a text file?)")


class EncodingError(ValueError):
    """File in an encoding that is not read.

    `readable` is its text in the encoding that is likely, if any, else its text before the first such line, or that
    line if it is the first one: a reader that looks at it tells that the format is another one, which matters more. It
    is empty where bytes are no characters at all.
    """

    def __init__(self, display_path: str, data: bytes, offset: int, problem: Message, *, likely: str = ""):
        line = data.count(b"\n", 0, offset) + 1
        super().__init__(*line_error(display_path, line, problem).args)
        count = 0 if b"\0" in data else max(1, line - 1)
        lines = b"\n".join(data.split(b"\n", count)[:count]).decode(errors="replace")
        self.readable = (data.decode(likely, errors="replace") if likely and count else lines).encode()


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
        if encoding := _guess_east_asian(data):
            raise _encoding_error(display_path, data, offset, likely=encoding)
        if 2 * len(_LONE_BYTE.findall(data)) < len(data.translate(None, _ASCII)):
            return _decode(data, "gb18030", "GB18030", display_path)
        if allow_western:
            return _decode(data, "cp1252", "Windows-1252 (Latin-1)", display_path)
        raise _encoding_error(display_path, data, offset, likely="LATIN1")
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


def _guess_east_asian(data: bytes) -> str:
    """Encoding in which a text has far more frequent characters than in GB18030; empty if there is none."""
    shares = {}
    for encoding, frequent in _FREQUENT.items():
        text = data[:_SAMPLE_BYTES].decode(encoding, errors="replace")
        characters = [character for character in text if not character.isascii()]
        if len(characters) < _MIN_CHARACTERS:
            return ""
        shares[encoding] = sum(map(frequent.__contains__, characters)) / len(characters)
    best = max(shares, key=shares.__getitem__)
    return best if shares[best] >= max(_MIN_FREQUENT, 2 * shares["GB18030"]) else ""


def _encoding_error(display_path: str, data: bytes, offset: int, *, likely: str = "") -> EncodingError:
    if b"\0" in data:
        return EncodingError(display_path, data, data.index(b"\0"), _NUL)
    text = N_(
        "byte {offset} of the file is neither UTF-8 nor GB18030; save the file as UTF-8, for example with "
        "`iconv -f {encoding} -t UTF-8 OLD > NEW` if it is in {encoding}"
    )
    if likely in _FREQUENT:
        text = N_(
            "read as GB18030 this is hardly Chinese, it looks like {encoding}; save the file as UTF-8, for example "
            "with `iconv -f {encoding} -t UTF-8 OLD > NEW`"
        )
    problem = Message(text, offset=offset, encoding=likely or "CP1251")
    return EncodingError(display_path, data, offset, problem, likely=likely)


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
    """Content of a file. Raises ValueError if it cannot be read, or is packed."""
    with open_or_explain(path, display_path) as file:
        data = file.read()
    if data.startswith(_PACKED):
        text = N_("{file}: a packed file, such as .zip, .gz or .xlsx; unpack it, or save the table as CSV in UTF-8")
        raise ValueError(Message(text, file=display_path))
    return data


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
