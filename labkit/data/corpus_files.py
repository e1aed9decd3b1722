"""Corpus lookup: the files of a corpus by menu name or path."""

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path, PurePath
from typing import NamedTuple

from labkit import paths
from labkit.data.formats import ENDINGS, file_ending, find_folder_format, format_of
from labkit.data.pins import CORPORA
from labkit.messages import N_, Message, message_of

MAX_LISTED = 12  # names in a message

_SPLIT_WORDS = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("dev", "devel", "development", "valid", "validate", "validation", "val", "testa"), "dev"),
    **dict.fromkeys(("test", "testing", "testb"), "test"),
}
_TAG_WORDS = {"tag", "tags", "label", "labels"}
_FORM_WORDS = {  # in names of files that hold the same sentences in another form, not more of them
    *("char", "chars", "character", "characters", "word", "words", "token", "tokens", "sentence", "sentences"),
    *(*_TAG_WORDS, "text", "texts", "bio", "iob", "bioes", "bmes", "bilou", "cased", "uncased"),
    *("raw", "clean", "cleaned", "old", "new", "small", "full", "all", "sample", "gold", "silver"),
}
_BRAT_ENDINGS = (".txt", ".ann")
_PART_ENDINGS = {"parquet", "json", "jsonl", "ndjson"}  # of files in a folder that is called as a split
_HUB_FOLDERS = ("data", "default")  # that hold the splits, in clones of data sets of the hub
_SPLIT_LIKE_NAME = re.compile("train|(?<![a-z])(dev|val|test|eval)", re.IGNORECASE)
NO_CORPORA = {"encoders", "evidence", "texts"}  # folders of data/
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_SHARD_NUMBER = re.compile(r"\d+")  # in `train-00000-of-00003.parquet`


class SourceFile(NamedTuple):
    """A file or folder of a corpus, and the path that messages show."""

    path: Path
    display_path: str


@dataclass(frozen=True)
class CorpusFiles:
    """Existing corpus, not yet read."""

    name: str
    files: Mapping[str, tuple[SourceFile, ...]]  # by split; a split may be in several files
    notes: tuple[Message, ...]  # on files beside them that are not read
    repair: bool = False  # always repair tags that break their scheme

    def all_files(self) -> list[SourceFile]:
        """Files of all splits, those of folders one by one."""
        return [
            SourceFile(path, f"{source.display_path}/{path.name}" if path != source.path else source.display_path)
            for sources in self.files.values()
            for source in sources
            for path in list_files(source.path)
        ]

    def compute_sha256(self) -> str:
        """SHA-256 of the present content, comparable to `Corpus.sha256`.

        Takes 0.03 s for 35 MB. Raises ValueError if a file cannot be read.
        """
        return combine_sha256({split: list(map(hash_source, sources)) for split, sources in self.files.items()})


def list_files(path: Path) -> list[Path]:
    """The file itself, or all visible files of a folder, sorted."""
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))


def hash_source(source: SourceFile) -> str:
    """SHA-256 of a file, or of all files of a folder. Raises ValueError if one cannot be read."""
    hashes = []
    for path in list_files(source.path):
        with open_or_explain(path, source.display_path) as file:
            hashes.append(hashlib.file_digest(file, "sha256").hexdigest())
    return _hash_or_first(hashes)


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


def combine_sha256(hashes: Mapping[str, Sequence[str]]) -> str:
    """One SHA-256 for a corpus, from its files' hashes by split.

    The hash of a single file stays as it is.
    """
    by_split = {split: _hash_or_first(of_split) for split, of_split in hashes.items()}
    if len(by_split) == 1:
        return next(iter(by_split.values()))
    return _hash_lines([f"{split} {by_split[split]}" for split in sorted(by_split)])


def _hash_or_first(hashes: Sequence[str]) -> str:
    return hashes[0] if len(hashes) == 1 else _hash_lines(hashes)


def _hash_lines(lines: Sequence[str]) -> str:
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


def list_corpora() -> list[str]:
    """Corpora of the menu: pinned ones, fetched or not, then folders in `data/`."""
    data = paths.data()
    local = sorted(folder.name for folder in data.iterdir() if _is_corpus(folder)) if data.is_dir() else []
    return [*CORPORA, *(name for name in local if name not in CORPORA)]


def _is_corpus(folder: Path) -> bool:
    try:
        is_candidate = not folder.name.startswith(".") and folder.name not in NO_CORPORA
        return is_candidate and "train" in _find_splits(folder)[0]
    except OSError:  # a file, or a folder that may not be read
        return False


def _find_splits(folder: Path) -> tuple[dict[str, list[Path]], list[Message]]:
    """Files and folders of each split, and notes on what was decided.

    Names are read in three ways, the first that finds a train split counts: the name up to the first dot is a split;
    one word of it is, as in `Train_Data.csv` or `eng.testa`; there is only one file that can be read. Before the last
    way the folders called as those in clones of the hub are looked into.
    """
    readable = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".") and _can_be_read(path)]
    # A folder of one split may lie beside folders of splits, such as lists of all words and tags.
    if find_folder_format(folder) and not any(path.is_dir() and split_of_stem(path) == "train" for path in readable):
        return {"train": [folder]}, []
    for split_of in (split_of_stem, split_of_words):
        splits: dict[str, list[Path]] = {}
        for path in readable:
            if split := split_of(path):
                splits.setdefault(split, []).extend(_list_parts(path) or [path])
        if "train" in splits:
            return splits, []
    for name in _HUB_FOLDERS:
        if inner := _find_named_splits(folder / name):
            return inner, []
    if len(readable) == 1:
        text = N_("{file} is taken for the train split, as there is no other file that can be read.")
        return {"train": readable}, [Message(text, file=readable[0].name)]
    return splits, []


def _find_named_splits(folder: Path) -> dict[str, list[Path]]:
    """Files of each split of a folder that is a corpus by the names of its files; none of any other."""
    splits, guesses = _find_splits(folder) if folder.is_dir() else ({}, [])
    return splits if "train" in splits and not guesses else {}


def _can_be_read(path: Path) -> bool:
    if path.is_dir():
        return find_folder_format(path) is not None or bool(split_of_stem(path) and _list_parts(path))
    return file_ending(path) in {*ENDINGS, *_SPLIT_WORDS}


def _list_parts(path: Path) -> list[Path]:
    """Parts of a folder that is a split, as `0000.parquet` or folders of BRAT; none for any other file or folder."""
    if not path.is_dir() or find_folder_format(path):
        return []
    parts = sorted(part for part in path.iterdir() if not part.name.startswith("."))
    are_parts = all(find_folder_format(part) if part.is_dir() else file_ending(part) in _PART_ENDINGS for part in parts)
    return parts if are_parts else []


def split_of_stem(path: PurePath) -> str | None:
    """The split that a file's name up to the first dot stands for; None if it is none."""
    return _SPLIT_WORDS.get(path.name.split(".")[0].lower()) if file_ending(path) in ENDINGS else None


def split_of_words(path: PurePath) -> str | None:
    """The split that one word of a file's name stands for; None if there is none, or two."""
    words = re.findall("[a-z]+", _divide_name(path))
    found = {_SPLIT_WORDS[word] for word in words if word in _SPLIT_WORDS}
    return found.pop() if len(found) == 1 else None


def _divide_name(path: PurePath) -> str:
    """Name in lower case, with a space in front of its former capitals."""
    return re.sub("([a-z])([A-Z])", r"\1 \2", path.name).lower()


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
            if path.suffix in _BRAT_ENDINGS and all(path.with_suffix(ending).is_file() for ending in _BRAT_ENDINGS):
                text = N_("{file}: a text with annotations of BRAT beside it; give their folder: {folder}")
                raise ValueError(Message(text, file=display_path, folder=str(path.parent)))
            return CorpusFiles(path.stem, {"train": (SourceFile(path, display_path),)}, ())
    except (OSError, RuntimeError) as error:  # no permission, a name too long, `~nobody`
        problem = Message("corpus {name!r} cannot be read: {reason}", name=wanted, reason=message_of(error))
        raise ValueError(problem) from None
    text = N_("unknown corpus {name!r}: not a file, a folder, or one of {menu}")
    if is_hub_name(wanted):
        text = N_(
            "unknown corpus {name!r}: not a file, a folder, or one of {menu}; a data set of the Hugging Face hub is "
            "fetched by `labkit fetch NAME`"
        )
    raise ValueError(Message(text, name=wanted, menu=", ".join(list_corpora())))


def is_hub_name(name: str) -> bool:
    """True if a data set on the Hugging Face hub may be called so."""
    return bool(_HUB_NAME.fullmatch(name)) and ".." not in name and "--" not in name


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


def _find_files(folder: Path, display_path: str) -> tuple[dict[str, tuple[SourceFile, ...]], tuple[Message, ...]]:
    splits, notes = _find_splits(folder)
    for split, found in splits.items():
        notes += _check_parts(found, split, display_path)
    if "train" not in splits:
        raise ValueError(_describe_missing_train(folder, display_path))
    shown = display_path.rstrip("/")
    files = {
        split: tuple(
            SourceFile(path, shown if path == folder else f"{shown}/{path.relative_to(folder).as_posix()}")
            for path in found
        )
        for split, found in splits.items()
    }
    return files, (*notes, *_notes_on_unread(folder, display_path, splits))


def _check_parts(paths: Sequence[Path], split: str, display_path: str) -> list[Message]:
    """Note on several files of a split, unless they are numbered. Raises ValueError if they may not belong together.

    They do if all have one ending and format, and each a word of its own in its name, as in `train_news.conll`.
    """
    if len({_SHARD_NUMBER.sub("", path.name) for path in paths}) < 2:
        return []
    words = [set(re.findall(r"[^\W\d_]+", _divide_name(path))) for path in paths]
    own = [each - set.intersection(*words) for each in words]
    differing = set().union(*own)
    one_format = len({(file_ending(path), id(format_of(path))) for path in paths}) == 1
    names = {"folder": display_path, "one": paths[0].name, "other": paths[1].name}
    if all(own) and one_format and not differing & {*_SPLIT_WORDS, *_FORM_WORDS}:
        text = N_("{folder}: the {split} split is read from {files} together.")
        listed = ", ".join(path.name for path in paths[:MAX_LISTED]) + (" …" if len(paths) > MAX_LISTED else "")
        return [Message(text, folder=display_path, split=Message(split), files=listed)]
    if len(paths) == 2 and differing & _TAG_WORDS and all(own):
        text = N_(
            "{folder}: are {one} and {other} the words of the {split} split and their tags? Put them into a folder "
            "{name}, as words.txt and tags.txt"
        )
        raise ValueError(Message(text, **names, split=Message(split), name=split))
    text = N_(
        "{folder}: both {one} and {other} may be the {split} split; move one of them out of the folder, or join "
        "them in one file if both belong to it"
    )
    raise ValueError(Message(text, **names, split=Message(split)))


def _describe_missing_train(folder: Path, display_path: str) -> Message:
    """What lies in a folder without a train split, and the way out."""
    names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    listed = ", ".join(names[:MAX_LISTED]) + (" …" if len(names) > MAX_LISTED else "")
    endings = ", ".join(f".{ending}" for ending in sorted({*ENDINGS} - {""}))
    text = N_(
        "{folder}: no train file among {names}; call one train, as in train.txt, or several train-1.txt, train-2.txt. "
        "Endings read: {endings}"
    )
    if inner := [name for name in names if _find_named_splits(folder / name)]:
        text = N_("{folder}: no train file among {names}; each of its folders {inner} is a corpus of its own: give one")
        return Message(text, folder=display_path, names=listed, inner=", ".join(inner[:MAX_LISTED]))
    if not names:
        text = N_("{folder}: the folder is empty; expected a file called train with one of the endings {endings}")
    return Message(text, folder=display_path, names=listed, endings=endings)


def _notes_on_unread(folder: Path, display_path: str, splits: Mapping[str, Sequence[Path]]) -> Iterator[Message]:
    """Notes on unread files that look like a split."""
    used = {each for found in splits.values() for path in found for each in (path, *path.parents)}
    for path in sorted(folder.iterdir()):
        if path in used or path.name.startswith(".") or not _SPLIT_LIKE_NAME.search(path.name):
            continue
        text = N_("{file} was not read: its name is not that of a split, like train, dev or test.")
        if path.is_dir() and not _can_be_read(path):
            text = N_("{file} was not read: the folder is in none of the formats that have a folder for each split.")
        elif path.is_file() and file_ending(path) not in {*ENDINGS, *_SPLIT_WORDS}:
            text = N_("{file} was not read: its ending is not one of a corpus file.")
        yield Message(text, file=f"{display_path}/{path.name}")
