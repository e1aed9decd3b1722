"""Hugging Face data sets as files: Parquet, and Arrow as `save_to_disk` writes it.

Label numbers are named from the features (ClassLabel), which Parquet and Arrow files hold in their metadata, and Arrow
folders in `dataset_info.json`. Nothing but these files is read, and no code of a data set is run.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from labkit.data.corpus_files import SourceFile, hash_source
from labkit.data.formats import file_ending
from labkit.data.formats.parsed_file import ParsedFile, RawSentence
from labkit.data.formats.sentence_builder import SentenceBuilder
from labkit.data.formats.text_lines import read_bytes
from labkit.data.word_splitting import is_invisible
from labkit.messages import N_, Message

WORD_COLUMNS = ("tokens", "words")
TAG_COLUMNS = ("ner_tags", "tags", "labels")

_UNKNOWN = {-1, -100}  # numbers of labels that are kept secret, or are none


def recognises(folder: Path) -> bool:
    """True if `save_to_disk` wrote a folder with one split."""
    return (folder / "state.json").is_file() and any(folder.glob("*.arrow"))


def read_table(path: Path, display_path: str) -> ParsedFile:
    """Reads a Parquet or Arrow file. Raises ValueError with file and row."""
    parsed = ParsedFile(display_path, hash_source(SourceFile(path, display_path)), [], one_word_per_line=False)
    return _read_tables(parsed, [path], {})


def read_folder(path: Path, display_path: str) -> ParsedFile:
    """Reads a folder of Arrow files. Raises ValueError with file and row."""
    parsed = ParsedFile(display_path, hash_source(SourceFile(path, display_path)), [], one_word_per_line=False)
    state, info = (_load_json(parsed, path / name) for name in ("state.json", "dataset_info.json"))
    listed = state.get("_data_files")
    names = [one.get("filename") for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    files = [path / Path(name).name for name in names if isinstance(name, str)] or sorted(path.glob("*.arrow"))
    features = info.get("features")
    return _read_tables(parsed, files, features if isinstance(features, dict) else {})


def _read_tables(parsed: ParsedFile, files: Sequence[Path], features: Mapping[str, Any]) -> ParsedFile:
    builder = SentenceBuilder(parsed)
    unknown: list[RawSentence] = []
    numbers = count(1)
    for file in files:
        rows, names = _read_columns(parsed, file, features)
        for (words, tags), row in zip(rows, numbers, strict=False):
            _check_row(parsed, row, words, tags)
            if tags and all(type(tag) is int and tag in _UNKNOWN for tag in tags):
                visible = tuple(word for word in words if word and not is_invisible(word))
                unknown += [RawSentence(visible, (), row)] if visible else []
                continue
            for word, tag in zip(words, tags, strict=True):
                builder.add_word(word, _name_of(parsed, row, tag, names), row)
            builder.end_sentence()
    if unknown and not parsed.sentences:
        parsed.sentences = unknown
        problem = Message("all tags are -1 or -100, which stand for unknown ones")
        return parsed.mark_unlabelled(parsed.missing_labels or problem)
    if unknown:
        text = N_("{file}: {count:,} rows left out whose tags are all -1 or -100, the first is row {row}.")
        parsed.notes.append(Message(text, file=parsed.display_path, count=len(unknown), row=unknown[0].line))
    return builder.finish()


def _check_row(parsed: ParsedFile, row: int, words: Any, tags: Any) -> None:
    if not isinstance(words, list) or not isinstance(tags, list) or not all(isinstance(word, str) for word in words):
        raise parsed.error(row, Message("expected a list of words and a list of their tags in each row"))
    if len(words) != len(tags):
        raise parsed.error(row, Message("{tags} tags for {words} words", tags=len(tags), words=len(words)))


def _name_of(parsed: ParsedFile, row: int, tag: Any, names: Sequence[str]) -> str:
    if isinstance(tag, str):
        return tag
    if not names:
        text = N_(
            "the tags are numbers without names; expected features of type ClassLabel, as the package datasets writes "
            "them, or tags such as B-PER"
        )
        raise parsed.error(row, Message(text))
    if type(tag) is int and 0 <= tag < len(names):
        return names[tag]
    if type(tag) is int and tag in _UNKNOWN:
        text = N_(
            "tag {tag} beside other tags: are these pieces of a tokenizer? expected whole words and a tag for each; "
            "save the data set as it was before"
        )
        raise parsed.error(row, Message(text, tag=tag))
    text = N_("tag {tag!r}; expected a number from 0 to {last}, as the features have so many names")
    raise parsed.error(row, Message(text, tag=str(tag)[:80], last=len(names) - 1))


def _read_columns(
    parsed: ParsedFile, file: Path, features: Mapping[str, Any]
) -> tuple[Iterator[tuple[Any, Any]], list[str]]:
    """Words and tags of each row, and the names of label numbers. Without a column of tags all are unknown."""
    try:
        import pyarrow
    except ImportError:
        text = N_("{file}: Parquet and Arrow files are read by pyarrow; pip install labkit[parquet]")
        raise ValueError(Message(text, file=parsed.display_path)) from None
    data = read_bytes(file, parsed.display_path)
    try:
        table = _decode(data, is_parquet=file_ending(file) == "parquet")
        metadata = table.schema.metadata or {}
        word_column, tag_column = (_find_column(table.column_names, wanted) for wanted in (WORD_COLUMNS, TAG_COLUMNS))
        if not word_column:
            raise parsed.error(1, _no_column(table.column_names, WORD_COLUMNS))
        if not tag_column:
            parsed.missing_labels = _no_column(table.column_names, TAG_COLUMNS)
        table = table.select([word_column, tag_column] if tag_column else [word_column])
        table.validate(full=True)  # a damaged file could point anywhere
        features = features or _features_in(metadata.get(b"huggingface", b""))
        words, *of_tags = (column.to_pylist() for column in table.columns)
        tags = of_tags[0] if of_tags else [[-1] * len(row or ()) for row in words]
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        text = N_("{file}: not a Parquet or Arrow file that can be read: {reason}")
        raise ValueError(Message(text, file=parsed.display_path, reason=str(error)[:200])) from None
    return zip(words, tags, strict=True), _label_names(features.get(tag_column))


def _decode(data: bytes, *, is_parquet: bool) -> Any:
    """Table of a Parquet file, or of an Arrow stream or file."""
    import pyarrow as pa

    if is_parquet:
        import pyarrow.parquet

        return pyarrow.parquet.ParquetFile(pa.BufferReader(data)).read()
    try:
        return pa.ipc.open_stream(data).read_all()
    except pa.ArrowInvalid:
        return pa.ipc.open_file(data).read_all()


def _find_column(names: Sequence[str], wanted: Sequence[str]) -> str:
    """First of the wanted columns that is there once; empty if none is."""
    return next((name for name in wanted if names.count(name) == 1), "")


def _no_column(names: Sequence[str], wanted: Sequence[str]) -> Message:
    listed = ", ".join(name[:40] for name in names[:12])
    return Message("no column {wanted}; found {found}", wanted=", ".join(wanted), found=listed)


def _features_in(metadata: bytes) -> dict[str, Any]:
    """Features in the metadata of a Parquet or Arrow file; empty without any."""
    try:
        features = json.loads(metadata)["info"]["features"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return features if isinstance(features, dict) else {}


def _label_names(feature: Any) -> list[str]:
    """Names of label numbers in the feature of a column: a ClassLabel in a list."""
    while True:
        if isinstance(feature, list) and len(feature) == 1:
            feature = feature[0]
        elif isinstance(feature, dict) and "feature" in feature:
            feature = feature["feature"]
        else:
            break
    names = feature.get("names") if isinstance(feature, dict) else None
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else []


def _load_json(parsed: ParsedFile, path: Path) -> dict[str, Any]:
    shown = f"{parsed.display_path}/{path.name}"
    try:
        loaded = json.loads(read_bytes(path, shown))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(Message("{file}: not JSON: {reason}", file=shown, reason=str(error)[:200])) from None
    if not isinstance(loaded, dict):
        raise ValueError(Message("{file}: not JSON: {reason}", file=shown, reason="{} expected"))
    return loaded
