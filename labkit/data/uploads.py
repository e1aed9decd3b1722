"""New corpora in `data/`: files uploaded from the user's browser, or downloaded."""

import io
import lzma
import re
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple

from labkit import paths
from labkit.data.corpora import read_corpus
from labkit.data.corpus_files import NO_CORPORA
from labkit.data.pins import CORPORA
from labkit.messages import N_, Message

MAX_UNPACKED_BYTES = 500_000_000
_UNUSUAL = re.compile(r"[^\w.()+-]+")  # in names: white space, slashes, what some file systems refuse
_NAME_LENGTH = 60  # characters: three bytes each in Chinese, and file systems take 255
_UNPACKING_ERRORS = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, OSError)


class UploadedFile(NamedTuple):
    """File as the browser sends it."""

    name: str
    content: bytes


def store_upload(files: Sequence[UploadedFile]) -> str:
    """Stores files, or what is in a .zip, as a corpus of its own in `data/`; returns the corpus's name.

    A single file gives its name, with a number if that is taken.

    Raises:
        ValueError: no format reads the files, or a .zip cannot be unpacked; nothing is left behind then.
    """
    members = [member for file in files for member in _unpack(file)]
    if not members:
        raise ValueError(Message("the upload holds no file"))
    return store_corpus(PurePosixPath(files[0].name).stem if len(files) == 1 else "uploaded", members)


def store_corpus(name: str, members: Sequence[tuple[Path, bytes]]) -> str:
    """Stores files by their paths as a corpus of its own in `data/`; returns its name, numbered if that is taken.

    Raises:
        ValueError: no format reads the files; nothing is left behind then.
    """
    folder = _make_folder(_clean(name))
    try:
        for path, content in members:
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                file.write(content)
        read_corpus(folder.name, repair=True)  # illegal tags are no reason to refuse it: the user may turn on repair
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder.name


def _unpack(file: UploadedFile) -> list[tuple[Path, bytes]]:
    """Files of a .zip, without folders that all of them lie in; any other file as it is."""
    if not file.name.lower().endswith(".zip"):
        return [(Path(_clean(file.name)), file.content)]
    try:
        with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
            members = list(_list_members(file.name, archive))
            if sum(info.file_size for _, info in members) > MAX_UNPACKED_BYTES:
                text = N_("{file}: unpacked it is larger than {limit} MB; upload it by JupyterLab's file browser")
                raise ValueError(Message(text, file=file.name, limit=MAX_UNPACKED_BYTES // 10**6))
            while all(len(path) > 1 for path, _ in members) and len({path[0] for path, _ in members}) == 1:
                members = [(path[1:], info) for path, info in members]
            return [(Path(*map(_clean, path)), archive.read(info)) for path, info in members]
    except _UNPACKING_ERRORS as error:
        raise ValueError(Message("{file}: cannot be unpacked: {reason}", file=file.name, reason=str(error))) from None


def _list_members(name: str, archive: zipfile.ZipFile) -> Iterator[tuple[tuple[str, ...], zipfile.ZipInfo]]:
    """Visible files of a .zip, by the parts of their paths. Raises ValueError for one that leaves the folder."""
    for info in archive.infolist():
        path = PureWindowsPath(info.filename)  # of either kind of slash
        if path.anchor or ".." in path.parts:
            text = N_("{file}: {path} would lie outside of its folder; nothing was unpacked")
            raise ValueError(Message(text, file=name, path=info.filename))
        if not info.is_dir() and not any(part.startswith((".", "__MACOSX")) for part in path.parts):
            yield path.parts, info


def _make_folder(name: str) -> Path:
    """New folder of `data/` with this name, or the first numbered one that is free."""
    names = (name if number == 1 else f"{name}-{number}" for number in count(1))
    # a name of the current folder would mean either, wherever a corpus is asked for
    folders = (paths.data() / each for each in names if each not in (*CORPORA, *NO_CORPORA) and not Path(each).exists())
    folder = next(each for each in folders if not each.exists())
    folder.mkdir(parents=True)
    return folder


def _clean(name: str) -> str:
    """A file name without characters that are trouble, and not too long; its ending stays."""
    path = PurePosixPath(_UNUSUAL.sub("-", name).strip("-."))
    return (path.stem[:_NAME_LENGTH].rstrip("-.") or "file") + path.suffix[:_NAME_LENGTH]
