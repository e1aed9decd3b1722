"""Corpus lookup: the files of a corpus by menu name or path."""

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from labkit import paths
from labkit.data.formats import ENDINGS, file_ending
from labkit.data.pins import CORPORA
from labkit.messages import N_, Message, message_of

# File name up to the first dot, in lower case → split. In a folder without a file called train these are also looked up
# as endings, for names like `eng.testa` of CoNLL-2003.
_SPLIT_NAMES = {
    "train": "train",
    **dict.fromkeys(("dev", "devel", "development", "valid", "validate", "validation", "val", "testa"), "dev"),
    **dict.fromkeys(("test", "testb"), "test"),
}
_SPLIT_LIKE_NAME = re.compile("train|(?<![a-z])(dev|val|test|eval)", re.IGNORECASE)


@dataclass(frozen=True)
class CorpusFiles:
    """Existing corpus, not yet read."""

    name: str
    files: Mapping[str, tuple[Path, str]]  # split → path, and the path that messages show
    notes: tuple[Message, ...]  # on files beside them that are not read
    repair: bool = False  # always repair tags that break their scheme

    def compute_sha256(self) -> str:
        """SHA-256 of the present content, comparable to `Corpus.sha256`.

        Takes 0.03 s for 35 MB. Raises ValueError if a file cannot be read.
        """
        hashes = {}
        for split, (path, display_path) in self.files.items():
            with open_or_explain(path, display_path) as file:
                hashes[split] = hashlib.file_digest(file, "sha256").hexdigest()
        return combine_sha256(hashes)


@contextlib.contextmanager
def open_or_explain(path: Path, display_path: str) -> Iterator[BufferedReader]:
    """Opens a file for reading bytes.

    Raises ValueError, with `display_path`, if it cannot be opened or read.
    """
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        problem = Message("{file}: cannot be read: {reason}", file=display_path, reason=str(error.strerror))
        raise ValueError(problem) from None


def combine_sha256(hashes: Mapping[str, str]) -> str:
    """One SHA-256 for a corpus, from its files' hashes by split.

    The hash of a single file stays as it is.
    """
    if len(hashes) == 1:
        return next(iter(hashes.values()))
    lines = "".join(f"{split} {hashes[split]}\n" for split in sorted(hashes))
    return hashlib.sha256(lines.encode()).hexdigest()


def list_corpora() -> list[str]:
    """Corpora of the menu: pinned ones, fetched or not, then folders in `data/`."""
    data = paths.data()
    local = sorted(folder.name for folder in data.iterdir() if _is_corpus(folder)) if data.is_dir() else []
    return [*CORPORA, *(name for name in local if name not in CORPORA)]


def _is_corpus(folder: Path) -> bool:
    try:
        return not folder.name.startswith(".") and "train" in _assign_splits(folder).values()
    except OSError:  # a file, or a folder that may not be read
        return False


def _assign_splits(folder: Path) -> dict[Path, str | None]:
    """Split, or None, of each file with a known ending; sorted."""
    known = {*ENDINGS, *_SPLIT_NAMES}
    files = [path for path in sorted(folder.iterdir()) if file_ending(path) in known and path.is_file()]
    splits = {path: _SPLIT_NAMES.get(_stem(path)) if file_ending(path) in ENDINGS else None for path in files}
    if "train" in splits.values():
        return splits
    return {path: split or _SPLIT_NAMES.get(file_ending(path)) for path, split in splits.items()}


def _stem(path: Path) -> str:
    return path.name.split(".")[0].lower()


def find_corpus(path_or_name: str | Path) -> CorpusFiles:
    """Finds a corpus by menu name or path.

    Raises ValueError if there is none, or if two files may be the same split.
    """
    wanted = str(path_or_name)
    pinned = CORPORA.get(wanted) if isinstance(path_or_name, str) else None
    if pinned:
        pinned.require()
    try:
        path, display_path = _locate(wanted)
        if path.is_dir():
            name = os.path.basename(os.path.abspath(path))  # a link's own, not its target's; `.` has none
            return CorpusFiles(name, *_find_files(path, display_path), repair=bool(pinned and pinned.repair))
        if path.is_file():
            return CorpusFiles(path.stem, {"train": (path, display_path)}, ())
    except (OSError, RuntimeError) as error:  # no permission, a name too long, `~nobody`
        problem = Message("corpus {name!r} cannot be read: {reason}", name=wanted, reason=message_of(error))
        raise ValueError(problem) from None
    text = N_("unknown corpus {name!r}: not a file, a folder, or one of {menu}")
    raise ValueError(Message(text, name=wanted, menu=", ".join(list_corpora())))


def _locate(wanted: str) -> tuple[Path, str]:
    """Path to look at, and the path that messages show.

    A name of the menu wins over the current folder. A folder of `data/` that is not in the menu loses: it cannot be
    read, and the error says why.
    """
    in_data, here = paths.data() / wanted, Path(wanted or "(empty)").expanduser()
    is_name = Path(wanted).name == wanted and wanted != ""
    if wanted in CORPORA or (is_name and (wanted in list_corpora() or (in_data.is_dir() and not here.exists()))):
        return in_data, f"{paths.data().name}/{wanted}"
    return here, wanted


def _find_files(folder: Path, display_path: str) -> tuple[dict[str, tuple[Path, str]], tuple[Message, ...]]:
    files: dict[str, tuple[Path, str]] = {}
    splits = _assign_splits(folder)
    for path, split in splits.items():
        if split in files:
            text = N_("{folder}: both {one} and {other} may be the {split} split; keep one, rename the other")
            one = files[split][0].name
            raise ValueError(Message(text, folder=display_path, one=one, other=path.name, split=Message(split)))
        if split:
            files[split] = path, f"{display_path.rstrip('/')}/{path.name}"
    if "train" not in files:
        endings = ", ".join(f".{ending}" for ending in sorted({*ENDINGS} - {""}))
        text = N_("{folder}: no train file; expected a file called train with one of the endings {endings}, or none")
        raise ValueError(Message(text, folder=display_path, endings=endings))
    return files, tuple(_notes_on_unread(folder, display_path, splits))


def _notes_on_unread(folder: Path, display_path: str, splits: Mapping[Path, str | None]) -> Iterator[Message]:
    """Notes on unread files that look like a split."""
    for path in sorted(folder.iterdir()):
        if path not in splits and _stem(path) in _SPLIT_NAMES and path.is_file():
            text = N_("{file} was not read: its ending is not one of a corpus file.")
        elif path in splits and not splits[path] and _SPLIT_LIKE_NAME.search(path.name):
            text = N_("{file} was not read: its name is not that of a split, like train, dev or test.")
        else:
            continue
        yield Message(text, file=f"{display_path}/{path.name}")
