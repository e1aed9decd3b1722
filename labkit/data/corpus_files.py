"""Where a corpus lies: by its name in the menu, or by the path of a file or folder."""

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from labkit import paths
from labkit.data.pins import CORPORA

# File names, up to the first dot and without regard to capitals, and the part they hold; or the endings of such names
# as `eng.testa` of CoNLL-2003, in a folder without a file called train.
_SPLIT_NAMES = {
    "train": "train",
    **dict.fromkeys(("dev", "devel", "development", "valid", "validate", "validation", "val", "testa"), "dev"),
    **dict.fromkeys(("test", "testb"), "test"),
}
_SPLIT_LIKE_NAME = re.compile("train|(?<![a-z])(dev|val|test|eval)", re.IGNORECASE)
_ENDINGS = {"", "txt", "conll", "bio", "tsv", "iob", "iob2", "bioes", "bmes", "bilou", "ner", "tags", "csv"}


@dataclass(frozen=True)
class CorpusFiles:
    """A corpus that is there, not yet read."""

    name: str
    files: Mapping[str, tuple[Path, str]]  # by part: where it lies, and how messages call it
    notes: tuple[str, ...]  # what was found beside them and is not read
    repair: bool = False  # tags that break their scheme are mended without being asked to

    def compute_sha256(self) -> str:
        """Of what the files hold now (0.03 s for 35 MB), as `Corpus.sha256` tells it. Raises ValueError."""
        return combine_sha256({role: _sha256(path, shown) for role, (path, shown) in self.files.items()})


@contextlib.contextmanager
def open_or_explain(path: Path, display_path: str) -> Iterator[BufferedReader]:
    """A file to read bytes from. Raises ValueError, which calls it as `shown`, where it cannot be opened or read."""
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise ValueError(f"{display_path}: cannot be read: {error.strerror}") from None


def combine_sha256(hashes: Mapping[str, str]) -> str:
    """One SHA-256 for a corpus: that of its file, or of its files' hashes by part where there are several."""
    if len(hashes) == 1:
        return next(iter(hashes.values()))
    lines = "".join(f"{role} {hashes[role]}\n" for role in sorted(hashes))
    return hashlib.sha256(lines.encode()).hexdigest()


def list_corpora() -> list[str]:
    """Names that `read_corpus` takes: the pinned corpora, fetched or not, then the user's folders in `data/`."""
    data = paths.data()
    found = sorted(folder.name for folder in data.iterdir() if _is_corpus(folder)) if data.is_dir() else []
    return [*CORPORA, *(name for name in found if name not in CORPORA)]


def _is_corpus(folder: Path) -> bool:
    try:
        return not folder.name.startswith(".") and "train" in _assign_splits(folder).values()
    except OSError:  # a file, or a folder that may not be read
        return False


def _assign_splits(folder: Path) -> dict[Path, str | None]:
    """The part that each file of a corpus's ending holds by its name, or None, in the order of their names."""
    files = [
        path for path in sorted(folder.iterdir()) if _ending(path) in {*_ENDINGS, *_SPLIT_NAMES} and path.is_file()
    ]
    named = {path: _SPLIT_NAMES.get(_stem(path)) if _ending(path) in _ENDINGS else None for path in files}
    if "train" in named.values():
        return named
    return {path: role or _SPLIT_NAMES.get(_ending(path)) for path, role in named.items()}


def _stem(path: Path) -> str:
    return path.name.split(".")[0].lower()


def _ending(path: Path) -> str:
    return path.suffix.lower().removeprefix(".")


def find_corpus(path_or_name: str | Path) -> CorpusFiles:
    """The corpus of that name or path. Raises ValueError where there is none, or two files may be one part."""
    wanted = str(path_or_name)
    pinned = CORPORA.get(wanted) if isinstance(path_or_name, str) else None
    if pinned:
        pinned.require()
    try:
        path, shown = _locate(wanted)
        if path.is_dir():
            name = os.path.basename(os.path.abspath(path))  # a link's own, not its target's; `.` has none
            return CorpusFiles(name, *_find_files(path, shown), repair=bool(pinned and pinned.repair))
        if path.is_file():
            return CorpusFiles(path.stem, {"train": (path, shown)}, ())
    except (OSError, RuntimeError) as error:  # no permission, a name too long, `~nobody`
        raise ValueError(f"corpus {wanted!r} cannot be read: {error}") from None
    menu = ", ".join(list_corpora())
    raise ValueError(f"unknown corpus {wanted!r}: not a file, a folder, or one of {menu}")


def _locate(wanted: str) -> tuple[Path, str]:
    """Where to look, and how messages call it. A name of the menu comes before one in the current folder.

    A folder of `data/` that is not in the menu comes after it: its files are not read, and a message says why.
    """
    in_data, here = paths.data() / wanted, Path(wanted or "(empty)").expanduser()
    is_name = Path(wanted).name == wanted and wanted != ""
    if wanted in CORPORA or (is_name and (wanted in list_corpora() or (in_data.is_dir() and not here.exists()))):
        return in_data, f"{paths.data().name}/{wanted}"
    return here, wanted


def _find_files(folder: Path, display_path: str) -> tuple[dict[str, tuple[Path, str]], tuple[str, ...]]:
    files: dict[str, tuple[Path, str]] = {}
    roles = _assign_splits(folder)
    for path, role in roles.items():
        if role in files:
            first = files[role][0].name
            raise ValueError(
                f"{display_path}: both {first} and {path.name} may be the {role} split; keep one, rename the other"
            )
        if role:
            files[role] = path, f"{display_path.rstrip('/')}/{path.name}"
    if "train" not in files:
        endings = ", ".join(f".{ending}" for ending in sorted(_ENDINGS - {""}))
        raise ValueError(
            f"{display_path}: no train file; expected a file called train with one of the endings {endings}, or none"
        )
    return files, tuple(f"{display_path}/{name} was not read: {why}." for name, why in _iter_unread(folder, roles))


def _iter_unread(folder: Path, splits: Mapping[Path, str | None]) -> Iterator[tuple[str, str]]:
    """The files that look like a part, and why they are none."""
    for path in sorted(folder.iterdir()):
        if path not in splits and _stem(path) in _SPLIT_NAMES and path.is_file():
            yield path.name, "its ending is not one of a corpus file"
        elif path in splits and not splits[path] and _SPLIT_LIKE_NAME.search(path.name):
            yield path.name, "its name is not that of a split, like train, dev or test"


def _sha256(path: Path, display_path: str) -> str:
    with open_or_explain(path, display_path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
