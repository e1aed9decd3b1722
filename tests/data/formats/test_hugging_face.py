"""Hugging Face data sets as files: written by `datasets`, pyarrow and pandas."""

import sys
from pathlib import Path
from typing import Any

import pytest

from labkit.data.corpora import find_corpus, read_corpus
from tests.data.formats.samples import SENTENCES, pairs, read
from tests.data.formats.writers import write_arrow_folder, write_parquet

pyarrow = pytest.importorskip("pyarrow")
NAMES = ["O", *sorted({tag for _, tags in SENTENCES for tag in tags} - {"O"})]
ROWS: dict[str, list[Any]] = {
    "id": [str(number) for number in range(len(SENTENCES))],
    "tokens": [list(words) for words, _ in SENTENCES],
    "pos_tags": [[0] * len(words) for words, _ in SENTENCES],
    "ner_tags": [[NAMES.index(tag) for tag in tags] for _, tags in SENTENCES],
}
TEXT_TAGS = {"words": ROWS["tokens"], "labels": [list(tags) for _, tags in SENTENCES]}


def feature(names: Any, kind: str = "List") -> dict[str, Any]:
    return {"ner_tags": {"feature": {"names": names, "_type": "ClassLabel"}, "_type": kind}}


@pytest.fixture(scope="module")
def dataset() -> Any:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        id=datasets.Value("string"),
        tokens=datasets.Sequence(datasets.Value("string")),
        pos_tags=datasets.Sequence(datasets.Value("int64")),
        ner_tags=datasets.Sequence(datasets.ClassLabel(names=NAMES)),
    )
    return datasets.Dataset.from_dict(ROWS, features=features)


def test_parquet_of_datasets_comes_back(tmp_path: Path, dataset: Any) -> None:
    dataset.to_parquet(tmp_path / "train.parquet")
    parsed = read(tmp_path / "train.parquet")
    assert (pairs(parsed), parsed.notes) == (SENTENCES, [])


def test_arrow_folders_of_datasets_come_back(tmp_path: Path, dataset: Any) -> None:
    import datasets

    dataset.save_to_disk(tmp_path / "one", num_shards=2)
    assert pairs(read(tmp_path / "one")) == SENTENCES
    datasets.DatasetDict(train=dataset, validation=dataset, test=dataset).save_to_disk(tmp_path / "all")
    corpus = read_corpus(tmp_path / "all")
    assert [len(part) for part in (corpus.train, corpus.dev, corpus.test)] == [4, 4, 4]
    assert corpus.sha256 == find_corpus(tmp_path / "all").compute_sha256()


def test_arrow_folders_without_datasets_come_back(tmp_path: Path) -> None:
    folder = write_arrow_folder(tmp_path / "train", ROWS, feature(NAMES, "Sequence"))
    assert pairs(read(folder)) == SENTENCES
    (folder / "state.json").write_text("[")
    with pytest.raises(ValueError, match=r"^train/state\.json: not JSON"):
        read(folder)


def test_shards_of_parquet_are_one_split(tmp_path: Path) -> None:
    for split in ("train", "validation"):
        for shard in range(2):
            write_parquet(tmp_path / f"{split}-0000{shard}-of-00002.parquet", ROWS, feature(NAMES))
    assert [len(files) for files in find_corpus(tmp_path).files.values()] == [2, 2]
    assert len(read_corpus(tmp_path).train) == 8


def test_tags_as_text_are_taken_as_they_are(tmp_path: Path) -> None:
    assert pairs(read(write_parquet(tmp_path / "a.parquet", TEXT_TAGS))) == SENTENCES
    pandas = pytest.importorskip("pandas")
    pandas.DataFrame(TEXT_TAGS).to_parquet(tmp_path / "b.parquet")
    assert pairs(read(tmp_path / "b.parquet")) == SENTENCES


def test_unknown_tags_are_not_scored(tmp_path: Path) -> None:
    unknown = {"tokens": [["a"], ["b"]], "ner_tags": [[-1], [-100]]}
    assert "all tags are -1 or -100" in str(read(write_parquet(tmp_path / "a.parquet", unknown)).missing_labels)
    unknown["ner_tags"][1] = [1]
    parsed = read(write_parquet(tmp_path / "a.parquet", unknown, feature(NAMES)))
    assert parsed.notes == ["a.parquet: 1 rows left out whose tags are all -1 or -100, the first is row 1."]


@pytest.mark.parametrize(
    ("columns", "features", "message"),
    [
        ({"tokens": [["a"]], "ner_tags": [[1]]}, None, r"^a\.parquet:1: the tags are numbers without names"),
        ({"tokens": [["a"]], "ner_tags": [[1]]}, [], r"^a\.parquet:1: the tags are numbers without names"),
        ({"tokens": [["a"]], "ner_tags": [[1]]}, feature({}), r"^a\.parquet:1: the tags are numbers without names"),
        ({"tokens": [["a"]], "ner_tags": [[9]]}, feature(["O"]), r"^a\.parquet:1: tag '9'; expected a .* 0 to 0"),
        (
            {"tokens": [["a", "b"]], "ner_tags": [[0, -100]]},
            feature(["O"]),
            r"^a\.parquet:1: tag -100 beside other tags: are these pieces of a tokenizer\?",
        ),
        ({"tokens": [["a"], ["b"]], "tags": [["O"], ["X"]]}, None, r"^a\.parquet:2: unknown tag 'X'"),
        ({"tokens": [["a"]], "tags": [["O", "O"]]}, None, r"^a\.parquet:1: 2 tags for 1 words"),
        ({"tokens": ["a b"], "tags": [["O"]]}, None, r"^a\.parquet:1: expected a list of words"),
        ({"tokens": [["a"], None], "tags": [["O"], ["O"]]}, None, r"^a\.parquet:2: expected a list of words"),
        ({"text": ["a"], "tags": [["O"]]}, None, r"^a\.parquet:1: no column tokens, words; found text, tags"),
    ],
)
def test_what_cannot_be_meant_names_file_and_row(
    tmp_path: Path, columns: dict[str, list[Any]], features: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        read(write_parquet(tmp_path / "a.parquet", columns, features))


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
def test_other_files_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"tokens,tags\n")
    with pytest.raises(ValueError, match=rf"^{name}: not a Parquet or Arrow file that can be read"):
        read(tmp_path / name)


def test_without_pyarrow_the_way_out_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_parquet(tmp_path / "a.parquet", ROWS)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ValueError, match=r"pip install labkit\[parquet\]"):
        read(path)
