"""Data sets of the Hugging Face hub, fetched as a corpus of their own in `data/`.

The hub itself converts data sets to Parquet, in the branch `refs/convert/parquet`, where each has its features; without
that the files of its main branch are taken. Only these files are read: no code of a data set is run.
https://huggingface.co/docs/dataset-viewer/parquet
"""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from labkit.data.corpus_files import MAX_LISTED, is_hub_name, split_of_stem, split_of_words
from labkit.data.formats import ENDINGS, file_ending
from labkit.data.uploads import store_corpus
from labkit.messages import N_, Message

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_CONVERTED = "refs/convert/parquet"


def fetch_dataset(name: str, subset: str = "") -> str:
    """Downloads the splits of a data set; returns the name of the new corpus.

    Args:
        name: name on the hub, such as `owner/name`.
        subset: configuration of the data set, or folder of its files; needed where it has several.

    Raises ValueError if the hub cannot be reached, has no such data set or subset, or no format reads its files.
    """
    from huggingface_hub import HfApi, hf_hub_download  # takes 0.3 s, which reading a corpus does not need

    if not is_hub_name(name):
        raise ValueError(Message("{name!r} is no name of a data set; expected one as owner/name", name=name))
    try:
        revision, subsets = _list_subsets(HfApi(), name)
        chosen = _choose_subset(name, subsets, subset)
        paths = {
            target: Path(hf_hub_download(name, file, repo_type="dataset", revision=revision))
            for target, file in subsets[chosen].items()
        }
    except ValueError:
        raise
    except Exception as error:  # of huggingface_hub, its HTTP library, or the disk
        raise ValueError(_describe_failure(name, error)) from error
    parts = [name.split("/")[1], *([chosen] if chosen and len(subsets) > 1 else [])]
    return store_corpus("-".join(parts), [(Path(target), path.read_bytes()) for target, path in paths.items()])


def _list_subsets(hub: "HfApi", name: str) -> tuple[str, dict[str, dict[str, str]]]:
    """Revision, and by subset the files of its splits: the name that each gets here, and its path there."""
    from huggingface_hub.errors import RevisionNotFoundError

    try:
        converted = hub.list_repo_files(name, repo_type="dataset", revision=_CONVERTED)
    except RevisionNotFoundError:
        converted = []
    if subsets := _group_by_subset(converted):
        return _CONVERTED, subsets
    files = hub.list_repo_files(name, repo_type="dataset")
    if subsets := _group_by_subset(files):
        return "main", subsets
    text = N_("the data set {name!r} has no train split in a format that is read; its files: {files}")
    listed = ", ".join(files[:MAX_LISTED]) + (" …" if len(files) > MAX_LISTED else "")
    raise ValueError(Message(text, name=name, files=listed))


def _group_by_subset(files: Sequence[str]) -> dict[str, dict[str, str]]:
    """Files of splits by subset, only of subsets with a train split.

    A file's folder may be its split, as in `en/train/0000.parquet`; the folder above it is the subset.
    """
    readable = [file for file in map(PurePosixPath, files) if file_ending(file) in ENDINGS - {""}]
    for split_of in (split_of_stem, split_of_words):  # `test` is one, `test_unseen` is only where there is no other
        subsets: dict[str, dict[str, str]] = {}
        with_train = set()
        for file in readable:
            folder, target, split = file.parent, file.name, split_of(file)
            if not split:
                folder, target, split = folder.parent, f"{folder.name}-{file.name}", split_of(folder)
            if split:
                subsets.setdefault(str(folder), {})[target] = str(file)
            if split == "train":
                with_train.add(str(folder))
        if with_train:
            return {"" if folder == "." else folder: subsets[folder] for folder in with_train}
    return {}


def _choose_subset(name: str, subsets: Mapping[str, object], asked: str) -> str:
    if asked in subsets:
        return asked
    if not asked and len(subsets) == 1:
        return next(iter(subsets))
    if not asked and "default" in subsets:
        return "default"
    listed = ", ".join(sorted(subsets)[:50])
    text = N_("the data set {name!r} has no subset {asked!r}; it has {subsets}")
    if not asked:
        text = N_("the data set {name!r} has several subsets; choose one by --subset: {subsets}")
    raise ValueError(Message(text, name=name, asked=asked, subsets=listed))


def _describe_failure(name: str, error: Exception) -> Message:
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    if isinstance(error, GatedRepoError):
        text = N_("access to the data set {name!r} must be asked for on its page on the hub; then run `hf auth login`")
        return Message(text, name=name)
    if isinstance(error, RepositoryNotFoundError):
        text = N_(
            "the hub has no public data set {name!r}; check its spelling, or run `hf auth login` if it is private"
        )
        return Message(text, name=name)
    reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
    text = N_(
        "the data set {name!r} could not be fetched from the Hugging Face hub: {error}; if it cannot be reached, set "
        "HF_ENDPOINT to a mirror"
    )
    return Message(text, name=name, error=reason)
